"""A request that a service refuses, before and after it is put into that service's own words."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout_emulator.answers import Failure


@dataclass(eq=False)
class Refusal(Exception):
    """An error response: the service's code (on AWS the exception's name) and text, OpenAI's type and parameter."""

    status: int
    code: str | None
    message: str
    type: str | None = None
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def override(self, failure: Failure) -> Refusal:
        """The same with what a queued failure says differently."""
        self.status = failure.status or self.status
        self.code = failure.code or self.code
        self.message = failure.message or self.message
        self.headers.update(failure.headers)
        return self


class RequestRefused(Exception):
    """A request that can't be served; the service has an error of this kind, whose text and code may be replaced."""

    def __init__(
        self,
        kind: str,
        message: str | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        **facts: object,
    ) -> None:
        super().__init__(message or kind)
        self.kind, self.message, self.code, self.param, self.facts = kind, message, code, param, facts


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def refuse(
    entry: str, /, *, param: str | None = None, kind: str = "invalid_request", **facts: object
) -> RequestRefused:
    """A refusal as `refusals.toml` words it, e.g. `chat.no_tools`; `param` is the member that is wrong."""
    wire, _, name = entry.partition(".")
    message, code = _TABLES[wire][name], None
    if isinstance(message, list):
        message, code = message
    return RequestRefused(kind, message.format(param=param, **facts), code=code, param=param)


def refuse_if(
    condition: object, entry: str, /, *, param: str | None = None, kind: str = "invalid_request", **facts: object
) -> None:
    """Refuse a request where the condition is true."""
    if condition:
        raise refuse(entry, param=param, kind=kind, **facts)


def invalid(message: str) -> RequestRefused:
    """A request whose body is wrong."""
    return RequestRefused("invalid_request", message)


def invalid_if(condition: object, message: str) -> None:
    """Refuse a request's body where the condition is true."""
    if condition:
        raise invalid(message)
