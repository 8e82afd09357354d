"""InvokeModel's JSON for each family of Bedrock embedding models: request bodies out, vectors in.

The frameworks' own Bedrock embedding classes differ on the same text (one replaces newlines, the other cuts at 2,048
characters), neither tells Nova a query from a document, and one doesn't know Nova at all. Vectors of one model must be
equal whichever framework asks, so the bodies are here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from turnout.errors import UnsupportedError
from turnout.routing import Route

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
            f"Cohere v3 and v4, and Nova. For a profile or ARN, name the model too: "
            f'{{ deployment = "…", model = "amazon.titan-embed-text-v2:0" }}'
        )
    return found
