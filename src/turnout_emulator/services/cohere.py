"""Cohere's embedding models on Azure Foundry: `/providers/cohere/v2/embed` of the Azure resource."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.catalogue import COHERE_MODELS
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Service, respond
from turnout_emulator.services.identity import identify_azure
from turnout_emulator.wires import cohere_embed


class CohereService(Service):
    """Embed with the resource's key (`api-key`, or as a bearer) or an Entra token; `/v1` is not served."""

    name = "azure"
    retry_headers = ("retry-after",)
    errors = ("cohere",)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {"POST /providers/cohere/v2/embed": self._embed}

    def _authenticate(self, exchange: Exchange) -> None:
        identify_azure(exchange, self.hub, exchange.request.headers.get("api-key"), bearer_keys=True)

    async def _embed(self, exchange: Exchange) -> web.StreamResponse:
        received = exchange.received
        received.wire, received.operation = cohere_embed.NAME, "embeddings"
        self._authenticate(exchange)
        body = self.body(exchange)
        if not isinstance(body.get("model"), str):
            raise RequestRefused("no_model")
        received.model = body["model"]
        model = COHERE_MODELS.get(self.hub.deployments.get(body["model"], ""))
        if model is None:
            raise RequestRefused("not_found")
        make = lambda: respond(cohere_embed.answer(body, model))  # noqa: E731 - where the model is known
        return await self.embeddings(exchange, model.name, body.get("texts"), make)

    async def _unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        self._authenticate(exchange)
        return await super()._unknown_path(exchange)

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error: the gateway's has a code, Cohere's has none."""
        if refusal.code:
            return {"error": {"code": refusal.code, "message": refusal.message}}
        return {"id": str(uuid.uuid4()), "message": refusal.message}

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"apim-request-id": str(uuid.uuid4()), "x-ms-region": "East US"}
