"""Azure OpenAI: the v1 API and the dated one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.answers import Failure, FailureKind
from turnout_emulator.auth.entra import TokenRefused
from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.control import Received
from turnout_emulator.refusals import Refusal
from turnout_emulator.services.azure_identity import identify
from turnout_emulator.services.base import Exchange
from turnout_emulator.services.foundry import FoundryService
from turnout_emulator.services.openai import OpenAIService, limits, retry_headers
from turnout_emulator.wires import openai_responses
from turnout_emulator.wires.openai_chat import prompt_filter

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?")
_WRONG_KEY = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
_WRONG_TOKEN = (
    "Unauthorized. Access token is missing, invalid, audience is incorrect "  # noqa: S105
    "(https://cognitiveservices.azure.com), or have expired."
)
_OPERATIONS: Mapping[str | None, str] = {
    "openai-chat": "ChatCompletions_Create",
    "openai-responses": "Responses_Create",
    "openai-embeddings": "Embeddings_Create",
}
_FILTERED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
    "your prompt and retry. To learn more about our content filtering policies please read our documentation: "
    "https://go.microsoft.com/fwlink/?linkid=2198766"
)


class AzureService(OpenAIService):
    """`/openai/v1/…` and `/openai/deployments/{deployment}/…?api-version=…`, with an API key or an Entra token."""

    name = "azure"
    azure = True

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""
        yield self.route("POST", "/openai/v1/chat/completions", self.chat_completions)
        yield self.route("POST", "/openai/v1/responses", self.create_response)
        yield self.route("POST", "/openai/v1/embeddings", self.create_embeddings)
        yield self.route("GET", "/openai/v1/models", self.list_models)
        yield self.route("GET", "/openai/v1/models/{model}", self.get_model)
        yield self.route("POST", "/openai/deployments/{deployment}/chat/completions", self.chat_completions)
        yield self.route("POST", "/openai/deployments/{deployment}/embeddings", self.create_embeddings)
        yield self.route("GET", "/openai/models", self.list_models)
        yield from FoundryService(self.hub).routes()
        yield self.route("*", "/{path:.*}", self.unknown_path)

    def authenticate(self, exchange: Exchange) -> None:
        """Check the API key or the token; the v1 API takes the key as a bearer too.

        Raises:
            Refusal: The credential is missing or wrong, or a dated path has no `api-version`.
        """
        request = exchange.request
        v1 = request.path.startswith("/openai/v1/")
        try:
            identify(exchange, self.hub, request.headers.get("api-key"), bearer_keys=v1)
        except LookupError:
            raise self.refusal("authentication", exchange.received) from None
        except TokenRefused:
            raise Refusal(401, "401", _WRONG_TOKEN) from None
        if not v1 and _VERSION.fullmatch(request.query.get("api-version", "")) is None:
            raise Refusal(404, "404", "Resource not found")

    def model_name(self, exchange: Exchange, body: Mapping[str, Any]) -> object:
        """The deployment, which the dated API names in the path.

        Raises:
            Refusal: None is named.
        """
        return exchange.request.match_info.get("deployment") or super().model_name(exchange, body)

    def find_model(self, exchange: Exchange, name: object) -> OpenAIModel:
        """The model behind a deployment.

        Raises:
            Refusal: There is no such deployment.
        """
        exchange.received.model = str(name)
        deployed = self.hub.deployments.get(str(name), "")
        if deployed in self.hub.anthropic_models:
            raise Refusal(404, "api_not_supported", "Requested API is currently not supported")
        model = self.hub.openai_models.get(deployed)
        if model is None:
            raise self.refusal("not_found", exchange.received)
        return model

    def model_names(self) -> Iterable[str]:
        """The deployments."""
        return self.hub.deployments

    async def unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        """Anything else."""
        self.authenticate(exchange)
        raise Refusal(404, "404", "Resource not found")

    def refusal(self, kind: FailureKind, received: Received, failure: Failure | None = None) -> Refusal:  # noqa: PLR0911
        """Azure's error of a kind (https://learn.microsoft.com/azure/ai-foundry/openai/reference)."""
        match kind:
            case "authentication":
                return Refusal(401, "401", _WRONG_KEY)
            case "permission":
                operation = "chat/completions" if received.operation == "chat" else "embeddings"
                return Refusal(
                    401,
                    "PermissionDenied",
                    f"The principal `{received.identity}` lacks the required data action "
                    f"`Microsoft.CognitiveServices/accounts/OpenAI/deployments/{operation}/action` to perform "
                    f"`POST /openai/deployments/{{deployment-id}}/{operation}` operation.",
                )
            case "not_found":
                return Refusal(
                    404,
                    "DeploymentNotFound",
                    "The API deployment for this resource does not exist. If you created the deployment within the "
                    "last 5 minutes, please wait a moment and try again.",
                )
            case "rate_limited":
                wait = (
                    "" if failure is None or failure.retry_after is None else f" after {failure.retry_after:g} seconds"
                )
                return Refusal(
                    429,
                    "429",
                    f"Requests to the {_OPERATIONS.get(received.wire, 'Models_List')} Operation under Azure OpenAI API "
                    "have exceeded call rate "
                    f"limit of your current OpenAI S0 pricing tier. Please retry{wait}.",
                    headers=retry_headers(failure),
                )
            case "content_filter":
                filtered = failure.filtered if failure is not None else {"violence": "high"}
                verdict = prompt_filter(filtered)
                inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": verdict}
                extra: dict[str, Any] = {"type": None, "param": "prompt", "status": 400, "innererror": inner}
                if received.wire == openai_responses.NAME:
                    extra["content_filters"] = [openai_responses.content_filter("prompt", verdict, blocked=True)]
                return Refusal(400, "content_filter", _FILTERED, param="prompt", extra=extra)
            case "timeout":
                return Refusal(408, "Timeout", "The operation was timeout.")
            case "overloaded":
                return Refusal(
                    503,
                    "ServiceUnavailable",
                    "The service is temporarily unable to process your request. Please try again later.",
                    headers=retry_headers(failure),
                )
            case "server_error":
                return Refusal(500, "InternalServerError", "The server had an error while processing your request.")
        return super().refusal(kind, received, failure)

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error: the gateway's has two members, the model's four."""
        if refusal.type is not None:
            return super().error_body(refusal)
        return {"error": {"code": refusal.code, "message": refusal.message, **refusal.extra}}

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Headers on every answer."""
        identity = str(uuid.uuid4())
        return {
            "apim-request-id": identity,
            "x-request-id": str(uuid.uuid4()),
            "x-ms-client-request-id": exchange.request.headers.get("x-ms-client-request-id", identity),
            "x-ms-region": "East US",
            **limits(exchange),
        }
