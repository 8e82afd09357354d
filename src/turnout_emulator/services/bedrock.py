"""Bedrock Runtime: Converse, ConverseStream and InvokeModel."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from turnout_emulator import eventstream
from turnout_emulator.auth.bedrock_key import KeyRefused
from turnout_emulator.catalogue import BedrockModel, NeedsProfile, UnknownModel, find_bedrock
from turnout_emulator.refusals import Refusal
from turnout_emulator.services.base import Exchange, Rendering, Service, respond
from turnout_emulator.services.identity import identify_aws
from turnout_emulator.wires import bedrock_converse, bedrock_invoke

_SIGNING_NAMES = frozenset({"bedrock"})


class BedrockService(Service):
    """`/model/{id}/converse`, `/converse-stream` and `/invoke`, signed with SigV4 or with a bearer key."""

    name = "bedrock"
    retry_headers = ("retry-after", "x-amz-retry-after")
    errors = ("bedrock",)

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""
        yield self.route("POST", "/model/{model}/converse", self._converse)
        yield self.route("POST", "/model/{model}/converse-stream", self._converse)
        yield self.route("POST", "/model/{model}/invoke", self._invoke)
        yield self.route("POST", "/model/{model}/invoke-with-response-stream", self._invoke_stream)
        yield self.route("*", "/{path:.*}", self._unknown_path)

    def _open(self, exchange: Exchange, kind: str) -> tuple[dict[str, Any], BedrockModel]:
        exchange.received.model = model_id = unquote(exchange.request.match_info["model"])
        try:
            identify_aws(exchange, self.hub, _SIGNING_NAMES)
            model = find_bedrock(model_id, self.hub.bedrock_models, self.hub.bedrock_profiles)
        except KeyRefused:
            raise self.refusal("wrong_key", exchange.received) from None
        except NeedsProfile:
            raise self.refusal("needs_profile", exchange.received) from None
        except UnknownModel:
            raise self.refusal("unknown_model", exchange.received) from None
        if model.kind != kind and kind == "chat":
            raise self.refusal("no_chat_model", exchange.received)
        return self.body(exchange), model

    async def _converse(self, exchange: Exchange) -> web.StreamResponse:
        exchange.received.operation, exchange.received.wire = "chat", bedrock_converse.NAME
        body, model = self._open(exchange, "chat")
        prompt = bedrock_converse.read(body, model, str(exchange.received.model), self.hub.signatures)
        prompt.stream = exchange.request.path.endswith("-stream")
        rendering = Rendering(
            model=model.id,
            context=model.context,
            call_prefix="tooluse_",
            whole=lambda reply: bedrock_converse.answer(body, reply, model, self.hub.signatures),
            frames=lambda reply: bedrock_converse.stream(body, reply, model, self.hub.signatures),
            content_type=eventstream.CONTENT_TYPE,
            error_frame=_error_frame,
        )
        return await self.chat(exchange, (str(exchange.received.model), model.id), prompt, rendering)

    async def _invoke(self, exchange: Exchange) -> web.StreamResponse:
        exchange.received.operation, exchange.received.wire = "embeddings", bedrock_invoke.NAME
        body, model = self._open(exchange, "embeddings")

        def make() -> web.Response:
            embedded, tokens = bedrock_invoke.answer(body, model)
            headers = {"x-amzn-bedrock-input-token-count": str(tokens), "x-amzn-bedrock-invocation-latency": "1"}
            return respond(embedded, headers=headers)

        texts = body.get("texts")
        size = len(texts) if isinstance(texts, list) else 1
        return await self.embeddings(exchange, (str(exchange.received.model), model.id), make, size)

    async def _invoke_stream(self, exchange: Exchange) -> web.StreamResponse:
        """InvokeModelWithResponseStream, which is not emulated."""
        self._open(exchange, "embeddings")
        raise self.refusal("no_stream", exchange.received)

    async def _unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        raise self.refusal("unknown_path", exchange.received, path=exchange.request.path)

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        refusal.headers.setdefault("x-amzn-ErrorType", str(refusal.code))
        return super().error(refusal)

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"x-amzn-RequestId": str(uuid.uuid4())}


def _error_frame(refusal: Refusal) -> bytes:
    code = str(refusal.code)
    return eventstream.exception(code[0].lower() + code[1:], refusal.message)
