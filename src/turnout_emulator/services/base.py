"""What every service does alike: note the request, serve what was queued, send answers, streams and errors."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from aiohttp import web

from turnout_emulator.accounts import Accounts
from turnout_emulator.answers import Answer, Cut, Failure, FailureKind, Raw, Script
from turnout_emulator.auth.entra import TokenIssuer
from turnout_emulator.brain.think import think
from turnout_emulator.catalogue import AnthropicModel, BedrockModel, OpenAIModel
from turnout_emulator.control import Control, Operation, Received
from turnout_emulator.prompt import Prompt
from turnout_emulator.refusals import Refusal, RequestInvalid, overridden
from turnout_emulator.reply import Reply, prepare
from turnout_emulator.scripts import Scripted, Whole
from turnout_emulator.seals import Seals

logger = logging.getLogger("turnout_emulator")


@dataclass(slots=True)
class Hub:
    """What the services of one emulator share.

    Attributes:
        control: The queue and the list of requests.
        accounts: Credentials.
        tokens: Entra tokens.
        deployments: Azure deployments: name to model.
        openai_models: Models of Azure OpenAI and OpenAI.
        bedrock_models: Models of Bedrock.
        bedrock_profiles: Application inference profiles: ARN or id to foundation-model id.
        anthropic_models: Claude models of Azure Foundry.
        mantle_models: OpenAI models on Bedrock.
        seals: Signatures of reasoning.
        delay: Seconds before each answer.
        chunk_delay: Seconds between the chunks of a stream.
        addresses: Where each service listens, by name and scheme.
        stopping: Set when the emulator stops.
    """

    control: Control
    accounts: Accounts
    tokens: TokenIssuer
    deployments: Mapping[str, str]
    openai_models: Mapping[str, OpenAIModel]
    bedrock_models: Mapping[str, BedrockModel]
    bedrock_profiles: Mapping[str, str]
    anthropic_models: Mapping[str, AnthropicModel] = field(default_factory=dict)
    mantle_models: Mapping[str, OpenAIModel] = field(default_factory=dict)
    seals: Seals = field(default_factory=Seals)
    delay: float = 0.0
    chunk_delay: float = 0.0
    addresses: dict[str, str] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the emulator stops."""
        if seconds <= 0:
            return
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return


@dataclass(slots=True)
class Exchange:
    """One request under way."""

    request: web.Request
    body: bytes
    received: Received
    started: float = field(default_factory=time.monotonic)
    script: Script | None = None
    frames: tuple[bytes, ...] = ()

    def json(self) -> dict[str, Any]:
        """The request's JSON object.

        Raises:
            ValueError: It isn't one.
        """
        value = self.received.body
        if not isinstance(value, dict):
            raise ValueError("the body is not a JSON object")  # noqa: TRY004 - what the client sent, not a bug here
        return value


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a wire shows a reply.

    Attributes:
        model: What the service names as the model.
        call_prefix: How the ids of tool calls begin.
        call_length: How many random characters follow; 0 for the number of the call.
        whole: The response that isn't streamed.
        frames: The frames of a stream.
        content_type: Of a stream.
        error_frame: An error in the middle of a stream.
    """

    model: str
    call_prefix: str
    call_length: int
    whole: Callable[[Reply], dict[str, Any]]
    frames: Callable[[Reply], Iterator[bytes]]
    content_type: str
    error_frame: Callable[[Refusal], bytes]


Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]


class Service(ABC):
    """One emulated service on a listener of its own."""

    name: str

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""

    @abstractmethod
    def refusal(self, kind: FailureKind, received: Received, failure: Failure | None = None) -> Refusal:
        """The service's own error of a kind."""

    @abstractmethod
    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""

    def invalid(self, problem: RequestInvalid, received: Received) -> Refusal:
        """A request that a wire refused, as the service's own error."""
        refusal = self.refusal(problem.kind, received)
        refusal.message = problem.message
        refusal.code = problem.code if problem.code is not None else refusal.code
        refusal.param = problem.param if problem.param is not None else refusal.param
        return refusal

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - services differ in what they need
        """Headers on every answer."""
        return {}

    def route(self, method: str, path: str, handler: Handler) -> web.RouteDef:
        """A path, answered by a handler that may raise `Refusal`."""

        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, handler)

        return web.route(method, path, serve)

    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read()
        received = _received(self.name, request, body)
        self.hub.control.note(received)
        exchange = Exchange(request, body, received)
        try:
            response = await handler(exchange)
        except RequestInvalid as problem:
            response = self.error(self.invalid(problem, received))
        except Refusal as refusal:
            response = self.error(refusal)
        if not response.prepared:
            for name, value in self.headers(exchange).items():
                response.headers.setdefault(name, value)
        if exchange.script is not None:
            whole = _whole(response, exchange.frames)
            response = Scripted(exchange.script.steps(whole), whole)
        received.status = response.status
        logger.debug("%s %s %s -> %s", self.name, request.method, request.raw_path, response.status)
        return response

    async def queued(
        self, exchange: Exchange, models: tuple[str, ...], operation: Operation
    ) -> Answer | Cut | Raw | None:
        """What was queued for this request.

        Raises:
            Refusal: A failure was queued.
        """
        control = self.hub.control
        item = control.decide(exchange.received) or control.take(self.name, models, operation)
        if isinstance(item, Failure):
            await self.hub.pause(item.delay)
            raise self.failure(item, exchange.received)
        if isinstance(item, Script):
            exchange.script = item
            return item.answer
        return item

    def failure(self, failure: Failure, received: Received) -> Refusal:
        """A queued failure as this service's error."""
        return overridden(self.refusal(failure.kind, received, failure), failure)

    async def embeddings(
        self, exchange: Exchange, models: tuple[str, ...], make: Callable[[], web.Response], size: int
    ) -> web.StreamResponse:
        """Answer a request for embeddings of `size` texts."""
        item = await self.queued(exchange, models, "embeddings")
        if isinstance(item, Raw):
            return raw(item)
        response = await asyncio.to_thread(make) if size > 32 else make()
        await self.hub.pause(self.hub.delay)
        if isinstance(item, Cut):
            return _drop(exchange.request)
        return response

    async def chat(
        self, exchange: Exchange, models: tuple[str, ...], prompt: Prompt, context: int, rendering: Rendering
    ) -> web.StreamResponse:
        """Answer a chat request, whole or as a stream.

        Args:
            exchange: The request.
            models: Names by which a queued answer may be meant for it.
            prompt: What was asked.
            context: Tokens that the model reads.
            rendering: How the wire shows the reply.
        """
        exchange.received.stream = prompt.stream
        item = await self.queued(exchange, models, "chat")
        if isinstance(item, Raw):
            return raw(item)
        if prompt.input_tokens > context:
            message = self.overflow_message(prompt.input_tokens, context, exchange.received.wire)
            raise RequestInvalid(message, kind="context_overflow")
        cut = item if isinstance(item, Cut) else None
        answer = (cut.answer if cut else item) or think(prompt)
        assert isinstance(answer, Answer)
        reply = prepare(
            answer,
            prompt,
            model=rendering.model,
            call_prefix=rendering.call_prefix,
            call_length=rendering.call_length,
        )
        await self.hub.pause(self.hub.delay if answer.delay is None else answer.delay)
        reply.latency = max(1, round((time.monotonic() - exchange.started) * 1000))
        if cut is not None and (cut.after_chunks == 0 or not prompt.stream) and cut.failure is None:
            return _drop(exchange.request)
        if not prompt.stream:
            if cut is not None and cut.failure is not None:
                raise self.failure(cut.failure, exchange.received)
            return web.Response(body=dumps(rendering.whole(reply)), content_type="application/json")
        pause = self.hub.chunk_delay if answer.chunk_delay is None else answer.chunk_delay
        return await self._stream(exchange, rendering, reply, pause, cut)

    @abstractmethod
    def overflow_message(self, tokens: int, context: int, wire: str | None) -> str:
        """What the service says of a prompt that is too long, on the wire that it came by."""

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
        pending = b""
        number = 0
        for number, frame in enumerate(islice(rendering.frames(reply), cut.after_chunks if cut else None), start=1):
            if pause:
                await response.write(frame)
                await self.hub.pause(pause)
                continue
            pending += frame
            if cut is not None or len(pending) > 16_384 or number < 3:
                await response.write(pending)
                pending = b""
        if cut is not None and number == cut.after_chunks:
            return await self._break(exchange, rendering, response, cut)
        await response.write(pending)
        await response.write_eof()
        return response

    async def _break(
        self, exchange: Exchange, rendering: Rendering, response: web.StreamResponse, cut: Cut
    ) -> web.StreamResponse:
        if cut.failure is not None:
            await self.hub.pause(cut.failure.delay)
            await response.write(rendering.error_frame(self.failure(cut.failure, exchange.received)))
        if cut.clean or cut.failure is not None:
            await response.write_eof()
        elif exchange.request.transport is not None:
            await asyncio.sleep(0.01)  # lets the client read what was sent before the reset
            exchange.request.transport.abort()
        return response


def dumps(value: Mapping[str, Any]) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def raw(item: Raw) -> web.Response:
    """A queued raw response."""
    body = item.body
    if isinstance(body, Mapping):
        return web.Response(
            status=item.status, headers={"content-type": "application/json", **item.headers}, body=dumps(body)
        )
    return web.Response(
        status=item.status, headers=dict(item.headers), body=body.encode() if isinstance(body, str) else body
    )


def _whole(response: web.StreamResponse, frames: tuple[bytes, ...]) -> Whole:
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes | None)
    return Whole(response.status, dict(response.headers), response.body or b"", frames)


def _drop(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)


def _received(service: str, request: web.Request, body: bytes) -> Received:
    parsed: Any = None
    if body:
        if request.content_type == "application/x-www-form-urlencoded":
            parsed = body.decode("utf-8", "replace")
        else:
            try:
                parsed = json.loads(body)
            except ValueError:
                parsed = None
    return Received(
        service=service,
        method=request.method,
        path=request.raw_path.partition("?")[0],
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        received_at=time.time(),
        body=parsed,
    )
