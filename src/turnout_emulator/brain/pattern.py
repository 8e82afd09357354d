"""An example of what a regular expression matches, for schema patterns that nothing in the text fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_CATEGORIES = {
    op.CATEGORY_DIGIT: "0",
    op.CATEGORY_NOT_DIGIT: "a",
    op.CATEGORY_WORD: "a",
    op.CATEGORY_NOT_WORD: "-",
    op.CATEGORY_SPACE: " ",
    op.CATEGORY_NOT_SPACE: "a",
}


def example(pattern: str) -> str:
    """The shortest string found that the pattern matches; empty when it asks for look-around or references."""
    made = _make(parser.parse(pattern))
    return made if re.search(pattern, made) else ""


def _make(parsed: Any) -> str:
    return "".join(_one(code, argument) for code, argument in parsed)


def _one(code: Any, argument: Any) -> str:
    makers: dict[Any, Callable[[Any], str]] = {
        op.LITERAL: chr,
        op.NOT_LITERAL: lambda other: "a" if other != ord("a") else "b",
        op.ANY: lambda _: "a",
        op.IN: _member,
        op.MAX_REPEAT: lambda repeat: _make(repeat[2]) * int(repeat[0]),
        op.MIN_REPEAT: lambda repeat: _make(repeat[2]) * int(repeat[0]),
        op.SUBPATTERN: lambda group: _make(group[-1]),
        op.BRANCH: lambda branch: _make(branch[1][0]),
    }
    maker = makers.get(code)
    return maker(argument) if maker is not None else ""


def _member(members: Any) -> str:
    if members[0][0] is op.NEGATE:
        taken = re.compile("[" + "".join(_shown(*member) for member in members[1:]) + "]")
        return next((char for char in "aA0-_ ." if not taken.match(char)), "~")
    code, argument = members[0]
    if code is op.RANGE:
        return chr(argument[0])
    return _CATEGORIES.get(argument, "a") if code is op.CATEGORY else chr(argument)


def _shown(code: Any, argument: Any) -> str:
    if code is op.RANGE:
        return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
    if code is op.CATEGORY:
        return {"0": r"\d", "a": r"\w", " ": r"\s", "-": r"\W"}[_CATEGORIES[argument]]
    return re.escape(chr(argument))
