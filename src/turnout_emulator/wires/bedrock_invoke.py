"""Bedrock InvokeModel for the embedding models: each family has bodies of its own."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from turnout_emulator.brain.words import count_tokens, truncate_tokens
from turnout_emulator.catalogue import BedrockModel
from turnout_emulator.refusals import RequestRefused, refuse
from turnout_emulator.vectors import embed

NAME = "bedrock-invoke"
_TITAN_V1_LENGTH = 18.7  # Titan v1 doesn't normalise: the length of its recorded vector
_COHERE_TEXTS = 96
_COHERE_CHARACTERS = 2048
_COHERE_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
_NOVA_PURPOSES = (
    "GENERIC_INDEX",
    "GENERIC_RETRIEVAL",
    "TEXT_RETRIEVAL",
    "IMAGE_RETRIEVAL",
    "VIDEO_RETRIEVAL",
    "DOCUMENT_RETRIEVAL",
    "AUDIO_RETRIEVAL",
    "CLASSIFICATION",
    "CLUSTERING",
)
Vector = list[float] | list[int]
Invoked = tuple[dict[str, Any], int]
"""A response body and the token count for the header."""


def answer(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    """Check a request and answer it."""
    match model.family:
        case "titan-v1":
            return _titan_v1(body, model)
        case "titan-v2":
            return _titan_v2(body, model)
        case "cohere-v3":
            return _cohere_v3(body, model)
        case "cohere-v4":
            return _cohere_v4(body, model)
        case "nova-embed":
            return _nova(body, model)
    raise refuse("invoke.not_embedding", model=model.id)


def _malformed(detail: str) -> RequestRefused:
    return refuse("invoke.malformed", detail=detail)


def _only(body: Mapping[str, Any], allowed: set[str], where: str = "#") -> None:
    for key in body:
        if key not in allowed:
            raise _malformed(f"{where}: extraneous key [{key}] is not permitted")


def _one_of(value: Any, allowed: Collection[Any], where: str) -> Any:
    if value not in allowed:
        raise _malformed(f"{where}: {value} is not a valid enum value")
    return value


def _shortened(text: str, limit: int, *, keep_end: bool) -> str:
    return truncate_tokens(text[::-1], limit)[::-1] if keep_end else truncate_tokens(text, limit)


def _titan_text(body: Mapping[str, Any], model: BedrockModel) -> tuple[str, int]:
    text = body.get("inputText")
    if text is None:
        raise _malformed("#: required key [inputText] not found")
    if not isinstance(text, str):
        raise _malformed(f"#/inputText: expected type: String, found: {type(text).__name__}")
    if not text:
        raise _malformed("#/inputText: expected minLength: 1, actual: 0")
    tokens = count_tokens(text)
    if tokens > model.context:
        raise refuse("invoke.titan_too_long", kind="context_overflow", most=model.context, tokens=tokens)
    return text, tokens


def _titan_v1(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(body, {"inputText"})
    text, tokens = _titan_text(body, model)
    unit = embed(text, space=model.id, dimensions=model.dimensions)
    vector = [round(value * _TITAN_V1_LENGTH, 7) for value in unit]
    return {"embedding": vector, "inputTextTokenCount": tokens}, tokens


def _titan_v2(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(body, {"inputText", "dimensions", "normalize", "embeddingTypes"})
    text, tokens = _titan_text(body, model)
    size = _one_of(body.get("dimensions", model.dimensions), model.sizes, "#/dimensions")
    scale = 1.0 if body.get("normalize", True) else 1.5
    vector = [value * scale for value in embed(text, space=f"{model.id}/{size}", dimensions=size)]
    by_type: dict[str, Vector] = {}
    for kind in body.get("embeddingTypes") or ["float"]:
        _one_of(kind, ("float", "binary"), "#/embeddingTypes/0")
        by_type[kind] = _rounded(vector) if kind == "float" else [int(value > 0) for value in vector]
    shown: dict[str, Any] = {"embeddingsByType": by_type, "inputTextTokenCount": tokens}
    if "float" in by_type:
        shown = {"embedding": by_type["float"], **shown}
    return shown, tokens


def _cohere_texts(body: Mapping[str, Any], model: BedrockModel) -> tuple[list[str], int]:
    if body.get("input_type") is None:
        raise _malformed("#: required key [input_type] not found")
    _one_of(body["input_type"], _COHERE_TYPES, "#/input_type")
    truncate = _one_of(body.get("truncate", "NONE"), ("NONE", "START", "END", "LEFT", "RIGHT"), "#/truncate")
    texts = body.get("texts")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _malformed("#: required key [texts] not found")
    if not texts:
        raise _malformed("#/texts: expected minimum item count: 1, found: 0")
    if len(texts) > _COHERE_TEXTS:
        raise _malformed(f"#/texts: expected maximum item count: {_COHERE_TEXTS}, found: {len(texts)}")
    limit = min(model.context, int(body.get("max_tokens", model.context)))
    kept = []
    for index, text in enumerate(texts):
        if model.family == "cohere-v3" and len(text) > _COHERE_CHARACTERS:
            raise _malformed(f"#/texts/{index}: expected maxLength: {_COHERE_CHARACTERS}, actual: {len(text)}")
        if truncate == "NONE" and count_tokens(text) > limit:
            raise refuse("invoke.cohere_too_long", kind="context_overflow", most=limit)
        kept.append(_shortened(text, limit, keep_end=truncate in ("START", "LEFT")))
    return kept, sum(count_tokens(text) for text in kept)


def _cohere_v3(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(body, {"texts", "images", "input_type", "truncate", "embedding_types"})
    texts, tokens = _cohere_texts(body, model)
    vectors = [
        embed(text.lower(), space=model.id, dimensions=model.dimensions, purpose=body["input_type"]) for text in texts
    ]
    kinds = body.get("embedding_types")
    shown: dict[str, Any] = {
        "embeddings": _by_type(vectors, kinds) if kinds else [_rounded(vector) for vector in vectors],
        "id": str(uuid.uuid4()),
        "response_type": "embeddings_by_type" if kinds else "embeddings_floats",
        "texts": [text.lower() for text in texts],
    }
    return shown, tokens


def _cohere_v4(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(
        body,
        {"texts", "images", "inputs", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens"},
    )
    texts, tokens = _cohere_texts(body, model)
    size = _one_of(body.get("output_dimension") or model.dimensions, model.sizes, "#/output_dimension")
    vectors = [
        embed(text, space=model.id, dimensions=size, full=model.dimensions, purpose=body["input_type"])
        for text in texts
    ]
    shown: dict[str, Any] = {
        "embeddings": _by_type(vectors, body.get("embedding_types") or ["float"]),
        "id": str(uuid.uuid4()),
        "response_type": "embeddings_by_type",
        "texts": texts,
    }
    return shown, tokens


def _by_type(vectors: list[list[float]], kinds: object) -> dict[str, list[Vector]]:
    shown: dict[str, list[Vector]] = {}
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        match kind:
            case "float":
                shown[kind] = [_rounded(vector) for vector in vectors]
            case "int8":
                shown[kind] = [[max(-128, min(127, round(value * 127))) for value in vector] for vector in vectors]
            case "uint8":
                shown[kind] = [[max(0, min(255, round(value * 127) + 128)) for value in vector] for vector in vectors]
            case "binary" | "ubinary":
                offset = 128 if kind == "binary" else 0
                shown[kind] = [[byte - offset for byte in _bits(vector)] for vector in vectors]
            case _:
                _one_of(kind, (), "#/embedding_types/0")
    return shown


def _bits(vector: list[float]) -> list[int]:
    return [
        sum((value > 0) << (7 - position) for position, value in enumerate(vector[start : start + 8]))
        for start in range(0, len(vector), 8)
    ]


def _nova(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(body, {"schemaVersion", "taskType", "singleEmbeddingParams"})
    _one_of(body.get("taskType"), ("SINGLE_EMBEDDING",), "#/taskType")
    params = body.get("singleEmbeddingParams")
    if not isinstance(params, Mapping):
        raise _malformed("#: required key [singleEmbeddingParams] not found")
    where = "#/singleEmbeddingParams"
    _only(params, {"embeddingPurpose", "embeddingDimension", "text", "image", "audio", "video"}, where)
    purpose = _one_of(params.get("embeddingPurpose"), _NOVA_PURPOSES, f"{where}/embeddingPurpose")
    size = _one_of(params.get("embeddingDimension", model.dimensions), model.sizes, f"{where}/embeddingDimension")
    part = params.get("text")
    if not isinstance(part, Mapping) or not isinstance(part.get("value"), str):
        raise _malformed(f"{where}: required key [text] not found")
    text = part["value"]
    if not text:
        raise _malformed(f"{where}/text/value: expected minLength: 1, actual: 0")
    mode = _one_of(part.get("truncationMode"), ("START", "END", "NONE"), f"{where}/text/truncationMode")
    tokens = count_tokens(text)
    if tokens > model.context and mode == "NONE":
        raise refuse("invoke.nova_too_long", kind="context_overflow", tokens=tokens, most=model.context)
    text, tokens = _shortened(text, model.context, keep_end=mode == "START"), min(tokens, model.context)
    vector = embed(text, space=model.id, dimensions=size, full=model.dimensions, purpose=purpose)
    return {"embeddings": [{"embedding": _rounded(vector), "embeddingType": "TEXT"}]}, tokens


def _rounded(vector: list[float]) -> list[float]:
    return [round(value, 9) for value in vector]
