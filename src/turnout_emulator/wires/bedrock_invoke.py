"""Bedrock InvokeModel for the embedding models: each family has bodies of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from turnout_emulator.brain.words import count_tokens, truncate_tokens
from turnout_emulator.catalogue import BedrockModel
from turnout_emulator.refusals import RequestInvalid
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
Vector = list[float] | list[int] | str


@dataclass(frozen=True, slots=True)
class Invoked:
    """A response body and the token count for the header."""

    body: dict[str, Any]
    tokens: int


def answer(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    """Check a request and answer it.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    families: Mapping[str, Callable[[Mapping[str, Any], BedrockModel], Invoked]] = {
        "titan-v1": _titan_v1,
        "titan-v2": _titan_v2,
        "cohere-v3": _cohere_v3,
        "cohere-v4": _cohere_v4,
        "nova-embed": _nova,
    }
    family = families.get(model.family)
    if family is None:
        raise RequestInvalid(
            f"This emulator answers InvokeModel for embedding models; call {model.id} through Converse."
        )
    return family(body, model)


def _malformed(detail: str) -> RequestInvalid:
    return RequestInvalid(f"Malformed input request: {detail}, please reformat your input and try again.")


def _only(body: Mapping[str, Any], allowed: set[str], where: str = "#") -> None:
    for key in body:
        if key not in allowed:
            raise _malformed(f"{where}: extraneous key [{key}] is not permitted")


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
        raise RequestInvalid(
            f"400 Bad Request: Too many input tokens. Max input tokens: {model.context}, request input token count: "
            f"{tokens} ",
            kind="context_overflow",
        )
    return text, tokens


def _titan_v1(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(body, {"inputText"})
    text, tokens = _titan_text(body, model)
    unit = embed(text, space=model.id, dimensions=model.dimensions)
    vector = [round(value * _TITAN_V1_LENGTH, 7) for value in unit]
    return Invoked({"embedding": vector, "inputTextTokenCount": tokens}, tokens)


def _titan_v2(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(body, {"inputText", "dimensions", "normalize", "embeddingTypes"})
    text, tokens = _titan_text(body, model)
    size = body.get("dimensions", model.dimensions)
    if size not in model.sizes:
        raise _malformed(f"#/dimensions: {size} is not a valid enum value")
    scale = 1.0 if body.get("normalize", True) else 1.5
    vector = [value * scale for value in embed(text, space=f"{model.id}/{size}", dimensions=size)]
    kinds = body.get("embeddingTypes") or ["float"]
    by_type: dict[str, Vector] = {}
    for kind in kinds:
        if kind not in ("float", "binary"):
            raise _malformed(f"#/embeddingTypes/0: {kind} is not a valid enum value")
        by_type[kind] = _rounded(vector) if kind == "float" else [int(value > 0) for value in vector]
    shown: dict[str, Any] = {"embeddingsByType": by_type, "inputTextTokenCount": tokens}
    if "float" in by_type:
        shown = {"embedding": by_type["float"], **shown}
    return Invoked(shown, tokens)


def _cohere_texts(body: Mapping[str, Any], model: BedrockModel) -> tuple[list[str], int]:
    kind = body.get("input_type")
    if kind is None:
        raise _malformed("#: required key [input_type] not found")
    if kind not in _COHERE_TYPES:
        raise _malformed(f"#/input_type: {kind} is not a valid enum value")
    truncate = body.get("truncate", "NONE")
    if truncate not in ("NONE", "START", "END", "LEFT", "RIGHT"):
        raise _malformed(f"#/truncate: {truncate} is not a valid enum value")
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
        if count_tokens(text) > limit:
            if truncate == "NONE":
                raise RequestInvalid(
                    f"too many tokens: max number of tokens is {limit}; try setting truncate to START or END",
                    kind="context_overflow",
                )
            backwards = truncate in ("START", "LEFT")
            text = truncate_tokens(text[::-1], limit)[::-1] if backwards else truncate_tokens(text, limit)  # noqa: PLW2901
        kept.append(text)
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
    return Invoked(shown, tokens)


def _cohere_v4(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(
        body,
        {"texts", "images", "inputs", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens"},
    )
    texts, tokens = _cohere_texts(body, model)
    size = body.get("output_dimension") or model.dimensions
    if size not in model.sizes:
        raise _malformed(f"#/output_dimension: {size} is not a valid enum value")
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
    return Invoked(shown, tokens)


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
                raise _malformed(f"#/embedding_types/0: {kind} is not a valid enum value")
    return shown


def _bits(vector: list[float]) -> list[int]:
    return [
        sum((value > 0) << (7 - position) for position, value in enumerate(vector[start : start + 8]))
        for start in range(0, len(vector), 8)
    ]


def _nova(body: Mapping[str, Any], model: BedrockModel) -> Invoked:
    _only(body, {"schemaVersion", "taskType", "singleEmbeddingParams"})
    if body.get("taskType") != "SINGLE_EMBEDDING":
        raise _malformed(f"#/taskType: {body.get('taskType')} is not a valid enum value")
    params = body.get("singleEmbeddingParams")
    if not isinstance(params, Mapping):
        raise _malformed("#: required key [singleEmbeddingParams] not found")
    where = "#/singleEmbeddingParams"
    _only(params, {"embeddingPurpose", "embeddingDimension", "text", "image", "audio", "video"}, where)
    purpose = params.get("embeddingPurpose")
    if purpose not in _NOVA_PURPOSES:
        raise _malformed(f"{where}/embeddingPurpose: {purpose} is not a valid enum value")
    size = params.get("embeddingDimension", model.dimensions)
    if size not in model.sizes:
        raise _malformed(f"{where}/embeddingDimension: {size} is not a valid enum value")
    part = params.get("text")
    if not isinstance(part, Mapping) or not isinstance(part.get("value"), str):
        raise _malformed(f"{where}: required key [text] not found")
    text, mode = part["value"], part.get("truncationMode")
    if not text:
        raise _malformed(f"{where}/text/value: expected minLength: 1, actual: 0")
    if mode not in ("START", "END", "NONE"):
        raise _malformed(f"{where}/text/truncationMode: {mode} is not a valid enum value")
    tokens = count_tokens(text)
    if tokens > model.context:
        if mode == "NONE":
            raise RequestInvalid(
                f"Text length {tokens} exceeds the maximum of {model.context} tokens.", kind="context_overflow"
            )
        text = (
            truncate_tokens(text, model.context) if mode == "END" else truncate_tokens(text[::-1], model.context)[::-1]
        )
        tokens = model.context
    vector = embed(text, space=model.id, dimensions=size, full=model.dimensions, purpose=purpose)
    return Invoked({"embeddings": [{"embedding": _rounded(vector), "embeddingType": "TEXT"}]}, tokens)


def _rounded(vector: list[float]) -> list[float]:
    return [round(value, 9) for value in vector]
