"""What a column's model can't do, by `tests/contract/cannot.toml`, and what turnout promises to say then."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from turnout.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.contract.apps.application import Need
    from tests.contract.apps.settings import Column

TABLE = Path(__file__).parents[1] / "cannot.toml"

Promise = Literal["warning", "error", "error after", "all else"]
"""Turnout warns and goes on without, raises before anything is sent, asks the model and raises if it doesn't do it, or
says nothing, since only the way in which the answer comes is another."""

GOES_ON = ("warning", "all else")
"""The promises after which an application gets all that the model can do."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Why an application can't have all that it asks for on a column.

    Attributes:
        need: What the column lacks.
        reason: What the vendor says.
        promised: What turnout does.
        says: A pattern of what it says.
        vendor: Whether the model or its wire lacks it; else the service would take it, and turnout doesn't ask for it.
        raises: What turnout raises.
    """

    need: Need
    reason: str
    promised: Promise
    says: re.Pattern[str]
    vendor: bool = True
    raises: tuple[type[Exception], ...] = (UnsupportedError, InvalidRequestError)


PROMISES: dict[Need, tuple[Promise, str]] = {
    "images": ("error", r"(?i)image"),
    "forced tools": ("error after", r"can't be forced"),
    "sampling": ("warning", r"temperature is left out"),
    "stop sequences": ("warning", r"stop is left out"),
    "seed": ("warning", r"seed is left out"),
    "objects in pieces": ("all else", ""),
    "one tool at a time": ("warning", r"parallel_tool_calls is left out"),
    "reasoning": ("warning", r"reasoning_effort is left out"),
    "reasoning beside sampling": ("warning", r"(temperature|reasoning_effort) is left out"),
    "reasoning beside tools": ("warning", r"reasoning_effort is left out"),
    "strict": ("warning", r"strict of tool .* is left out"),
    "top k": ("warning", r"option top_k is left out"),
    "user": ("warning", r"option user is left out"),
}


@cache
def table() -> tuple[dict[str, Any], ...]:
    """The entries of the table."""
    return tuple(tomllib.loads(TABLE.read_text(encoding="utf-8"))["cannot"])


def limit(column: Column, needs: Iterable[Need]) -> Limit | None:
    """The first of an application's needs that the column lacks."""
    for need in sorted(needs):
        for entry in table():
            if entry["feature"] == need and column.name in entry["columns"]:
                promised, says = PROMISES[need]
                return Limit(need, entry["because"], promised, re.compile(says), entry["by"] == "vendor")
    return None


class UnmetError(AssertionError):
    """An application doesn't get what not every model can do; all else that it asks for, it got."""

    def __init__(self, need: Need, words: str) -> None:
        super().__init__(words)
        self.need = need


def needs(need: Need, met: object, words: str) -> None:
    """Assert what only a model that can do `need` gives.

    Raises:
        UnmetError: It isn't so.
    """
    if not met:
        raise UnmetError(need, words)
