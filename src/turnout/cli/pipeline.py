"""One question, from a folder of files to an answer with its sources."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.cli import documents, frameworks
from turnout.cli.documents import Reading
from turnout.cli.failures import UserError, warn
from turnout.cli.frameworks import Framework
from turnout.cli.rag import Hit, cited, relevant, sources_of
from turnout.cli.steps import Progress, Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.cli.rag import Application
    from turnout.settings import Settings

_BATCH = 128  # chunks embedded between two signs of progress
_INDEX_BATCH = 1024  # chunks put into an index between two signs of progress
_WARNINGS = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, of what, and how: the arguments of `turnout ask`."""

    text: str
    docs: Path | None
    index: str | None
    framework: Framework | None
    backend: str | None
    model: str
    top_k: int
    stream: bool
    config: Path | None


@dataclass(slots=True)
class Run:
    """What became of a question."""

    question: Question
    settings: Settings = field(init=False)
    framework: Framework = field(init=False)
    reading: Reading = field(default_factory=Reading)
    chunks: int = 0  # that were read
    embedded: int = 0  # of these; the others an index had already
    dropped: int = 0  # from an index: of files, or parts of files, that are no more
    hits: list[Hit] = field(default_factory=list)  # best first
    used: list[Hit] = field(default_factory=list)  # those that the answer was made from
    answer: str = ""
    first_token: float | None = None  # seconds until the first piece of a streamed answer
    steps: Steps = field(default_factory=Steps)

    @property
    def cited(self) -> list[str]:
        """The sources that the answer names, best first."""
        return cited(self.answer, self.used)

    @property
    def sources(self) -> list[str]:
        """The sources that the answer names, or all that it was given if it names none."""
        return self.cited or sources_of(self.used)


def run(question: Question, on_text: Callable[[str], None]) -> Run:
    """Answer a question from the files of a folder, or from an index that keeps them; `on_text` gets the answer.

    Raises:
        UserError: The question is empty, the folder has nothing to read, or the index no documents.
        IndexBehindError: The index lacks documents in the settings' embedding space.
        TurnoutError: The settings are wrong, no credential was found, or a service failed.
    """
    if not question.text.strip():
        raise UserError('the question is empty; write it in quotes: turnout ask "How do I …?" --docs FOLDER')
    made = Run(question)
    with made.steps.step("settings"):
        made.settings = _settings(question)
    application = _prepare(made)
    with made.steps.step("retrieve"):
        made.hits = sorted(application.retrieve(question.text, question.top_k), key=lambda hit: -hit.score)
        made.used = relevant(made.hits)
    if not made.hits:
        raise UserError(f"the index {question.index!r} has no documents; say where they are: --docs FOLDER")
    started = time.perf_counter()
    with made.steps.step("answer"):
        for text in application.answer(question.text, made.used, stream=question.stream):
            if question.stream and made.first_token is None and text:
                made.first_token = time.perf_counter() - started
            made.answer += text
            on_text(text)
    return made


def _prepare(made: Run) -> Application:
    """The application with the files embedded: for this question alone, or what a named index doesn't have yet."""
    question, steps = made.question, made.steps
    framework, folder = question.framework, question.docs
    if question.index is not None:
        from turnout.index.config import IndexConfig

        index = IndexConfig(question.index, made.settings).settings
        framework = frameworks.of_index(index)
        if question.framework not in {None, framework}:
            hint = f"leave out --framework {question.framework}"
            raise UserError(f"the index {question.index!r} is {index.opened_with}'s; {hint}")
        folder = Path(index.source) if index.source is not None else None
        if question.docs is not None:
            folder = question.docs.resolve()
    elif folder is None:
        raise UserError("say where the documents are: --docs FOLDER, or --index NAME")
    made.framework = frameworks.choose(framework)
    if folder is not None:
        with steps.step("read"), Progress("reading", "files") as progress:
            made.reading = documents.read(folder, progress.advance, may_be_empty=question.index is not None)
        _warn(made.reading)
    with steps.step("load"), frameworks.loaded(made.framework) as module:
        application: Application = module.Application(made.settings, question.model, question.index)
    if folder is not None:
        _embed(made, application, module, str(folder))
    return application


def _embed(made: Run, application: Application, module: Any, origin: str) -> None:
    named, pages = application.named, made.reading.pages
    chunks: list[Any] = []
    with made.steps.step("split"), Progress("splitting", "texts", len(pages)) as progress:
        for page in pages:
            chunks += module.split(page) if named is None else module.index_chunks(page)
            progress.advance(1)
    made.chunks = len(chunks)
    size = _BATCH if named is None else _INDEX_BATCH
    with made.steps.step("embed"), Progress("embedding", "chunks", len(chunks)) as progress:
        for start in range(0, len(chunks), size):
            batch = chunks[start : start + size]
            if named is None:
                application.embed(batch)
                made.embedded += len(batch)
            else:
                made.embedded += named.add(batch, origin)
            progress.advance(len(batch))
        if named is not None and (absent := named.absent(origin, [chunk.id for chunk in chunks]) if chunks else []):
            named.delete(absent)
            made.dropped = len(absent)


def _settings(question: Question) -> Settings:
    """The settings, with `--backend` in the place of TURNOUT_BACKEND, and both routes known to resolve."""
    from turnout.routing import active_backend, resolve
    from turnout.settings import load_settings

    settings = load_settings(question.config)
    if question.backend is not None:
        chosen = active_backend(settings, "chat", question.backend)
        settings = settings.model_copy(update={"backend": chosen})
    resolve(question.model, settings=settings)
    resolve(kind="embedding", settings=settings)
    return settings


def _warn(reading: Reading) -> None:
    for name, why in reading.skipped[:_WARNINGS]:
        warn(f"{name}: {why}; skipped")
    if len(reading.skipped) > _WARNINGS:
        warn(f"{len(reading.skipped) - _WARNINGS} more files were skipped")
