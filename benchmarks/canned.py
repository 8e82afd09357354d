"""What the server answers, as bytes made once: the figures are to be of the clients, not of the server."""

from __future__ import annotations

import base64
import json
import random
import struct
from functools import cache
from typing import Any

from turnout_emulator.wires.framing import aws_event

CHUNKS = 200
"""Pieces of text in a stream."""
WORDS = [f" depot{index}" for index in range(CHUNKS)]
ANSWER = "The depot opens at seven."

OPENAI_DIMENSIONS = 1536
TITAN_DIMENSIONS = 1024
COHERE_DIMENSIONS = {"v3": 1024, "v4": 1536}

THROTTLED = {"Content-Type": "application/json", "x-amzn-ErrorType": "ThrottlingException"}
THROTTLED_BODY = b'{"message":"Too many requests, please wait before trying again."}'
"""What Bedrock says of a request that it throttles; no time to wait."""

_COMPACT = (",", ":")
_USAGE = {"prompt_tokens": 10, "completion_tokens": CHUNKS, "total_tokens": 10 + CHUNKS}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=_COMPACT).encode()


@cache
def vector(dimensions: int) -> list[float]:
    """A vector of single-precision floats, as the services send them."""
    numbers = random.Random(dimensions)
    packed = struct.pack(f"<{dimensions}f", *(numbers.gauss(0, dimensions**-0.5) for _ in range(dimensions)))
    return list(struct.unpack(f"<{dimensions}f", packed))


@cache
def _vector_json(dimensions: int) -> bytes:
    return _json([round(value, 9) for value in vector(dimensions)])


@cache
def openai_chat() -> bytes:
    """A whole Chat Completions answer."""
    message = {"role": "assistant", "content": ANSWER, "refusal": None}
    return _json(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_750_000_000,
            "model": "gpt-4o",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16},
        }
    )


@cache
def openai_stream() -> tuple[list[bytes], bytes]:
    """The pieces of a Chat Completions stream, and what comes after the last of them."""

    def sse(choices: list[dict[str, Any]], **other: Any) -> bytes:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_750_000_000, "model": "gpt-4o"}
        return b"data: " + _json({**head, "choices": choices, **other}) + b"\n\n"

    def choice(delta: dict[str, Any], reason: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]

    pieces = [sse(choice({"role": "assistant", "content": WORDS[0]}))]
    pieces += [sse(choice({"content": word})) for word in WORDS[1:]]
    return pieces, sse(choice({}, "stop")) + sse([], usage=_USAGE) + b"data: [DONE]\n\n"


@cache
def openai_embeddings(count: int, *, as_base64: bool) -> bytes:
    """An Embeddings answer for a number of inputs."""
    one = _vector_json(OPENAI_DIMENSIONS)
    if as_base64:
        one = b'"' + base64.b64encode(struct.pack(f"<{OPENAI_DIMENSIONS}f", *vector(OPENAI_DIMENSIONS))) + b'"'
    items = b",".join(b'{"object":"embedding","index":%d,"embedding":%b}' % (index, one) for index in range(count))
    usage = _json({"prompt_tokens": 200 * count, "total_tokens": 200 * count})
    return b'{"object":"list","data":[%b],"model":"text-embedding-3-small","usage":%b}' % (items, usage)


@cache
def converse() -> bytes:
    """A whole Converse answer."""
    return _json(
        {
            "metrics": {"latencyMs": 100},
            "output": {"message": {"role": "assistant", "content": [{"text": ANSWER}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 10, "outputTokens": 6, "totalTokens": 16},
        }
    )


@cache
def converse_stream() -> tuple[list[bytes], bytes]:
    """The pieces of a ConverseStream answer, and what comes after the last of them."""
    pieces = [aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}) for word in WORDS]
    usage = {"inputTokens": 10, "outputTokens": CHUNKS, "totalTokens": 10 + CHUNKS}
    end = aws_event("contentBlockStop", {"contentBlockIndex": 0})
    end += aws_event("messageStop", {"stopReason": "end_turn"})
    end += aws_event("metadata", {"usage": usage, "metrics": {"latencyMs": 1100}})
    return [aws_event("messageStart", {"role": "assistant"}) + pieces[0], *pieces[1:]], end


@cache
def titan() -> bytes:
    """A Titan v2 answer, which has the vector twice."""
    one = _vector_json(TITAN_DIMENSIONS)
    return b'{"embedding":%b,"embeddingsByType":{"float":%b},"inputTextTokenCount":200}' % (one, one)


@cache
def cohere(count: int, *, version: str, by_type: bool) -> bytes:
    """A Cohere answer for a number of texts."""
    vectors = b"[" + b",".join([_vector_json(COHERE_DIMENSIONS[version])] * count) + b"]"
    if by_type:
        return b'{"id":"1","response_type":"embeddings_by_type","embeddings":{"float":%b},"texts":[]}' % vectors
    return b'{"id":"1","response_type":"embeddings_floats","embeddings":%b,"texts":[]}' % vectors
