"""The error for an answer that LlamaIndex has no class for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import StructuredOutputError
from turnout.transport.answers.unreadable import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping


def unfit(why: str, metadata: Mapping[str, Any]) -> StructuredOutputError:
    """The error for an answer that isn't the object or the tool call that was asked for.

    LlamaIndex's own classes raise a ValueError here, pydantic's among others. Nothing of LlamaIndex needs it to be one,
    and the synthesizers catch those and say "Empty Response": a failure that looks like an answer.
    """
    backend, deployment = metadata.get("backend"), metadata.get("deployment")
    who = "the model" if deployment is None else f"{deployment!r} on backend {backend!r}"
    cut = " (it was cut off at the limit of tokens)" if metadata.get("finish_reason") == "length" else ""
    msg = shortened(f"{who} gave another answer than was asked for{cut}: {why}")
    return StructuredOutputError(msg, backend=backend, deployment=deployment)
