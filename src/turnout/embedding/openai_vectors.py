"""Vectors from the embeddings API of Azure and OpenAI, which sends them in base64 if it is asked to.

The SDK makes an object of its own for each vector, and looks at each text, by way of their types in Python: a third of
the CPU of a large request. So the texts go past that, as a part of the body. A server that knows no base64 sends lists,
which are taken as they are.
"""

from __future__ import annotations

import sys
from array import array
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

from turnout.transport.answers import validation
from turnout.transport.answers.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    import openai

    from turnout.transport.answers.validation import Vector


def embed(client: openai.OpenAI, asked: dict[str, Any]) -> list[Vector]:
    """The vectors for the texts of a request, in their order."""
    return _vectors(client.embeddings.with_raw_response.create(**_request(asked)), len(asked["input"]))


async def aembed(client: openai.AsyncOpenAI, asked: dict[str, Any]) -> list[Vector]:
    """Likewise, without blocking the event loop."""
    return _vectors(await client.embeddings.with_raw_response.create(**_request(asked)), len(asked["input"]))


def _request(asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "input": [], "encoding_format": "base64", "extra_body": {"input": asked["input"]}}


def _vectors(answer: Any, number: int) -> list[Vector]:
    found = answer.parse(to=dict[str, Any])
    if not isinstance(found, dict):
        raise UnreadableAnswerError(described(found))
    if found.get("error"):
        raise UnreadableAnswerError.reported(found["error"])
    items = found.get("data")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UnreadableAnswerError(f"it has no vectors: {str(found)[:200]}")
    sent = [item.get("embedding") for item in _placed(items)]
    decoded = all(isinstance(vector, str) for vector in sent)
    return validation.vectors([_vector(vector) for vector in sent], number, decoded=decoded)


def _placed(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items in the order of the texts; some servers give no index, and mean the order that they come in."""
    places = [item.get("index") for item in items]
    if places == list(range(len(items))) or all(place is None for place in places):
        return items
    if any(type(place) is not int for place in places) or sorted(places) != list(range(len(items))):  # type: ignore[type-var] # all are numbers
        raise UnreadableAnswerError(f"its vectors have the indexes {str(places)[:200]}")
    return sorted(items, key=lambda item: int(item["index"]))


def _vector(sent: Any) -> Any:
    if not isinstance(sent, str):
        return sent
    try:
        numbers = array("f", a2b_base64(sent, strict_mode=True))
    except ValueError as error:
        raise UnreadableAnswerError(f"a vector is no base64 of numbers: {error}") from error
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
