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

if TYPE_CHECKING:
    import openai

Vector = list[float]


class UnreadableError(ValueError):
    """The service answered with something else than vectors."""


def embed(client: openai.OpenAI, asked: dict[str, Any]) -> list[Vector]:
    """The vectors for the texts of a request, in their order.

    Raises:
        UnreadableError: The answer is no list of vectors.
    """
    return _vectors(client.embeddings.with_raw_response.create(**_request(asked)))


async def aembed(client: openai.AsyncOpenAI, asked: dict[str, Any]) -> list[Vector]:
    """Likewise, without blocking the event loop."""
    return _vectors(await client.embeddings.with_raw_response.create(**_request(asked)))


def _request(asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "input": [], "encoding_format": "base64", "extra_body": {"input": asked["input"]}}


def _vectors(answer: Any) -> list[Vector]:
    found = answer.parse(to=dict[str, Any])
    items = found.get("data") if isinstance(found, dict) else None
    if not isinstance(items, list):
        msg = f"the answer is {str(found)[:200]!r}"
        raise UnreadableError(msg)
    try:
        return [_vector(item["embedding"]) for item in sorted(items, key=lambda item: int(item["index"]))]
    except (TypeError, KeyError, ValueError) as error:
        msg = f"{type(error).__name__}: {error}"
        raise UnreadableError(msg) from error


def _vector(sent: str | list[float]) -> Vector:
    if not isinstance(sent, str):
        return list(sent)
    numbers = array("f", a2b_base64(sent))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
