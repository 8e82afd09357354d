"""Bedrock Runtime: Converse, ConverseStream and InvokeModel, and beside them OpenAI's and Anthropic's own APIs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from turnout_emulator.catalogue import BedrockModel, find_bedrock
from turnout_emulator.control import Operation
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Rendering, Service, respond
from turnout_emulator.services.identity import identify_aws
from turnout_emulator.services.messages import RuntimeMessagesService
from turnout_emulator.services.runtime_openai import RuntimeOpenAIService
from turnout_emulator.wires import bedrock_converse, bedrock_invoke
from turnout_emulator.wires.framing import AWS_STREAM, aws_event

_SIGNING_NAMES = frozenset({"bedrock"})


class BedrockService(Service):
    """`/model/{id}/converse`, `/converse-stream` and `/invoke`, signed with SigV4 or with a bearer key."""

    name = "bedrock"
    retry_headers = ("retry-after", "x-amz-retry-after")
    errors = ("bedrock",)

    def routes(self, unknown: str = "/{path:.*}") -> Iterator[web.RouteDef]:
        """The paths it answers, with those of OpenAI's and Anthropic's APIs."""
        yield from RuntimeOpenAIService(self.hub).routes("/openai/{path:.*}")
        yield from RuntimeMessagesService(self.hub).routes("/anthropic/{path:.*}")
        yield from super().routes(unknown)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "POST /model/{model}/converse": self._converse,
            "POST /model/{model}/converse-stream": self._converse,
            "POST /model/{model}/invoke": self._invoke,
            "POST /model/{model}/invoke-with-response-stream": self._invoke_stream,
        }

    def _open(self, exchange: Exchange, operation: Operation, wire: str | None) -> tuple[dict[str, Any], BedrockModel]:
        received = exchange.received
        received.operation, received.wire = operation, wire
        received.model = unquote(exchange.request.match_info["model"])
        identify_aws(exchange, self.hub, _SIGNING_NAMES)
        model = find_bedrock(received.model, self.hub.bedrock_models, self.hub.bedrock_profiles)
        if model.kind != "chat" and operation == "chat":
            raise RequestRefused("no_chat_model")
        return self.body(exchange), model

    async def _converse(self, exchange: Exchange) -> web.StreamResponse:
        body, model = self._open(exchange, "chat", bedrock_converse.NAME)
        stream = exchange.request.path.endswith("-stream")
        prompt = bedrock_converse.read(body, model, str(exchange.received.model), self.hub.signatures, stream=stream)
        rendering = Rendering(
            name=model.id,
            model=model.id,
            context=model.context,
            call_prefix="tooluse_",
            whole=lambda reply: bedrock_converse.answer(body, reply, model, self.hub.signatures),
            frames=lambda reply: bedrock_converse.stream(body, reply, model, self.hub.signatures),
            content_type=AWS_STREAM,
            error_frame=_error_frame,
        )
        return await self.chat(exchange, prompt, rendering)

    async def _invoke(self, exchange: Exchange) -> web.StreamResponse:
        body, model = self._open(exchange, "embeddings", bedrock_invoke.NAME)

        def make() -> web.Response:
            embedded, tokens = bedrock_invoke.answer(body, model)
            headers = {"x-amzn-bedrock-input-token-count": str(tokens), "x-amzn-bedrock-invocation-latency": "1"}
            return respond(embedded, headers=headers)

        return await self.embeddings(exchange, model.id, body.get("texts"), make)

    async def _invoke_stream(self, exchange: Exchange) -> web.StreamResponse:
        """InvokeModelWithResponseStream, which is not emulated."""
        self._open(exchange, "other", None)
        raise RequestRefused("no_stream")

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        refusal.headers.setdefault("x-amzn-ErrorType", str(refusal.code))
        return super().error(refusal)

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"x-amzn-RequestId": str(uuid.uuid4())}


def _error_frame(refusal: Refusal) -> bytes:
    code = str(refusal.code)
    return aws_event(code[0].lower() + code[1:], {"message": refusal.message}, "exception")
