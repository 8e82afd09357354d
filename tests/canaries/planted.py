"""Secrets that are searched for in whatever an error, an object or a log shows."""

from __future__ import annotations

import base64
import pickle
import traceback
from typing import TYPE_CHECKING, Any

from rich.pretty import pretty_repr

if TYPE_CHECKING:
    from collections.abc import Iterator

AZURE = "4fc0azure9e1canary7d55b0a36c1e2f88"
OPENAI = "sk-canaryopenai8Qm2Zr7Wx1"
BEARER = "ABSKcanarybearerQmVkcm9jazEyMw=="
CLIENT_SECRET = "canary~Entra8Qsecret.Zr71W"
SECRET_KEY = "canarySecretKey/8Qm2Zr7Wx1+abcdefghijklm"
SESSION = "IQoJcanarySession8Qm2Zr7Wx1b3JpZ2luX2VjEJ"
PROXY = "canary-Proxy8Qm2"
DATABASE = "canaryDatabase8Qm2"
CANARIES = (AZURE, OPENAI, BEARER, CLIENT_SECRET, SECRET_KEY, SESSION, PROXY, DATABASE)

_SEARCHED = (*CANARIES, base64.b64encode(f"user:{PROXY}".encode()).decode())


def found_in(text: str | bytes, *more: str) -> set[str]:
    """The canaries in a text."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    return {canary for canary in (*_SEARCHED, *more) if canary in text}


def chain(error: BaseException | None, seen: set[int] | None = None) -> Iterator[BaseException]:
    """An error and all that led to it."""
    seen = set() if seen is None else seen
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    yield from chain(error.__cause__, seen)
    yield from chain(error.__context__, seen)


def shown_by(error: BaseException, *more: str) -> dict[str, set[str]]:
    """Where an error shows a canary: as a reader, a tool that keeps variables, or a pickle has it.

    The frames of tests don't count: they are the application, which may hold its own secrets.
    """
    shown: dict[str, set[str]] = {}

    def look(where: str, text: str | bytes) -> None:
        if found := found_in(text, *more):
            shown.setdefault(where, set()).update(found)

    for one in chain(error):
        name = type(one).__name__
        look(f"{name} message", f"{one} {one!r} {one.args!r}")
        look(f"{name} attributes", "\n".join(_values(vars(one))))
        for pickled in (one, vars(one)):
            try:
                look(f"{name} pickle", pickle.dumps(pickled))
            except Exception:  # noqa: BLE001 - what doesn't pickle doesn't travel
                continue
        for frame, line in traceback.walk_tb(one.__traceback__):
            code = frame.f_code
            if "/tests/" in code.co_filename or "pytest" in code.co_filename:
                continue
            for variable, value in frame.f_locals.items():
                place = f"{name} {code.co_filename}:{line} {variable}"
                look(place, f"{_repr(value)}\n{_pretty(value)}")
    return shown


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - of something that is half made
        return ""


def _pretty(value: object) -> str:
    """As rich shows it, which looks into containers, dataclasses and models."""
    try:
        return pretty_repr(value, max_depth=8)
    except Exception:  # noqa: BLE001 - likewise
        return ""


def _values(value: Any, deep: int = 0) -> Iterator[str]:
    """What is in an object, its requests and responses."""
    if isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, str | int | float | bool | None):
        yield str(value)
    elif deep < 8:
        inner: Any = value.items() if hasattr(value, "items") and callable(value.items) else None
        if inner is None and isinstance(value, list | tuple | set):
            inner = value
        if inner is None:
            yield _repr(value)
            inner = list(getattr(value, "__dict__", {}).items())
        for one in inner:
            yield from _values(one, deep + 1)
