"""What each embeddings API is sent, and the vectors in its answers.

The frameworks' own Bedrock embedding classes differ on the same text (one replaces newlines, the other cuts at 2,048
characters), neither tells Nova a query from a document, and one doesn't know Nova at all. Vectors of one model must be
equal whichever framework asks, so InvokeModel's bodies are here, once.

The openai SDK makes an object of its own for each vector, and looks at each text, by way of their types in Python: a
third of the CPU of a large request. So the texts go past that, as a part of the body, and vectors come in base64. A
server that knows no base64 sends lists, which are taken as they are, or refuses the request, and is asked for lists.
"""

from __future__ import annotations

import re
import sys
from array import array
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

from turnout.errors import UnsupportedError
from turnout.routing import Route
from turnout.transport.answers import validation
from turnout.transport.answers.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    import openai

Purpose = Literal["document", "query"]
Vector = list[float]


@dataclass(frozen=True, slots=True)
class Family:
    """How one family is asked."""

    body: Callable[[list[str], Purpose, int | None], dict[str, Any]]  # texts, purpose, dimensions → request body
    vectors: Callable[[dict[str, Any]], list[Vector]]  # response body → one vector for each text


def _titan_v2(texts: list[str], _purpose: Purpose, dimensions: int | None) -> dict[str, Any]:
    return {"inputText": texts[0], "normalize": True} | ({"dimensions": dimensions} if dimensions else {})


def _cohere(texts: list[str], purpose: Purpose, dimensions: int | None) -> dict[str, Any]:
    kind = {"document": "search_document", "query": "search_query"}[purpose]
    # truncate NONE: a text that is too long is refused, never cut in silence.
    body: dict[str, Any] = {"texts": texts, "input_type": kind, "truncate": "NONE"}
    return body | ({"output_dimension": dimensions} if dimensions else {})


def _cohere_vectors(answer: dict[str, Any]) -> list[Vector]:
    found = answer["embeddings"]
    vectors: list[Vector] = found["float"] if isinstance(found, dict) else found
    return vectors


def _nova(texts: list[str], purpose: Purpose, dimensions: int | None) -> dict[str, Any]:
    kind = {"document": "GENERIC_INDEX", "query": "TEXT_RETRIEVAL"}[purpose]
    params: dict[str, Any] = {"embeddingPurpose": kind, "text": {"truncationMode": "NONE", "value": texts[0]}}
    if dimensions:
        params["embeddingDimension"] = dimensions
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}


FAMILIES: dict[str, Family] = {
    "titan-v1": Family(
        lambda texts, _purpose, _dimensions: {"inputText": texts[0]}, lambda answer: [answer["embedding"]]
    ),
    "titan-v2": Family(_titan_v2, lambda answer: [answer["embedding"]]),
    "cohere-v3": Family(lambda texts, purpose, _dimensions: _cohere(texts, purpose, None), _cohere_vectors),
    "cohere-v4": Family(
        lambda texts, purpose, dimensions: _cohere(texts, purpose, dimensions) | {"embedding_types": ["float"]},
        _cohere_vectors,
    ),
    "nova-embed": Family(_nova, lambda answer: [found["embedding"] for found in answer["embeddings"]]),
}


def family(route: Route) -> Family:
    """The family of a route's model."""
    found = FAMILIES.get(route.facts.family)
    if found is None:
        raise UnsupportedError(
            f"turnout doesn't know how to ask {route.deployment!r} for vectors; it knows Titan v1 and v2, "
            f"Cohere v3 to v5, and Nova. For a profile, an ARN or a deployment, name the model too: "
            f'{{ deployment = "…", model = "amazon.titan-embed-text-v2:0" }}'
        )
    return found


def cohere_request(route: Route, texts: list[str], purpose: Purpose) -> dict[str, Any]:
    """What Cohere's own API is sent."""
    body = family(route).body(texts, purpose, route.dimensions)
    return {"model": route.deployment, **body, "embedding_types": ["float"]}


def cohere_vectors(answer: Any, number: int) -> list[Vector]:
    """The vectors in an answer of Cohere's own API."""
    if not isinstance(answer, dict):
        raise UnreadableAnswerError(described(answer))
    found = answer.get("embeddings")
    if not isinstance(found, dict):
        raise UnreadableAnswerError(f"it has no vectors: {str(answer)[:200]}")
    return validation.vectors(found.get("float"), number)


def openai_vectors(client: openai.OpenAI, asked: dict[str, Any]) -> list[Vector]:
    """The vectors for the texts of a request to Azure or OpenAI, in their order."""
    create = client.embeddings.with_raw_response.create
    try:
        answer = create(**_request(client, asked))
    except Exception as error:
        if not _takes_no_base64(client, error):
            raise
        answer = create(**_request(client, asked))
    return _vectors(answer, len(asked["input"]))


async def aopenai_vectors(client: openai.AsyncOpenAI, asked: dict[str, Any]) -> list[Vector]:
    """Likewise, without blocking the event loop."""
    create = client.embeddings.with_raw_response.create
    try:
        answer = await create(**_request(client, asked))
    except Exception as error:
        if not _takes_no_base64(client, error):
            raise
        answer = await create(**_request(client, asked))
    return _vectors(answer, len(asked["input"]))


def _request(client: Any, asked: dict[str, Any]) -> dict[str, Any]:
    encoding = "float" if client in _WITHOUT_BASE64 else "base64"
    return {**asked, "input": [], "encoding_format": encoding, "extra_body": {"input": asked["input"]}}


_WITHOUT_BASE64: WeakSet[Any] = WeakSet()
"""The clients of servers that refused base64."""


def _takes_no_base64(client: Any, error: Exception) -> bool:
    """Whether a server refuses base64, in words like vLLM's "base64 encoding is not currently supported".

    It is asked for floats from then on. Source: github.com/vllm-project/vllm/issues/6174
    """
    refused = getattr(error, "status_code", None) in {400, 422} and re.search("base64|encoding_format", str(error))
    if not refused or client in _WITHOUT_BASE64:
        return False
    _WITHOUT_BASE64.add(client)
    return True


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
