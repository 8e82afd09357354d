"""A request that a service refuses, before it is put into that service's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout_emulator.answers import Failure, FailureKind


class Refusal(Exception):
    """An error response.

    Args:
        status: HTTP status.
        code: The service's error code, or the exception's name on AWS.
        message: The service's text.
        type: OpenAI's error type.
        param: The member of the request that is wrong.
        headers: Further response headers.
        extra: Further members of the error's body.
    """

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        type: str | None = None,  # noqa: A002 - the field's name in the service's body
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.type = type
        self.param = param
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class RequestInvalid(Exception):
    """A request whose body a wire can't accept; the service gives it a status and a body.

    Args:
        message: The service's text.
        code: The service's error code.
        param: The member of the request that is wrong.
        kind: Which of the services' errors this is.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: FailureKind = "invalid_request",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind


def overridden(refusal: Refusal, failure: Failure) -> Refusal:
    """The service's refusal with what a queued failure says differently."""
    refusal.status = failure.status or refusal.status
    refusal.code = failure.code or refusal.code
    refusal.message = failure.message or refusal.message
    refusal.headers.update(failure.headers)
    return refusal
