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
_NOVA_MEDIA = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "AUDIO")
_NOVA_PURPOSES = (
    *("GENERIC_INDEX", "GENERIC_RETRIEVAL", "CLASSIFICATION", "CLUSTERING"),
    *(f"{medium}_RETRIEVAL" for medium in _NOVA_MEDIA),
)
Vector = list[float] | list[int]
Invoked = tuple[dict[str, Any], int]
"""A response body and the token count for the header."""


def answer(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    """Check a request and answer it."""
    match model.family:
        case "titan-v1" | "titan-v2":
            return _titan(body, model)
        case "cohere-v3" | "cohere-v4":
            return _cohere(body, model)
        case "nova-embed":
            return _nova(body, model)
    raise refuse("invoke.not_embedding", model=model.id)


def _malformed(detail: str) -> RequestRefused:
    return refuse("invoke.malformed", detail=detail)


def _only(body: Mapping[str, Any], allowed: Collection[str], where: str = "#") -> None:
    for key in body:
        if key not in allowed:
            raise _malformed(f"{where}: extraneous key [{key}] is not permitted")


def _one_of(value: Any, allowed: Collection[Any], where: str) -> Any:
    if value not in allowed:
        raise _malformed(f"{where}: {value} is not a valid enum value")
    return value


def _expect(kind: type | tuple[type, ...], value: object, where: str, name: str) -> None:
    if not isinstance(value, kind):
        raise _malformed(f"{where}: expected type: {name}, found: {type(value).__name__}")


def shortened(text: str, limit: int, *, keep_end: bool) -> str:
    """The first or the last tokens of a text."""
    return truncate_tokens(text[::-1], limit)[::-1] if keep_end else truncate_tokens(text, limit)


def _titan(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    v1 = model.family == "titan-v1"
    _only(body, ("inputText",) if v1 else ("inputText", "dimensions", "normalize", "embeddingTypes"))
    text = body.get("inputText")
    if text is None:
        raise _malformed("#: required key [inputText] not found")
    _expect(str, text, "#/inputText", "String")
    if not text:
        raise _malformed("#/inputText: expected minLength: 1, actual: 0")
    tokens = count_tokens(text)
    if tokens > model.context:
        raise refuse("invoke.titan_too_long", kind="context_overflow", most=model.context, tokens=tokens)
    if v1:
        unit = embed(text, space=model.id, dimensions=model.dimensions)
        vector = [round(value * _TITAN_V1_LENGTH, 7) for value in unit]
        return {"embedding": vector, "inputTextTokenCount": tokens}, tokens
    size = _one_of(body.get("dimensions", model.dimensions), model.sizes, "#/dimensions")
    scale = 1.0 if body.get("normalize", True) else 1.5
    vector = [value * scale for value in embed(text, space=f"{model.id}/{size}", dimensions=size)]
    typed: dict[str, Vector] = {}
    kinds = body.get("embeddingTypes") or ["float"]
    _expect(list, kinds, "#/embeddingTypes", "JSONArray")
    for kind in kinds:
        _one_of(kind, ("float", "binary"), "#/embeddingTypes/0")
        typed[kind] = _rounded(vector) if kind == "float" else [int(value > 0) for value in vector]
    first = {"embedding": typed["float"]} if "float" in typed else {}
    return {**first, "embeddingsByType": typed, "inputTextTokenCount": tokens}, tokens


def _cohere(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    v3 = model.family == "cohere-v3"
    more = () if v3 else ("inputs", "output_dimension", "max_tokens")
    _only(body, ("texts", "images", "input_type", "truncate", "embedding_types", *more))
    texts, tokens = _cohere_texts(body, model)
    size = model.dimensions
    if v3:
        texts = [text.lower() for text in texts]
    else:
        size = _one_of(body.get("output_dimension") or size, model.sizes, "#/output_dimension")
    purpose = body["input_type"]
    vectors = [embed(text, space=model.id, dimensions=size, full=model.dimensions, purpose=purpose) for text in texts]
    kinds = body.get("embedding_types") or ([] if v3 else ["float"])
    shown: dict[str, Any] = {
        "embeddings": by_type(vectors, kinds) if kinds else [_rounded(vector) for vector in vectors],
        "id": str(uuid.uuid4()),
        "response_type": "embeddings_by_type" if kinds else "embeddings_floats",
        "texts": texts,
    }
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
    most = body.get("max_tokens", model.context)
    _expect((int, float), most, "#/max_tokens", "Integer")
    limit = min(model.context, int(most))
    kept = []
    for index, text in enumerate(texts):
        if model.family == "cohere-v3" and len(text) > _COHERE_CHARACTERS:
            raise _malformed(f"#/texts/{index}: expected maxLength: {_COHERE_CHARACTERS}, actual: {len(text)}")
        if truncate == "NONE" and count_tokens(text) > limit:
            raise refuse("invoke.cohere_too_long", kind="context_overflow", most=limit)
        kept.append(shortened(text, limit, keep_end=truncate in ("START", "LEFT")))
    return kept, sum(count_tokens(text) for text in kept)


def by_type(vectors: list[list[float]], kinds: Any) -> dict[str, list[Vector]]:
    """Cohere's vectors in each of the forms that were asked for."""
    shown: dict[str, list[Vector]] = {}
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        _one_of(kind, ("float", "int8", "uint8", "binary", "ubinary"), "#/embedding_types/0")
        shown[kind] = [_quantized(vector, kind) for vector in vectors]
    return shown


def _quantized(vector: list[float], kind: str) -> Vector:
    if kind == "float":
        return _rounded(vector)
    if kind.endswith("int8"):
        offset = 128 if kind == "uint8" else 0
        return [max(offset - 128, min(offset + 127, round(value * 127) + offset)) for value in vector]
    offset = 128 if kind == "binary" else 0
    bits = "".join("1" if value > 0 else "0" for value in vector)
    return [int(bits[start : start + 8].ljust(8, "0"), 2) - offset for start in range(0, len(bits), 8)]


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
    text, tokens = shortened(text, model.context, keep_end=mode == "START"), min(tokens, model.context)
    vector = embed(text, space=model.id, dimensions=size, full=model.dimensions, purpose=purpose)
    return {"embeddings": [{"embedding": _rounded(vector), "embeddingType": "TEXT"}]}, tokens


def _rounded(vector: list[float]) -> list[float]:
    return [round(value, 9) for value in vector]
