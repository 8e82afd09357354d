"""OpenAI embeddings, as OpenAI and Azure OpenAI speak it."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

from turnout_emulator.brain.words import count_tokens
from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.refusals import RequestInvalid
from turnout_emulator.vectors import embed

NAME = "openai-embeddings"
_MOST = 2048
_MOST_TOKENS = 300_000
_ARGUMENTS = frozenset({"input", "model", "encoding_format", "dimensions", "user", "input_type"})


def answer(body: Mapping[str, Any], model: OpenAIModel) -> dict[str, Any]:
    """Check a request and answer it.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    for argument in body:
        if argument not in _ARGUMENTS:
            raise RequestInvalid(f"Unrecognized request argument supplied: {argument}")
    texts = _texts(body.get("input"))
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise RequestInvalid(
            f"Invalid value: '{form}'. Supported values are: 'float' and 'base64'.", param="encoding_format"
        )
    dimensions = _dimensions(body.get("dimensions"), model)
    tokens = [count_tokens(text) for text in texts]
    if max(tokens) > model.context:
        raise RequestInvalid(
            f"This model's maximum context length is {model.context} tokens, however you requested {max(tokens)} "
            f"tokens ({max(tokens)} in your prompt; 0 for the completion). Please reduce your prompt; or "
            "completion length.",
            kind="context_overflow",
        )
    if sum(tokens) > _MOST_TOKENS:
        raise RequestInvalid(
            f"Requested {sum(tokens)} tokens, max {_MOST_TOKENS} tokens per request", code="max_tokens_per_request"
        )
    data = []
    for index, text in enumerate(texts):
        vector = embed(text, space=model.name, dimensions=dimensions, full=model.dimensions)
        shown: str | list[float] = _packed(vector) if form == "base64" else [round(value, 9) for value in vector]
        data.append({"embedding": shown, "index": index, "object": "embedding"})
    total = sum(tokens)
    return {
        "data": data,
        "model": model.served,
        "object": "list",
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }


def _texts(given: object) -> list[str]:
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        raise RequestInvalid("Missing required parameter: 'input'.", param="input")
    if given and all(isinstance(one, int) for one in given):
        given = [given]
    if not given or any(isinstance(one, str | list) and not one for one in given):
        raise RequestInvalid(
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
        )
    if len(given) > _MOST:
        raise RequestInvalid(
            f"Invalid 'input': array too long. Expected an array with maximum length {_MOST}, but got an array with "
            f"length {len(given)} instead.",
            code="array_above_max_length",
            param="input",
        )
    return [one if isinstance(one, str) else _from_tokens(one) for one in given]


def _from_tokens(tokens: object) -> str:
    """Token ids are not turned back into text: each is a word of its own, so equal tokens still meet."""
    if not isinstance(tokens, list) or not all(isinstance(one, int) for one in tokens):
        raise RequestInvalid(
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
        )
    return " ".join(f"token{one}" for one in tokens)


def _dimensions(wanted: object, model: OpenAIModel) -> int:
    if wanted is None:
        return model.dimensions
    if not model.shortens:
        raise RequestInvalid("This model does not support specifying dimensions.")
    if not isinstance(wanted, int) or not 1 <= wanted <= model.dimensions:
        raise RequestInvalid(
            f"Invalid value for 'dimensions' = {wanted}. Must be less than or equal to {model.dimensions}.",
            param="dimensions",
        )
    return wanted


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
