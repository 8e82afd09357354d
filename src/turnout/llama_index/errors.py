"""Turnout's errors for what an integration or its SDK raises."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from turnout.classify import classify
from turnout.clients.calls import call_site
from turnout.errors import ServiceConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.routes import Route
    from turnout.settings import Settings


@contextmanager
def translated(route: Route, settings: Settings) -> Iterator[None]:
    """Raise turnout's errors for whatever the body's call raises."""
    try:
        yield
    except Exception as error:
        known = classify(error, call_site(route, settings))
        if known is None or known is error:
            raise
        raise known from error


def cut_short(route: Route) -> ServiceConnectionError:
    """The error for a stream that ended without saying that the answer is whole."""
    msg = (
        f"the answer of {route.deployment!r} on backend {route.backend!r} broke off: "
        "its stream ended without a finish reason. It may pass; try again"
    )
    return ServiceConnectionError(msg, backend=route.backend, deployment=route.deployment)
