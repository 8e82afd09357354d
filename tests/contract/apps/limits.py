"""What a model can't do, by its facts, and what turnout promises to say then. A cell like that is no failure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from turnout.conversation.parameters import TAKES
from turnout.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.contract.apps.application import Need
    from turnout.routing import Route


@dataclass(frozen=True, slots=True)
class Limit:
    """Why an application can't work on a model.

    Attributes:
        reason: The fact.
        promised: Whether turnout warns and goes on without, raises before anything is sent, or asks the model and raises
            if it doesn't do as it was asked.
        said: A pattern of what it says.
        raises: What it raises.
    """

    reason: str
    promised: Literal["warning", "error", "error after"]
    said: re.Pattern[str]
    raises: tuple[type[Exception], ...] = (UnsupportedError, InvalidRequestError)


def limit(route: Route, needs: Iterable[Need]) -> Limit | None:
    """The first of an application's needs that the route's model or wire doesn't meet."""
    return next((found for need in sorted(needs) if (found := _limit(route, need)) is not None), None)


def _limit(route: Route, need: Need) -> Limit | None:
    facts, takes = route.facts, TAKES[route.wire]
    # On OpenAI's own wires a choice can be forced whatever the model; Converse asks which model it is.
    forces = route.wire != "bedrock-converse" or bool({"any", "tool"} & set(facts.tool_choice))
    match need:
        case "images" if not facts.images:
            return _error("the model reads no images", r"image")
        case "forced tools" if not forces:
            return Limit("the model can't be made to call a tool", "error after", re.compile(r"can't be forced"))
        case "sampling" if not facts.temperature:
            return _warning("the model takes no temperature", r"temperature is left out")
        case "stop sequences" if "stop" not in takes:
            return _warning("the wire has no stop sequences", r"stop is left out")
        case "stop sequences" if not facts.stop:
            return _warning("the model takes no stop sequences", r"stop is left out")
        case "seed" if "seed" not in takes:
            return _warning("the wire has no seed", r"seed is left out")
        case "one tool at a time" if route.wire == "bedrock-converse" and not facts.one_call:
            return _warning(
                "on Converse the model can't be told to call one tool at a time", r"parallel_tool_calls is left out"
            )
    return None


def _warning(reason: str, said: str) -> Limit:
    return Limit(reason, "warning", re.compile(said))


def _error(reason: str, said: str) -> Limit:
    return Limit(reason, "error", re.compile(said, re.IGNORECASE))
