"""Running a row on a column, and what came of it."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.contract.apps.limits import UnmetError, limit
from turnout.facts.models import facts
from turnout_emulator import Answer, Failure, Reasoning, RedactedReasoning, Text, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.apps.application import Application, Models, Relay
    from tests.contract.apps.limits import Limit
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator
    from turnout_emulator.answers import Queueable


_OF_THE_FRAMEWORK = ("LangChainBetaWarning",)  # what it says of functions that the applications themselves use


@dataclass(slots=True)
class Outcome:
    """What came of one cell.

    Attributes:
        error: What was raised, if anything.
        warned: What was warned of.
        limit: Why the model can't do it, if so.
    """

    error: BaseException | None = None
    warned: list[str] = field(default_factory=list)
    limit: Limit | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the application got all but what the model can't do."""
        if isinstance(self.error, UnmetError):
            return self.limit is not None and self.error.need == self.limit.need
        return self.error is None

    @property
    def is_told(self) -> bool:
        """Whether turnout says, as it promises, that the model can't do what the application needs."""
        if self.limit is None:
            return False
        if self.limit.promised == "all else":
            return self.goes_on and not self.warned
        if self.limit.promised == "warning":
            return any(self.limit.says.search(warned) for warned in self.warned)
        return isinstance(self.error, self.limit.raises) and bool(self.limit.says.search(str(self.error)))


@contextmanager
def chosen(column: Column, settings: Path) -> Iterator[None]:
    """TURNOUT_BACKEND names the column; nothing else changes."""
    said = {"TURNOUT_CONFIG": str(settings), "TURNOUT_BACKEND": column.name}
    with mock.patch.dict(os.environ, said):
        yield


def as_served(item: Queueable, column: Column) -> Queueable:
    """How a column's service does what was asked of it.

    Converse reports a guardrail in the answer, not as an error. A model that doesn't reason shows no reasoning, and only
    Claude redacts it.
    """
    if isinstance(item, Answer) and item.blocks is not None:
        known = facts(column.model)
        shown = (Text, ToolCall, *((Reasoning,) if known.reasoning else ()))
        shown = (*shown, RedactedReasoning) if known.family == "claude" else shown
        return replace(item, blocks=[block for block in item.blocks if isinstance(block, shown)])
    if isinstance(item, Failure) and item.kind == "content_filter" and column.wire == "bedrock-converse":
        return Answer("The guardrail blocked this.", finish="guardrail")
    return item


def attempt(run: Callable[[], Any]) -> Outcome:
    """Run, and keep what was raised and warned of."""
    outcome = Outcome()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs into the cell
            outcome.error = error
    outcome.warned = [
        f"{one.category.__name__}: {one.message}" for one in caught if one.category.__name__ not in _OF_THE_FRAMEWORK
    ]
    return outcome


def run_application(application: Application, column: Column, models: Models, emulator: Emulator) -> Outcome:
    """Run an application on a column, which is `chosen`."""
    emulator.clear()
    emulator.queue(*(as_served(item, column) for item in application.given))
    outcome = attempt(lambda: application.run(models.chat, models.embeddings))
    outcome.limit = limit(column, application.needs)
    return outcome


def begin_relay(relay: Relay, column: Column, models: Models, emulator: Emulator) -> Any:
    """What a column, which is `chosen`, hands over."""
    emulator.clear()
    emulator.queue(*(as_served(item, column) for item in relay.given))
    return relay.begin(models.chat, models.embeddings)
