"""One question, from a folder of files to an answer with its sources."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.cli import documents, frameworks
from turnout.cli.failures import UserError, warn
from turnout.cli.frameworks import Framework
from turnout.cli.rag import Hit, cited, relevant, sources_of
from turnout.cli.steps import Progress, Steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from turnout.cli.documents import Reading
    from turnout.cli.rag import Application
    from turnout.settings import Settings

_BATCH = 128  # chunks embedded between two signs of progress
_INDEX_BATCH = 1024  # chunks put into an index between two signs of progress
_WARNINGS = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, of what, and how: the arguments of `turnout ask`."""

    text: str
    docs: Path | None = None
    index: str | None = None
    framework: Framework | None = None
    backend: str | None = None
    model: str = "default"
    top_k: int = 4
    stream: bool = False
    config: Path | None = None


@dataclass(slots=True)
class Run:
    """What became of a question.

    Attributes:
        chunks: How many chunks were read.
        embedded: How many of them were embedded; the others an index had already.
        dropped: How many chunks an index had of files, or parts of files, that are no more.
        hits: What was retrieved, best first.
        used: Which of that the answer was made from.
        first_token: Seconds until the first piece of a streamed answer.
        steps: How long each step took.
    """

    question: Question
    settings: Settings
    framework: Framework
    reading: Reading
    chunks: int = 0
    embedded: int = 0
    dropped: int = 0
    hits: list[Hit] = field(default_factory=list)
    used: list[Hit] = field(default_factory=list)
    answer: str = ""
    first_token: float | None = None
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
    """Answer a question from the files of a folder, or from an index that keeps them.

    Args:
        question: What to ask.
        on_text: Gets the answer, in pieces if it is streamed.

    Raises:
        UserError: The question is empty, the folder has nothing to read, or the index no documents.
        IndexBehindError: The index lacks documents in the settings' embedding space.
        TurnoutError: The settings are wrong, no credential was found, or a service failed.
    """
    if not question.text.strip():
        raise UserError('the question is empty; write it in quotes: turnout ask "How do I …?" --docs FOLDER')
    steps = Steps()
    with steps.step("settings"):
        settings = _settings(question)
    made, application = (_read if question.index is None else _opened)(question, settings, steps)
    with steps.step("retrieve"):
        made.hits = sorted(application.retrieve(question.text, question.top_k), key=lambda hit: -hit.score)
        made.used = relevant(made.hits)
    if not made.hits:
        raise UserError(f"the index {question.index!r} has no documents; say where they are: --docs FOLDER")
    started = time.perf_counter()
    with steps.step("answer"):
        for text in application.answer(question.text, made.used, stream=question.stream):
            if question.stream and made.first_token is None and text:
                made.first_token = time.perf_counter() - started
            made.answer += text
            on_text(text)
    return made


def _read(question: Question, settings: Settings, steps: Steps) -> tuple[Run, Application]:
    """Embed the files of a folder, for this question alone."""
    if question.docs is None:
        raise UserError("say where the documents are: --docs FOLDER, or --index NAME")
    framework = frameworks.choose(question.framework)
    with steps.step("read"), Progress("reading", "files") as progress:
        reading = documents.read(question.docs, progress.advance)
    _warn(reading)
    with steps.step("load"):
        application = frameworks.application(framework, settings, question.model)
    made = Run(question, settings, framework, reading, steps=steps)
    chunks: list[Any] = []
    with steps.step("split"), Progress("splitting", "texts", len(reading.pages)) as progress:
        for page in reading.pages:
            chunks += application.split([page])
            progress.advance(1)
    made.chunks = made.embedded = len(chunks)
    with steps.step("embed"), Progress("embedding", "chunks", len(chunks)) as progress:
        for start in range(0, len(chunks), _BATCH):
            batch = chunks[start : start + _BATCH]
            application.embed(batch)
            progress.advance(len(batch))
    return made, application


def _opened(question: Question, settings: Settings, steps: Steps) -> tuple[Run, Application]:
    """Open a named index, and embed what it doesn't have yet of the files of its folder."""
    from turnout.index.config import IndexConfig

    assert question.index is not None
    index = IndexConfig(question.index, settings).settings
    framework = frameworks.choose(question.framework or Framework(index.opened_with.replace("_", "-")))
    if framework != index.opened_with.replace("_", "-"):
        raise UserError(f"the index {question.index!r} is {index.opened_with}'s; leave out --framework {framework}")
    with steps.step("load"):
        application = frameworks.indexed(framework, settings, question.model, question.index)
    made = Run(question, settings, framework, documents.Reading(), steps=steps)
    folder = str(question.docs.resolve()) if question.docs is not None else index.source
    if folder is None:
        return made, application
    from turnout.cli.chunks import Documents

    with steps.step("read"):
        source = Documents(index.model_copy(update={"source": folder}))
        chunks = list(source.chunks())
        made.reading = source.reading
    _warn(made.reading)
    made.chunks = len(chunks)
    with steps.step("embed"), Progress("embedding", "chunks", len(chunks)) as progress:
        for start in range(0, len(chunks), _INDEX_BATCH):
            batch = chunks[start : start + _INDEX_BATCH]
            made.embedded += application.named.add(batch, folder)
            progress.advance(len(batch))
        absent = application.named.absent(folder, [chunk.id for chunk in chunks]) if chunks else []
        if absent:
            application.named.delete(absent)
        made.dropped = len(absent)
    return made, application


def _settings(question: Question) -> Settings:
    """The settings, with `--backend` in the place of TURNOUT_BACKEND, and both routes known to resolve."""
    from turnout.routing import active_backend, resolve
    from turnout.settings import Settings, load_settings

    settings = load_settings(question.config)
    if question.backend is not None:
        chosen = active_backend(settings, "chat", question.backend)
        fields = {name: getattr(settings, name) for name in Settings.model_fields}
        settings = Settings.model_validate({**fields, "backend": chosen})
    resolve(question.model, settings=settings)
    resolve(kind="embedding", settings=settings)
    return settings


def _warn(reading: Reading) -> None:
    for name, why in reading.skipped[:_WARNINGS]:
        warn(f"{name}: {why}; skipped")
    if len(reading.skipped) > _WARNINGS:
        warn(f"{len(reading.skipped) - _WARNINGS} more files were skipped")
