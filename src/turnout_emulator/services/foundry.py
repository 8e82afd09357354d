"""Claude on Azure Foundry: `/anthropic/v1/messages` of the Azure resource."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.catalogue import AnthropicModel
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Rendering, Service, respond
from turnout_emulator.services.identity import identify_azure
from turnout_emulator.wires import anthropic_messages
from turnout_emulator.wires.framing import event

_LARGEST_BODY = 32 * 1024 * 1024  # bytes


class FoundryService(Service):
    """Messages with the resource's key (`x-api-key` or `api-key`) or an Entra token."""

    name = "azure"
    overflow = (250_000, 200_000)
    retry_headers = ("retry-after",)
    errors: tuple[str, ...] = ("foundry",)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "POST /anthropic/v1/messages": self._create_message,
            "POST /anthropic/v1/messages/count_tokens": self._count_tokens,
        }

    def _authenticate(self, exchange: Exchange) -> None:
        """Check the key or the token; the key is taken as a bearer too, as the portal's examples send it."""
        headers = exchange.request.headers
        identify_azure(exchange, self.hub, headers.get("x-api-key", headers.get("api-key")), bearer_keys=True)

    def _open(self, exchange: Exchange) -> tuple[dict[str, Any], AnthropicModel]:
        exchange.received.wire = anthropic_messages.NAME
        self._authenticate(exchange)
        if "anthropic-version" not in exchange.request.headers:
            raise RequestRefused("no_version")
        if len(exchange.body) > _LARGEST_BODY:
            raise RequestRefused("too_large")
        body = self.body(exchange)
        if not isinstance(body.get("model"), str):
            raise RequestRefused("no_model")
        exchange.received.model = body["model"]
        return body, self._find_model(body["model"])

    def _find_model(self, name: str) -> AnthropicModel:
        model = self.hub.anthropic_models.get(self.hub.deployments.get(name, ""))
        if model is None:
            raise RequestRefused("not_found")
        return model

    async def _create_message(self, exchange: Exchange) -> web.StreamResponse:
        exchange.received.operation = "chat"
        body, model = self._open(exchange)
        prompt = anthropic_messages.read(body, model, self.hub.signatures)
        rendering = Rendering(
            name=model.name,
            model=model.served,
            context=model.context,
            call_prefix="toolu_01",
            whole=lambda reply: anthropic_messages.answer(reply, self.hub.signatures),
            frames=lambda reply: anthropic_messages.stream(reply, self.hub.signatures),
            error_frame=lambda refusal: event(self.error_body(refusal), "error"),
        )
        return await self.chat(exchange, prompt, rendering)

    async def _count_tokens(self, exchange: Exchange) -> web.StreamResponse:
        body, model = self._open(exchange)
        prompt = anthropic_messages.read(body, model, self.hub.signatures, counting=True)
        return respond({"input_tokens": prompt.input_tokens})

    async def _unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        self._authenticate(exchange)
        return await super()._unknown_path(exchange)

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        error = {"type": refusal.code, "message": refusal.message}
        return {"type": "error", "error": error, "request_id": _request_id()}

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        body = self.error_body(refusal)
        return respond(body, refusal.status, {"request-id": body["request_id"], **refusal.headers})

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"request-id": _request_id(), "apim-request-id": str(uuid.uuid4()), "x-ms-region": "East US"}


def _request_id() -> str:
    return f"req_011{uuid.uuid4().hex[:21]}"
