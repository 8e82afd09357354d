"""One question, from a folder of files to an answer with its sources."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.cli import documents, frameworks
from turnout.cli.failures import UserError, warn
from turnout.cli.rag import Hit, cited, given, relevant
from turnout.cli.steps import Progress, Steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from turnout.cli.documents import Reading
    from turnout.cli.frameworks import Framework
    from turnout.settings import Settings

_BATCH = 128  # chunks embedded between two signs of progress
_WARNINGS = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, of what, and how.

    Attributes:
        text: The question.
        docs: The folder.
        framework: The framework; None for the one that is installed.
        backend: The backend; None for the settings' own.
        model: The chat route.
        top_k: How many chunks are retrieved at most.
        stream: Whether the answer is shown as it comes.
        config: A settings file; None for the one that is found.
    """

    text: str
    docs: Path
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
        question: What was asked.
        settings: The settings that it was asked with.
        framework: The framework that was used.
        reading: What was read.
        chunks: How many chunks were embedded.
        hits: What was retrieved, best first.
        used: Which of that the answer was made from.
        answer: The answer.
        first_token: Seconds until the first piece of a streamed answer.
        steps: How long each step took.
    """

    question: Question
    settings: Settings
    framework: Framework
    reading: Reading
    chunks: int = 0
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
        return self.cited or given(self.used)


def run(question: Question, on_text: Callable[[str], None]) -> Run:
    """Answer a question from the files of a folder.

    Args:
        question: What to ask.
        on_text: Gets the answer, in pieces if it is streamed.

    Raises:
        UserError: The question is empty, or the folder has nothing to read.
        TurnoutError: The settings are wrong, no credential was found, or a service failed.
    """
    if not question.text.strip():
        raise UserError('the question is empty; write it in quotes: turnout ask "How do I …?" --docs FOLDER')
    steps = Steps()
    with steps.step("settings"):
        settings = _settings(question)
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
    made.chunks = len(chunks)
    with steps.step("embed"), Progress("embedding", "chunks", len(chunks)) as progress:
        for start in range(0, len(chunks), _BATCH):
            batch = chunks[start : start + _BATCH]
            application.embed(batch)
            progress.advance(len(batch))
    with steps.step("retrieve"):
        made.hits = sorted(application.retrieve(question.text, question.top_k), key=lambda hit: -hit.score)
        made.used = relevant(made.hits)
    started = time.perf_counter()
    with steps.step("answer"):
        for text in application.answer(question.text, made.used, stream=question.stream):
            if question.stream and made.first_token is None and text:
                made.first_token = time.perf_counter() - started
            made.answer += text
            on_text(text)
    return made


def _settings(question: Question) -> Settings:
    """The settings, with `--backend` in the place of TURNOUT_BACKEND, and both routes known to resolve."""
    from turnout.routes import active_backend, resolve
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
