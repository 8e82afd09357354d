"""Azure OpenAI: the v1 API and the dated one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from turnout_emulator.answers import Failure
from turnout_emulator.catalogue import COHERE_MODELS, OpenAIModel
from turnout_emulator.control import Received
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler
from turnout_emulator.services.cohere import CohereService
from turnout_emulator.services.foundry import FoundryService
from turnout_emulator.services.identity import identify_azure
from turnout_emulator.services.openai import OpenAIService
from turnout_emulator.wires import openai_responses
from turnout_emulator.wires.azure_versions import check_version
from turnout_emulator.wires.openai_chat import prompt_filter

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?")
_OPERATIONS: Mapping[str | None, str] = {
    "openai-chat": "ChatCompletions_Create",
    "openai-responses": "Responses_Create",
    "openai-embeddings": "Embeddings_Create",
}


class AzureService(OpenAIService):
    """`/openai/v1/…` and `/openai/deployments/{deployment}/…?api-version=…`, with an API key or an Entra token."""

    name = "azure"
    azure = True
    errors = ("openai", "azure")

    def routes(self, unknown: str = "/{path:.*}") -> Iterator[web.RouteDef]:
        """The paths it answers, with those of Foundry."""
        yield from FoundryService(self.hub).routes("/anthropic/{path:.*}")
        yield from CohereService(self.hub).routes("/providers/cohere/{path:.*}")
        yield from super().routes(unknown)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "POST /openai/v1/chat/completions": self._chat_completions,
            "POST /openai/v1/responses": self._create_response,
            "POST /openai/v1/embeddings": self._create_embeddings,
            "GET /openai/v1/models": self._list_models,
            "GET /openai/v1/models/{model}": self._get_model,
            "POST /openai/deployments/{deployment}/chat/completions": self._chat_completions,
            "POST /openai/deployments/{deployment}/embeddings": self._create_embeddings,
            "GET /openai/models": self._list_models,
        }

    def authenticate(self, exchange: Exchange) -> None:
        """Check the API key or the token, which v1 takes as a bearer too, and a dated path's `api-version`."""
        request = exchange.request
        v1 = request.path.startswith("/openai/v1/")
        identify_azure(exchange, self.hub, request.headers.get("api-key"), bearer_keys=v1)
        if not v1 and _VERSION.fullmatch(request.query.get("api-version", "")) is None:
            raise RequestRefused("unknown_path")

    def _open(self, exchange: Exchange, wire: str, operation: str) -> tuple[dict[str, Any], OpenAIModel]:
        body, model = super()._open(exchange, wire, operation)
        if "deployment" in exchange.request.match_info:
            check_version(body, exchange.request.query["api-version"])
        return body, model

    def _model_name(self, exchange: Exchange, body: Mapping[str, Any]) -> str:
        return exchange.request.match_info.get("deployment") or super()._model_name(exchange, body)

    def _find_model(self, exchange: Exchange, name: str) -> OpenAIModel:
        deployed = self.hub.deployments.get(name, "")
        cohere = COHERE_MODELS.get(deployed)
        if cohere is not None and cohere.openai and exchange.received.operation == "embeddings":
            model = OpenAIModel(cohere.space, served=cohere.name, kind="embeddings")
            return replace(model, context=cohere.context, dimensions=cohere.dimensions)
        if deployed in self.hub.anthropic_models or cohere is not None:
            raise RequestRefused("wrong_api")
        return super()._find_model(exchange, deployed)

    def _model_names(self) -> Collection[str]:
        return self.hub.deployments

    async def _unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        self.authenticate(exchange)
        return await super()._unknown_path(exchange)

    def refusal(self, kind: str, received: Received, failure: Failure | None = None, **facts: object) -> Refusal:
        """Azure's error of a kind; a filtered prompt carries the filter's verdict."""
        action = "chat/completions" if received.operation == "chat" else "embeddings"
        operation = _OPERATIONS.get(received.wire, "Models_List")
        seconds = failure.retry_after if failure is not None else None
        wait = "" if seconds is None else f" after {seconds:g} seconds"
        refusal = super().refusal(kind, received, failure, action=action, call=operation, wait=wait, **facts)
        if kind == "content_filter":
            verdict = prompt_filter(failure.filtered if failure is not None else {"violence": "high"})
            inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": verdict}
            refusal.param = "prompt"
            refusal.extra = {"type": None, "param": "prompt", "status": 400, "innererror": inner}
            if received.wire == openai_responses.NAME:
                filters = [openai_responses.content_filter("prompt", verdict, blocked=True)]
                refusal.extra["content_filters"] = filters
        return refusal

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error: the gateway's has two members, the model's four."""
        if refusal.type is not None:
            return super().error_body(refusal)
        return {"error": {"code": refusal.code, "message": refusal.message, **refusal.extra}}

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Headers on every answer."""
        identity = str(uuid.uuid4())
        client = exchange.request.headers.get("x-ms-client-request-id", identity)
        ids = {"apim-request-id": identity, "x-request-id": str(uuid.uuid4()), "x-ms-client-request-id": client}
        return {**ids, "x-ms-region": "East US", **self._limits(exchange)}
