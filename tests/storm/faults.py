"""Every fault of a storm: those of `tests.faults`, and what services, gateways and streams say when they fail."""

from __future__ import annotations

import email.utils
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests import faults
from turnout import errors as e
from turnout_emulator import Close, Whole
from turnout_emulator.scripts import chunk
from turnout_emulator.wires.framing import aws_event, event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnout_emulator import Received
    from turnout_emulator.scripts import Step

Kinds = tuple[type[e.TurnoutError], ...]

_FINISHES = (b'"finish_reason":"stop"', b"response.completed", b"message_delta", b"messageStop")
_LARGE = 20 * 2**20


@dataclass(frozen=True)
class Trouble:
    """A fault, and what has to become of a call that meets it.

    Attributes:
        steps: What is sent instead of the answer to a request.
        harmless: Whether the answer is right all the same, and has to be taken.
        slow: Whether only a deadline ends it.
        repeats: Whether a call is made again after it.
        moves: Whether a call moves on after it.
        errors: What a call may end in.
        ways: `stream` or `whole` if it is one of these alone.
        wires: The wires that have it; empty for all.
        kind: `chat` or `embedding` if it is one of these alone.
        throttles: Whether it is a throttling, which others wait for too.
    """

    steps: Callable[[Whole, Received], Iterable[Step]]
    harmless: bool = False
    slow: bool = False
    repeats: bool = True
    moves: bool = True
    errors: Kinds = (e.ModelCallError,)
    ways: str = ""
    wires: frozenset[str] = frozenset()
    kind: str = ""
    throttles: bool = False


def _of(fault: faults.Fault, kind: str = "", wires: frozenset[str] = frozenset()) -> Trouble:
    ways = "stream" if fault.streams else "whole" if fault.wholes else ""
    return Trouble(lambda whole, _: fault.steps(whole), fault.harmless, fault.slow, ways=ways, kind=kind, wires=wires)


def _is_aws(whole: Whole) -> bool:
    return any(name.lower() == "x-amzn-requestid" for name in whole.headers)


def _refused(
    status: int, message: str, *headers: str, aws: str = "", code: str = "", html: bool = False
) -> Callable[[Whole, Received], Iterable[Step]]:
    def steps(whole: Whole, _: Received) -> Iterable[Step]:
        error = {"message": message, "type": code or "error", "code": code or None}
        said = {"type": "error", "error": error, "message": message}
        body = f"<html><body><h1>{status} {message}</h1></body></html>".encode() if html else json.dumps(said).encode()
        lines = [f"HTTP/1.1 {status} Refused", f"Content-Type: {'text/html' if html else 'application/json'}", *headers]
        if aws and _is_aws(whole) and not html:
            lines.append(f"x-amzn-ErrorType: {aws}")
        return [("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])).encode() + body]

    return steps


def _throttled(*headers: str, **more: Any) -> Trouble:
    steps = _refused(429, "Slow down", *headers, aws="ThrottlingException", code="rate_limit_error")
    return Trouble(steps, errors=(e.RateLimitError,), throttles=True, **more)


def _now() -> Trouble:
    """A date, which is made when it is sent."""

    def steps(whole: Whole, received: Received) -> Iterable[Step]:
        date = email.utils.formatdate(usegmt=True)
        return _throttled(f"Retry-After: {date}").steps(whole, received)

    return Trouble(steps, errors=(e.RateLimitError,), throttles=True)


def _finish(whole: Whole) -> int:
    """The number of the frame that says that the answer is whole."""
    return next(n for n, frame in enumerate(whole.frames) if any(finish in frame for finish in _FINISHES))


def _words(whole: Whole) -> int:
    """The number of a frame from the middle of the text: the first that has a letter that is no ASCII."""
    return next(n for n, frame in enumerate(whole.frames) if "№".encode() in frame)


def _streamed(change: Callable[[Whole], list[bytes]], *end: Step) -> Callable[[Whole, Received], Iterable[Step]]:
    """A stream of other frames; it ends as streams do, unless an end is given."""

    def steps(whole: Whole, _: Received) -> Iterable[Step]:
        return [whole.head, *(chunk(frame) for frame in change(whole)), *(end or (chunk(b""),))]

    return steps


def _cut_letter(whole: Whole) -> list[bytes]:
    number = _words(whole)
    frame = whole.frames[number]
    return [*whole.frames[:number], frame[: frame.index("№".encode()) + 1]]


def _with_failure(place: Callable[[Whole], int], failure: Callable[[Whole], bytes]) -> Any:
    return _streamed(lambda whole: [*whole.frames[: place(whole)], failure(whole)])


def _response_failed(whole: Whole) -> bytes:
    data = json.loads(whole.frames[_finish(whole)].partition(b"data: ")[2])
    error = {"code": "server_error", "message": "The model failed."}
    data |= {"type": "response.failed", "response": data["response"] | {"status": "failed", "error": error}}
    return event(data, "response.failed")


def _aws(name: str) -> Callable[[Whole], bytes]:
    return lambda _: aws_event(name, {"message": "It broke."}, kind="exception")


def _overloaded(_: Whole) -> bytes:
    return event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error")


def _spoilt_prelude(whole: Whole) -> list[bytes]:
    frames, place = list(whole.frames), len(whole.frames) // 2
    frame = bytearray(frames[place])
    frame[1] ^= 0x01
    return [*frames[:place], bytes(frame), *frames[place + 1 :]]


def _redirect(target: Callable[[Received], str]) -> Callable[[Whole, Received], Iterable[Step]]:
    def steps(_: Whole, received: Received) -> Iterable[Step]:
        location = target(received)
        return [f"HTTP/1.1 307 Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()]

    return steps


def _itself(received: Received) -> str:
    return received.path + (f"?{urlencode(received.query)}" if received.query else "")


def _large(whole: Whole, _: Received) -> Iterable[Step]:
    return [whole.head_with(f"Content-Length: {_LARGE + len(whole.body)}"), b" " * _LARGE, whole.body]


def _one_index(whole: Whole, _: Received) -> Iterable[Step]:
    """Vectors of several texts that say that they are all of the same one."""
    answer = json.loads(whole.body)
    answer["data"] = [{**item, "index": 0} for item in answer["data"]]
    body = json.dumps(answer).encode()
    return [whole.head_with(f"Content-Length: {len(body)}"), body]


_VECTORS = frozenset({"openai-embeddings", "bedrock-invoke"})
_RESPONSES = frozenset({"openai-responses"})
_CONVERSE = frozenset({"bedrock-converse"})
_MESSAGES = frozenset({"anthropic-messages"})

TROUBLES: dict[str, Trouble] = {
    **{name: _of(fault) for name, fault in faults.FAULTS.items()},
    **{name: _of(fault, "embedding", _VECTORS) for name, fault in faults.VECTOR_FAULTS.items()},
    "429": _throttled(),
    "429, in 0 seconds": _throttled("Retry-After: 0"),
    "429, in a second": _throttled("Retry-After: 1"),
    "429, at a date": _now(),
    "429, in 200 milliseconds": _throttled("retry-after-ms: 200"),
    "429, in 200 milliseconds of AWS": _throttled("x-amz-retry-after: 200"),
    "429, in NaN seconds": _throttled("Retry-After: nan"),
    "429, in -5 seconds": _throttled("Retry-After: -5"),
    "429, in infinite seconds": _throttled("Retry-After: inf"),
    "429, at a broken date": _throttled("Retry-After: Mon, 99 Foo 2026 99:99:99 GMT"),
    "429, in an hour": _throttled("Retry-After: 3600", repeats=False),
    "500": Trouble(_refused(500, "It broke.", aws="InternalServerException"), errors=(e.ServerError,)),
    "502, a page": Trouble(_refused(502, "Bad Gateway", html=True), errors=(e.ServerError,)),
    "503": Trouble(_refused(503, "No capacity", aws="ServiceUnavailableException"), errors=(e.ServerError,)),
    "529": Trouble(_refused(529, "Overloaded", code="overloaded_error"), errors=(e.ServerError,)),
    "408": Trouble(_refused(408, "Too slow", aws="ModelTimeoutException"), errors=(e.ServiceTimeoutError,)),
    "413, too many tokens": Trouble(
        _refused(413, "Your input has too many tokens."), repeats=False, moves=False, errors=(e.ContextOverflowError,)
    ),
    "413, a page": Trouble(
        _refused(413, "Request Entity Too Large", html=True),
        repeats=False,
        moves=False,
        errors=(e.InvalidRequestError,),
    ),
    "401": Trouble(
        _refused(401, "Who are you?", code="invalid_api_key"),
        repeats=False,
        moves=False,
        errors=(e.AuthenticationError,),
    ),
    "a redirect to the same place": Trouble(_redirect(_itself)),
    "a redirect to another server": Trouble(
        _redirect(lambda _: "http://127.0.0.1:9/"), repeats=False, moves=False, errors=(e.RedirectError,)
    ),
    "20 MB of white space": Trouble(_large, harmless=True, ways="whole", kind="chat"),
    "one index for all": Trouble(_one_index, kind="embedding", wires=frozenset({"openai-embeddings"})),
    "a stream cut in a letter": Trouble(_streamed(_cut_letter), ways="stream", kind="chat"),
    "a stream closed in a letter": Trouble(_streamed(_cut_letter, Close()), ways="stream", kind="chat"),
    "a stream without its finish": Trouble(
        _streamed(lambda w: list(w.frames[: _finish(w)])), ways="stream", kind="chat"
    ),
    "a finish twice": Trouble(
        _streamed(lambda w: [*w.frames[: _finish(w) + 1], *w.frames[_finish(w) :]]), ways="stream", kind="chat"
    ),
    "a spoilt prelude of a frame": Trouble(_streamed(_spoilt_prelude), ways="stream", kind="chat", wires=_CONVERSE),
    "response.failed first": Trouble(
        _with_failure(lambda _: 1, _response_failed), ways="stream", kind="chat", wires=_RESPONSES
    ),
    "response.failed in the text": Trouble(
        _with_failure(_words, _response_failed), ways="stream", kind="chat", wires=_RESPONSES
    ),
    "an error event first": Trouble(
        _with_failure(lambda _: 0, _overloaded), ways="stream", kind="chat", wires=_MESSAGES
    ),
    "an error event in the text": Trouble(
        _with_failure(_words, _overloaded), ways="stream", kind="chat", wires=_MESSAGES
    ),
    **{
        f"{what} {where}": Trouble(
            _with_failure(place, _aws(name)), ways="stream", kind="chat", wires=_CONVERSE, errors=errors
        )
        for what, name, errors in (
            ("an exception", "internalServerException", (e.ServerError,)),
            ("an exception that isn't modelled", "oddException", (e.ServerError,)),
            ("throttling", "throttlingException", (e.RateLimitError,)),
        )
        for where, place in (("first", lambda _: 0), ("in the text", _words))
    },
}
"""Every fault by its name."""

NAMES = list(TROUBLES)


def fitting(*, kind: str, streamed: bool, wire: str, throttles: bool) -> list[str]:
    """The names of the faults that a call may meet."""
    way = "stream" if streamed else "whole"
    return [
        name
        for name, trouble in TROUBLES.items()
        if trouble.throttles == throttles
        and trouble.kind in {"", kind}
        and trouble.ways in {"", way}
        and (not trouble.wires or wire in trouble.wires)
    ]
