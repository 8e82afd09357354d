"""What can happen to an answer on its way, as scripts of the emulator's raw mode."""

from __future__ import annotations

import gzip
import json
from array import array
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnout_emulator import Close, Drip, Reset, Wait, Whole
from turnout_emulator.scripts import chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnout_emulator.scripts import Step

SILENCE = Wait(8)
"""Longer than any deadline of a test."""

UNASKED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"un":"ask"}'


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        steps: What is sent instead of the answer.
        harmless: Whether the answer is right all the same, and has to be taken.
        slow: Whether only a deadline ends it.
        streams: Whether it is one of streams alone.
        wholes: Whether it is one of answers that aren't streamed alone.
    """

    steps: Callable[[Whole], Iterable[Step]]
    harmless: bool = False
    slow: bool = False
    streams: bool = False
    wholes: bool = False


def _body(whole: Whole) -> bytes:
    return b"".join(whole.frames) if whole.frames else whole.body


def _headers(whole: Whole, *lines: str) -> bytes:
    return whole.head_with(*lines)


def _with_length(whole: Whole, difference: int) -> bytes:
    return _headers(whole, f"Content-Length: {len(_body(whole)) + difference}")


def _half(whole: Whole) -> bytes:
    sent = b"".join(whole.parts)
    return sent[: len(sent) // 2]


def _old(whole: Whole) -> bytes:
    return _headers(whole).replace(b"HTTP/1.1", b"HTTP/1.0", 1)


def _packed(whole: Whole, data: bytes) -> Iterable[Step]:
    return [_headers(whole, "Content-Encoding: gzip", f"Content-Length: {len(data)}"), data]


def _instead(body: bytes, kind: str = "application/json") -> Callable[[Whole], Iterable[Step]]:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda _: [head, body]


def _spoilt(whole: Whole, place: int) -> bytes:
    """A stream with one byte of a frame changed; a frame of AWS has checksums, an event of text is JSON no more."""
    frames = list(whole.frames)
    frame = bytearray(frames[place])
    middle = len(frame) // 2
    frame[middle] = frame[middle] ^ 0xFF
    frames[place] = bytes(frame)
    return b"".join(chunk(one) for one in frames) + chunk(b"")


FAULTS: dict[str, Fault] = {
    "reset before the head": Fault(lambda _: [Reset()]),
    "close before the head": Fault(lambda _: [Close()]),
    "silence before the head": Fault(lambda _: [SILENCE], slow=True),
    "reset in the head": Fault(lambda w: [w.head[:40], Reset()]),
    "close in the head": Fault(lambda w: [w.head[:40], Close()]),
    "silence in the head": Fault(lambda w: [w.head[:40], SILENCE], slow=True),
    "dripping head": Fault(lambda w: [Drip(w.head)], slow=True),
    "reset after the head": Fault(lambda w: [w.head, Reset()]),
    "close after the head": Fault(lambda w: [w.head, Close()]),
    "silence after the head": Fault(lambda w: [w.head, SILENCE], slow=True),
    "reset in the body": Fault(lambda w: [w.head, _half(w), Reset()]),
    "close in the body": Fault(lambda w: [w.head, _half(w), Close()]),
    "silence in the body": Fault(lambda w: [w.head, _half(w), SILENCE], slow=True),
    "dripping body": Fault(lambda w: [w.head, Drip(b"".join(w.parts))], slow=True),
    "dripping chunk size": Fault(
        lambda w: [_headers(w, "Transfer-Encoding: chunked"), Drip(b"0" * 60 + b"1\r\n")], slow=True
    ),
    "early hints": Fault(
        lambda w: [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Wait(0.15), w.sent], harmless=True
    ),
    "early hints twice, and continue": Fault(
        lambda w: [b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 More\r\n\r\n" + w.sent],
        harmless=True,
    ),
    "early hints alone": Fault(lambda _: [b"HTTP/1.1 103 Early Hints\r\n\r\n", Close()]),
    "another protocol": Fault(lambda _: [b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"]),
    "no HTTP": Fault(lambda _: [b"SSH-2.0-OpenSSH_9.2\r\n", Close()]),
    "a length that is none": Fault(lambda w: [_headers(w, "Content-Length: many"), _body(w), Close()]),
    "a length that is too long": Fault(lambda w: [_with_length(w, 10), _body(w), Close()]),
    "a length that is too short": Fault(lambda w: [_with_length(w, -10), _body(w)], wholes=True),
    # aiohttp 3.14 doesn't always tell who reads the body, who then waits for the deadline.
    "a chunk size that is none": Fault(
        lambda w: [_headers(w, "Transfer-Encoding: chunked"), b"zz\r\n" + _body(w), Close()], slow=True
    ),
    "an answer that is repeated": Fault(lambda w: [w.sent + UNASKED], harmless=True),
    "HTTP/1.0": Fault(lambda w: [_old(w), _body(w), Close()], harmless=True),
    "no length": Fault(lambda w: [_headers(w, "Connection: close"), _body(w), Close()], harmless=True),
    "no length, and cut": Fault(lambda w: [_headers(w), _body(w)[: len(_body(w)) // 2], Close()]),
    "gzip": Fault(lambda w: _packed(w, gzip.compress(_body(w)))),  # botocore doesn't ask for it, nor decodes it
    "gzip that is broken": Fault(lambda w: _packed(w, gzip.compress(_body(w))[:-20] + b"x" * 20), wholes=True),
    "gzip that is none": Fault(lambda w: _packed(w, _body(w))),
    "an empty body": Fault(_instead(b"")),
    "no content": Fault(lambda _: [b"HTTP/1.1 204 No Content\r\n\r\n"]),
    "a page": Fault(_instead(b"<html><body>Sign in to the network</body></html>", "text/html")),
    "null": Fault(_instead(b"null")),
    "a list": Fault(_instead(b"[]")),
    "an object of nothing": Fault(_instead(b"{}")),
    "half a JSON": Fault(lambda w: _instead(_body(w)[: len(_body(w)) // 2])(w), wholes=True),
    "no UTF-8": Fault(_instead(b'{"choices": "\xff\xfe"}')),
    "an error for an answer": Fault(_instead(b'{"error": {"code": "oops", "message": "It broke."}}')),
    "deep nesting": Fault(_instead(b'{"choices": ' + b"[" * 20_000 + b"]" * 20_000 + b"}")),
    "a stream of nothing": Fault(lambda w: [w.head, chunk(b"")], streams=True),
    "a stream that ends after its first frame": Fault(lambda w: [w.head, chunk(w.frames[0]), chunk(b"")], streams=True),
    "a stream cut in a frame": Fault(lambda w: [w.head, w.parts[0], w.parts[1][:-9], Close()], streams=True),
    "a spoilt first frame": Fault(lambda w: [w.head, _spoilt(w, 0)], streams=True),
    "a spoilt frame": Fault(lambda w: [w.head, _spoilt(w, len(w.frames) // 2)], streams=True),
}


def _with_numbers(change: Callable[[list[Any]], Any]) -> Callable[[Whole], Iterable[Step]]:
    """An answer of vectors, whatever its form, with one of them changed."""

    def steps(whole: Whole) -> Iterable[Step]:
        answer = json.loads(whole.body)
        if "data" in answer:
            item = answer["data"][0]
            sent = item["embedding"]
            numbers = list(array("f", b64decode(sent))) if isinstance(sent, str) else sent
            item["embedding"] = change(numbers)
        else:
            answer["embedding"] = change(answer["embedding"])
        return _instead(json.dumps(answer).encode())(whole)

    return steps


def _twice(whole: Whole) -> Iterable[Step]:
    answer = json.loads(whole.body)
    if "data" in answer:
        answer["data"] *= 2
    else:
        answer["embedding"] = [answer["embedding"]] * 2
    return _instead(json.dumps(answer).encode())(whole)


VECTOR_FAULTS: dict[str, Fault] = {
    "a number that is none": Fault(_with_numbers(lambda numbers: [float("nan"), *numbers[1:]])),
    "an infinite number": Fault(_with_numbers(lambda numbers: [float("inf"), *numbers[1:]])),
    "words for numbers": Fault(_with_numbers(lambda numbers: [str(number) for number in numbers])),
    "no numbers": Fault(_with_numbers(lambda _: [])),
    "no vector": Fault(_with_numbers(lambda _: None)),
    "vectors in a vector": Fault(_with_numbers(lambda numbers: [numbers])),
    "a vector twice": Fault(_twice),
}
"""Faults of embeddings alone."""
