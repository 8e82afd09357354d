"""Cohere's own embed API, version 2, as Azure Foundry serves it: https://docs.cohere.com/reference/embed.

What a batch and a missing purpose are refused with: github.com/misbahsy/RAGTune/issues/2 and neo4j-graphrag-python.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from turnout_emulator.brain.words import count_tokens
from turnout_emulator.catalogue import CohereModel
from turnout_emulator.refusals import RequestRefused, refuse, refuse_if
from turnout_emulator.vectors import embed
from turnout_emulator.wires.bedrock_invoke import by_type, shortened

NAME = "cohere-embed"
_MOST_TEXTS = 96
_MEMBERS = frozenset(
    {"model", "texts", "images", "inputs", "input_type", "embedding_types", "output_dimension", "truncate"}
    | {"max_tokens", "priority"}
)
_PURPOSES = ("search_document", "search_query", "classification", "clustering", "image")


def answer(body: Mapping[str, Any], model: CohereModel) -> dict[str, Any]:
    """Check a request and answer it."""
    for member in body:
        if member not in _MEMBERS:
            raise RequestRefused("unknown_field", name=member)
    refuse_if(body.get("input_type") not in _PURPOSES, "cohere.no_purpose")
    texts = body.get("texts")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise refuse("cohere.no_texts")
    refuse_if(len(texts) > _MOST_TEXTS, "cohere.too_many", most=_MOST_TEXTS, count=len(texts))
    truncate = body.get("truncate") or "END"
    refuse_if(truncate not in ("NONE", "START", "END"), "cohere.wrong_truncate", value=truncate)
    size = body.get("output_dimension") or model.dimensions
    refuse_if(body.get("output_dimension") and size not in model.sizes, "cohere.wrong_dimension", value=size)
    kept = []
    for text in texts:
        refuse_if(truncate == "NONE" and count_tokens(text) > model.context, "cohere.too_long", most=model.context)
        kept.append(shortened(text, model.context, keep_end=truncate == "START"))
    purpose = body["input_type"]
    vectors = [embed(text, space=model.space, dimensions=size, full=model.dimensions, purpose=purpose) for text in kept]
    tokens = sum(map(count_tokens, kept))
    return {
        "id": str(uuid.uuid4()),
        "embeddings": by_type(vectors, body.get("embedding_types") or ["float"]),
        "texts": texts,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}},
        "response_type": "embeddings_by_type",
    }
