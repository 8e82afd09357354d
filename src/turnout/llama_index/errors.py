"""Turnout's errors for what an integration or its SDK raises."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from turnout.errors import (
    ContentFilterError,
    ServiceConnectionError,
    StructuredOutputError,
    TurnoutError,
    UnsupportedError,
)
from turnout.transport.answers.unreadable import nothing_streamed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from turnout.routing import Route
    from turnout.settings import Settings


def translate(error: Exception, route: Route, settings: Settings) -> TurnoutError | None:
    """The error for what a route's call raised, or None if it isn't an SDK's."""
    from turnout.calls.classification import classify
    from turnout.calls.context import call_site

    return classify(error, call_site(route, settings))


@contextmanager
def translated(route: Route, settings: Settings) -> Iterator[None]:
    """Raise turnout's errors for whatever the body raises."""
    try:
        yield
    except Exception as error:
        known = translate(error, route, settings)
        if known is None or known is error:
            raise
        raise known from known.__cause__ or error


def cut_short(route: Route, *, begun: bool) -> Exception:
    """The error for a stream that ended without saying that the answer is whole.

    Args:
        route: Where it came from.
        begun: Whether it had any event.
    """
    if not begun:
        return nothing_streamed(route)
    msg = (
        f"the answer of {route.deployment!r} on backend {route.backend!r} broke off: "
        "its stream ended without a finish reason. It may pass; try again"
    )
    return ServiceConnectionError(msg, backend=route.backend, deployment=route.deployment)


def filtered(route: Route, said: Mapping[str, Any]) -> ContentFilterError:
    """The error for an answer that a content filter or guardrail stopped.

    Args:
        route: Where it came from.
        said: The answer's `additional_kwargs`.
    """
    raw = str(said.get("raw_finish_reason"))
    msg = (
        f"a content filter stopped the answer of {route.deployment!r} on backend {route.backend!r} [{raw}]; "
        "ask otherwise, or change the deployment's filter or guardrail"
    )
    made = ContentFilterError(msg, backend=route.backend, deployment=route.deployment, code=raw)
    made.stage, made.categories = said.get("stage"), said.get("categories", {})
    return made


def not_called(route: Route, tool: str) -> UnsupportedError:
    """The error for an answer without the tool call that the model was told to make."""
    msg = (
        f"{route.deployment!r} on backend {route.backend!r} can't be forced to call a tool, was told to call {tool!r}, "
        "and answered without; use a model that takes tool_choice"
    )
    return UnsupportedError(msg)


def unfit(why: str, said: Mapping[str, Any]) -> StructuredOutputError:
    """The error for an answer that isn't the object or the tool call that was asked for.

    LlamaIndex's own classes raise a ValueError here, pydantic's among others. Nothing of LlamaIndex needs it to be one,
    and the synthesizers catch those and say "Empty Response": a failure that looks like an answer.

    Args:
        why: What is wrong with it.
        said: The answer's `additional_kwargs`.
    """
    backend, deployment = said.get("backend"), said.get("deployment")
    who = "the model" if deployment is None else f"{deployment!r} on backend {backend!r}"
    cut = " (it was cut off at the limit of tokens)" if said.get("finish_reason") == "length" else ""
    msg = shortened(f"{who} gave another answer than was asked for{cut}: {why}")
    return StructuredOutputError(msg, backend=backend, deployment=deployment)
