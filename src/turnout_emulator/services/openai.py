"""An OpenAI-compatible server; Azure OpenAI and Mantle are this with other paths, credentials and errors."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.accounts import key_named
from turnout_emulator.answers import Failure
from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.control import Received
from turnout_emulator.memory import ResponseStore
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.reply import Reply
from turnout_emulator.services.base import Exchange, Handler, Hub, Rendering, Service, respond
from turnout_emulator.wires import openai_chat, openai_embeddings, openai_responses
from turnout_emulator.wires.framing import event

_LIMITS = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "10000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "9999000",
}


class OpenAIService(Service):
    """`/v1/chat/completions`, `/v1/responses`, `/v1/embeddings` and `/v1/models` with a bearer key."""

    name = "openai"
    azure = False
    response_call_length = 24
    retry_headers = ("retry-after", "retry-after-ms")
    errors: tuple[str, ...] = ("openai",)

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self.responses = ResponseStore()

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "POST /v1/chat/completions": self._chat_completions,
            "POST /v1/responses": self._create_response,
            "POST /v1/embeddings": self._create_embeddings,
            "GET /v1/models": self._list_models,
            "GET /v1/models/{model}": self._get_model,
        }

    def authenticate(self, exchange: Exchange) -> None:
        """Check the credential, and note whose it is."""
        for what in ("organization", "project"):
            if exchange.request.headers.get(f"openai-{what}") == "":
                raise RequestRefused("no_owner", what=what)
        scheme, key = exchange.authorization()
        if scheme != "bearer" or not key:
            raise RequestRefused("no_key")
        name = key_named(self.hub.accounts.openai_keys, key)
        if name is None:
            raise RequestRefused("authentication")
        exchange.received.auth, exchange.received.identity = "api-key", name

    def _find_model(self, exchange: Exchange, name: str) -> OpenAIModel:  # noqa: ARG002 - Mantle looks at the path
        model = self.hub.openai_models.get(name)
        if model is None:
            raise RequestRefused("not_found")
        return model

    def _model_name(self, exchange: Exchange, body: Mapping[str, Any]) -> str:  # noqa: ARG002 - Azure looks at the path
        """What the request names as its model."""
        if not body.get("model"):
            raise RequestRefused("no_model")
        return str(body["model"])

    def _model_names(self) -> Collection[str]:
        return self.hub.openai_models

    def _dialect(self, model: OpenAIModel) -> openai_responses.Dialect:  # noqa: ARG002 - Mantle's follows from the model
        return openai_responses.AZURE if self.azure else openai_responses.OPENAI

    def _open(self, exchange: Exchange, wire: str, operation: str) -> tuple[dict[str, Any], OpenAIModel]:
        received = exchange.received
        received.wire, received.operation = wire, "embeddings" if operation == "embeddings" else "chat"
        self.authenticate(exchange)
        body = self.body(exchange)
        received.model = self._model_name(exchange, body)
        model = self._find_model(exchange, received.model)
        if model.kind != received.operation:
            kind = "no_embedding_model" if operation == "embeddings" else "no_chat_model"
            raise RequestRefused(kind, operation=operation, name=model.name)
        if model.kind == "chat" and wire not in model.wires:
            raise RequestRefused("wrong_wire", operation=operation, name=model.name, param="model")
        return body, model

    async def _chat_completions(self, exchange: Exchange) -> web.StreamResponse:
        body, model = self._open(exchange, openai_chat.NAME, "chatCompletion")
        prompt = openai_chat.read(body, model, azure=self.azure)
        rendering = Rendering(
            name=model.name,
            model=model.served,
            context=model.context,
            call_prefix="call_",
            call_length=24,
            whole=lambda reply: openai_chat.answer(body, reply, azure=self.azure),
            frames=lambda reply: openai_chat.stream(body, reply, azure=self.azure),
            error_frame=lambda refusal: event(self.error_body(refusal)),
        )
        return await self.chat(exchange, prompt, rendering)

    async def _create_response(self, exchange: Exchange) -> web.StreamResponse:
        body, model = self._open(exchange, openai_responses.NAME, "responses")
        request, prompt = openai_responses.read(body, model, self._dialect(model), self.responses, self.hub.signatures)
        events = openai_responses.Events(request)

        def whole(reply: Reply) -> dict[str, Any]:
            response = openai_responses.answer(request, reply)
            self.responses.keep(request.conversation, response, stored=request.stored)
            return response

        def frames(reply: Reply) -> Iterator[bytes]:
            whole(reply)
            return events.frames(reply)

        rendering = Rendering(
            name=model.name,
            model=model.served,
            context=model.context,
            call_prefix="call_",
            call_length=self.response_call_length,
            whole=whole,
            frames=frames,
            error_frame=events.error,
        )
        return await self.chat(exchange, prompt, rendering)

    async def _create_embeddings(self, exchange: Exchange) -> web.StreamResponse:
        body, model = self._open(exchange, openai_embeddings.NAME, "embeddings")
        texts = body.get("input")
        return await self.embeddings(
            exchange, model.name, texts, lambda: respond(openai_embeddings.answer(body, model))
        )

    async def _list_models(self, exchange: Exchange) -> web.StreamResponse:
        exchange.received.operation = "models"
        self.authenticate(exchange)
        return respond({"data": [self._describe_model(name) for name in self._model_names()], "object": "list"})

    async def _get_model(self, exchange: Exchange) -> web.StreamResponse:
        exchange.received.operation = "models"
        self.authenticate(exchange)
        name = exchange.request.match_info["model"]
        if name not in self._model_names():
            exchange.received.model = name
            raise RequestRefused("not_found")
        return respond(self._describe_model(name))

    def _describe_model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": 1_686_935_002, "owned_by": "system"}

    def refusal(self, kind: str, received: Received, failure: Failure | None = None, **facts: object) -> Refusal:
        """The service's own error of a kind; a prompt that is too long is worded by each wire."""
        refusal = super().refusal(kind, received, failure, **facts)
        if kind == "context_overflow":
            refusal.param = "messages"
            if received.wire == openai_responses.NAME:
                refusal.param = "input"
                refusal.message = (
                    "Your input exceeds the context window of this model. Please adjust your input and try again."
                )
        return refusal

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        error = {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
        return {"error": {**error, **refusal.extra}}

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Headers on every answer."""
        fixed = {"openai-version": "2020-10-01", "openai-processing-ms": "1"}
        return {"x-request-id": f"req_{uuid.uuid4().hex}", **fixed, **self._limits(exchange)}

    def _limits(self, exchange: Exchange) -> dict[str, str]:
        return _LIMITS if exchange.received.operation in ("chat", "embeddings") else {}
