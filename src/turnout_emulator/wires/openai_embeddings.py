"""OpenAI embeddings, as OpenAI and Azure OpenAI speak it."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping
from typing import Any

from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.refusals import refuse, refuse_if
from turnout_emulator.vectors import embed
from turnout_emulator.wires.openai_problems import MEMBERS, check_length, check_one_of, missing

NAME = "openai-embeddings"
_MOST_INPUTS = 2048
_MOST_TOKENS = 300_000
# Words and punctuation marks, but digits as cl100k_base splits them (tiktoken, openai_public.py): three to a token, and
# the space before them is one of its own, so that a table of digits has a token a byte.
_TOKEN = re.compile(r"\s(?=\d)|\d{1,3}|[^\W\d]+|[^\w\s]")


def answer(body: Mapping[str, Any], model: OpenAIModel) -> dict[str, Any]:
    """Check a request and answer it."""
    for argument in body:
        refuse_if(argument not in MEMBERS["embeddings"], "chat.unknown", name=argument)
    texts = _texts(body.get("input"))
    form = body.get("encoding_format") or "float"
    check_one_of(form, ("float", "base64"), "encoding_format")
    dimensions = _dimensions(body.get("dimensions"), model)
    tokens = [len(_TOKEN.findall(text)) for text in texts]
    for index, count in enumerate(tokens):
        refuse_if(count > model.context, "embeddings.too_long", index=index, context=model.context)
    refuse_if(sum(tokens) > _MOST_TOKENS, "embeddings.too_many_tokens", tokens=sum(tokens), most=_MOST_TOKENS)
    data = []
    for index, text in enumerate(texts):
        vector = embed(text, space=model.name, dimensions=dimensions, full=model.dimensions)
        shown: str | list[float] = [round(value, 9) for value in vector]
        if form == "base64":
            shown = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"embedding": shown, "index": index, "object": "embedding"})
    usage = {"prompt_tokens": sum(tokens), "total_tokens": sum(tokens)}
    return {"data": data, "model": model.served, "object": "list", "usage": usage}


def _texts(inputs: object) -> list[str]:
    if isinstance(inputs, str):
        inputs = [inputs]
    if not isinstance(inputs, list):
        raise missing("input")
    if inputs and all(isinstance(one, int) for one in inputs):
        inputs = [inputs]
    refuse_if(not inputs or not all(one and isinstance(one, str | list) for one in inputs), "embeddings.wrong_input")
    if not all(isinstance(token, int) for one in inputs if isinstance(one, list) for token in one):
        raise refuse("embeddings.wrong_input")
    check_length("input", inputs, _MOST_INPUTS)
    # Token ids are not turned back into text: each is a word of its own, so equal tokens still meet.
    return [one if isinstance(one, str) else " ".join(f"token{token}" for token in one) for one in inputs]


def _dimensions(wanted: object, model: OpenAIModel) -> int:
    if wanted is None:
        return model.dimensions
    refuse_if(not model.shortens, "embeddings.fixed_dimensions")
    if not isinstance(wanted, int) or not 1 <= wanted <= model.dimensions:
        raise refuse("embeddings.wrong_dimensions", param="dimensions", value=wanted, most=model.dimensions)
    return wanted
