"""Turnout's errors for what an integration or its SDK raises."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from turnout.errors import StructuredOutputError, TurnoutError
from turnout.transport.answers.unreadable import shortened

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


def unfit(why: str, metadata: Mapping[str, Any]) -> StructuredOutputError:
    """The error for an answer that isn't the object or the tool call that was asked for.

    LlamaIndex's own classes raise a ValueError here, pydantic's among others. Nothing of LlamaIndex needs it to be one,
    and the synthesizers catch those and say "Empty Response": a failure that looks like an answer.

    Args:
        why: What is wrong with it.
        metadata: The answer's `additional_kwargs`.
    """
    backend, deployment = metadata.get("backend"), metadata.get("deployment")
    who = "the model" if deployment is None else f"{deployment!r} on backend {backend!r}"
    cut = " (it was cut off at the limit of tokens)" if metadata.get("finish_reason") == "length" else ""
    msg = shortened(f"{who} gave another answer than was asked for{cut}: {why}")
    return StructuredOutputError(msg, backend=backend, deployment=deployment)
