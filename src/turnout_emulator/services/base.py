"""What every service does alike: note the request, serve what was queued, send answers, streams and errors."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from turnout_emulator.accounts import Accounts
from turnout_emulator.answers import Answer, Cut, Failure, Raw, Script
from turnout_emulator.brain.think import think
from turnout_emulator.catalogue import AnthropicModel, BedrockModel, OpenAIModel
from turnout_emulator.control import Control, Operation, Received
from turnout_emulator.memory import Signatures
from turnout_emulator.prompt import Prompt
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.reply import Reply, prepare
from turnout_emulator.scripts import Scripted, Whole
from turnout_emulator.tokens import TokenIssuer
from turnout_emulator.wires.framing import dumps

logger = logging.getLogger("turnout_emulator")


@dataclass(slots=True)
class Hub:
    """What the services of one emulator share; `addresses` has where each listens, by name and scheme."""

    control: Control
    accounts: Accounts
    tokens: TokenIssuer
    deployments: Mapping[str, str]
    openai_models: Mapping[str, OpenAIModel]
    bedrock_models: Mapping[str, BedrockModel]
    bedrock_profiles: Mapping[str, str]
    anthropic_models: Mapping[str, AnthropicModel]
    mantle_models: Mapping[str, OpenAIModel]
    runtime_models: Mapping[str, OpenAIModel]
    delay: float
    chunk_delay: float
    signatures: Signatures = field(default_factory=Signatures)
    vault_secrets: dict[str, str] = field(default_factory=dict)
    aws_secrets: dict[str, str | bytes] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the emulator stops."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), seconds)


@dataclass(slots=True)
class Exchange:
    """One request under way."""

    request: web.Request
    body: bytes
    received: Received
    started: float = field(default_factory=time.monotonic)
    script: Script | None = None
    frames: tuple[bytes, ...] = ()

    def authorization(self) -> tuple[str, str]:
        """The scheme of the authorization header, in lower case, and its credential."""
        scheme, _, credential = self.request.headers.get("authorization", "").partition(" ")
        return scheme.lower(), credential.strip()


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a wire shows a reply."""

    name: str  # the model's own, by which an answer may have been queued
    model: str  # what the service names as the model
    context: int  # tokens that the model reads
    call_prefix: str  # how the ids of tool calls begin
    whole: Callable[[Reply], dict[str, Any]]
    frames: Callable[[Reply], Iterator[bytes]]
    error_frame: Callable[[Refusal], bytes]
    call_length: int = 22  # random characters in the id of a call; 0 for the number of the call
    content_type: str = "text/event-stream; charset=utf-8"


Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]
_SURROGATE = re.compile(rb"\\u[dD]|\xed[\xa0-\xbf]")  # escaped, or as bytes
_ERRORS = tomllib.loads(Path(__file__).with_name("errors.toml").read_text(encoding="utf-8"))


class _Ready(Exception):
    """A response that was queued as it is."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


class Service(ABC):
    """One emulated service on a listener of its own."""

    name: str
    errors: tuple[str, ...] = ()  # its tables of errors; later ones override
    overflow = (1_000_000, 128_000)  # tokens and context that are named when an overflow was queued
    retry_headers: tuple[str, ...] = ()  # those that say when to try again

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    @abstractmethod
    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""

    def routes(self, unknown: str = "/{path:.*}") -> Iterator[web.RouteDef]:
        """The paths it answers, and those that it doesn't know."""
        for where, handler in {**self.handlers(), f"* {unknown}": self._unknown_path}.items():
            method, _, path = where.partition(" ")
            yield web.route(method, path, partial(self._serve, handler))

    async def _unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        request = exchange.request
        raise RequestRefused("unknown_path", method=request.method, path=request.path)

    def body(self, exchange: Exchange) -> dict[str, Any]:
        """The request's JSON object; it is refused if it isn't one."""
        if not isinstance(exchange.received.body, dict):
            raise RequestRefused("unreadable")
        return exchange.received.body

    def refusal(self, kind: str, received: Received, failure: Failure | None = None, **facts: object) -> Refusal:
        """The service's own error of a kind, as `errors.toml` has it; `facts` go into its message."""
        tables = [_ERRORS[name] for name in reversed(self.errors)]
        status, code, message, *rest = next(table[kind] for table in tables if kind in table)
        tokens, context = self.overflow
        named = {"model": received.model, "identity": received.identity, "tokens": tokens, "context": context}
        headers = {}
        if failure is not None and failure.retry_after is not None:
            wait = failure.retry_after
            headers = {n: f"{wait:g}" if n == "retry-after" else str(round(wait * 1000)) for n in self.retry_headers}
        text = message.format(**{**named, **facts})
        return Refusal(status, code or None, text, type=rest[0] if rest else None, headers=headers)

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        return {"message": refusal.message, **refusal.extra}

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        return respond(self.error_body(refusal), refusal.status, refusal.headers)

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - services differ in what they need
        """Headers on every answer."""
        return {}

    async def _serve(self, handler: Handler, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        received = _received(self.name, request, body)
        self.hub.control.note(received)
        exchange = Exchange(request, body, received)
        try:
            response = await handler(exchange)
        except _Ready as ready:
            response = ready.response
        except RequestRefused as refused:
            refusal = self.refusal(refused.kind, received, None, **refused.facts)
            refusal.message = refused.message or refusal.message
            refusal.code, refusal.param = refused.code or refusal.code, refused.param or refusal.param
            response = self.error(refusal)
        except Refusal as refusal:
            response = self.error(refusal)
        if not response.prepared:
            for name, value in self.headers(exchange).items():
                response.headers.setdefault(name, value)
        if exchange.script is not None:
            assert isinstance(response, web.Response)
            assert isinstance(response.body, bytes | None)
            whole = Whole(response.status, dict(response.headers), response.body or b"", exchange.frames)
            response = Scripted(exchange.script.steps(whole), whole)
        received.status = response.status
        logger.debug("%s %s %s -> %s", self.name, request.method, request.raw_path, response.status)
        return response

    async def queued(self, exchange: Exchange, models: tuple[str, ...], operation: Operation) -> Answer | Cut | None:
        """What was queued for this request; a failure or a raw response is raised."""
        item = self.hub.control.take(exchange.received, models, operation)
        if isinstance(item, Failure):
            await self.hub.pause(item.delay)
            raise self.failure(item, exchange.received)
        if isinstance(item, Raw):
            raise _Ready(_raw(item))
        if isinstance(item, Script):
            exchange.script = item
            return item.answer
        return item

    def failure(self, failure: Failure, received: Received) -> Refusal:
        """A queued failure as this service's error."""
        return self.refusal(failure.kind, received, failure).override(failure)

    async def embeddings(
        self, exchange: Exchange, model: str, texts: object, make: Callable[[], web.Response]
    ) -> web.StreamResponse:
        """Answer a request for embeddings, off the event loop if it has many texts."""
        item = await self.queued(exchange, (str(exchange.received.model), model), "embeddings")
        response = await asyncio.to_thread(make) if isinstance(texts, list) and len(texts) > 32 else make()
        await self.hub.pause(self.hub.delay)
        return _drop(exchange.request) if isinstance(item, Cut) else response

    async def chat(self, exchange: Exchange, prompt: Prompt, rendering: Rendering) -> web.StreamResponse:
        """Answer a chat request, whole or as a stream."""
        received = exchange.received
        received.stream = prompt.stream
        item = await self.queued(exchange, (str(received.model), rendering.name), "chat")
        if prompt.input_tokens > rendering.context:
            raise RequestRefused("context_overflow", tokens=prompt.input_tokens, context=rendering.context)
        cut = item if isinstance(item, Cut) else None
        answer = (item.answer if isinstance(item, Cut) else item) or think(prompt)
        reply = prepare(answer, prompt, rendering.model, rendering.call_prefix, rendering.call_length)
        await self.hub.pause(self.hub.delay if answer.delay is None else answer.delay)
        reply.latency = max(1, round((time.monotonic() - exchange.started) * 1000))
        if cut is not None and (cut.after_chunks == 0 or not prompt.stream) and cut.failure is None:
            return _drop(exchange.request)
        if not prompt.stream:
            if cut is not None and cut.failure is not None:
                raise self.failure(cut.failure, received)
            return respond(rendering.whole(reply))
        pause = self.hub.chunk_delay if answer.chunk_delay is None else answer.chunk_delay
        return await self._stream(exchange, rendering, reply, pause, cut)

    async def _stream(
        self, exchange: Exchange, rendering: Rendering, reply: Reply, pause: float, cut: Cut | None
    ) -> web.StreamResponse:
        headers = {"content-type": rendering.content_type, "cache-control": "no-cache", **self.headers(exchange)}
        if exchange.script is not None:
            exchange.frames = tuple(rendering.frames(reply))
            return web.Response(headers=headers, body=b"".join(exchange.frames))
        response = web.StreamResponse(headers=headers)
        exchange.received.status = 200
        await response.prepare(exchange.request)
        pending, number = b"", 0
        for number, frame in enumerate(islice(rendering.frames(reply), cut.after_chunks if cut else None), start=1):
            if pause:
                await response.write(frame)
                await self.hub.pause(pause)
                continue
            pending += frame
            if cut is not None or len(pending) > 16_384 or number < 3:
                await response.write(pending)
                pending = b""
        if cut is None or number < cut.after_chunks:
            await response.write(pending)
        elif cut.failure is not None:
            await self.hub.pause(cut.failure.delay)
            await response.write(rendering.error_frame(self.failure(cut.failure, exchange.received)))
        elif not cut.clean:
            await asyncio.sleep(0.01)  # lets the client read what was sent before the reset
            _drop(exchange.request)
            return response
        await response.write_eof()
        return response


def respond(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A response of JSON."""
    return web.Response(status=status, headers=headers, body=dumps(value), content_type="application/json")


def parse_form(body: bytes) -> dict[str, str]:
    """The first value of each field of a form."""
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _raw(item: Raw) -> web.Response:
    body, headers = item.body, dict(item.headers)
    if isinstance(body, Mapping):
        body, headers = dumps(body), {"content-type": "application/json", **headers}
    return web.Response(status=item.status, headers=headers, body=body.encode() if isinstance(body, str) else body)


def _drop(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)


def _received(service: str, request: web.Request, body: bytes) -> Received:
    parsed: Any = None
    if request.content_type == "application/x-www-form-urlencoded":
        parsed = body.decode("utf-8", "replace") or None
    else:
        with suppress(ValueError):
            found = json.loads(body)
            if _SURROGATE.search(body):  # half of a pair is no JSON: github.com/anthropics/claude-code/issues/69927
                json.dumps(found, ensure_ascii=False).encode()
            parsed = found
    return Received(
        service=service,
        method=request.method,
        path=request.raw_path.partition("?")[0],
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        received_at=time.time(),
        body=parsed,
    )
