"""Claude on Azure Foundry: `/anthropic/v1/messages` of the Azure resource."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.answers import Failure, FailureKind
from turnout_emulator.auth.entra import TokenRefused
from turnout_emulator.catalogue import AnthropicModel
from turnout_emulator.control import Received
from turnout_emulator.refusals import Refusal
from turnout_emulator.services.azure_identity import identify
from turnout_emulator.services.base import Exchange, Rendering, Service, dumps
from turnout_emulator.wires import anthropic_messages

_LARGEST_BODY = 32 * 1024 * 1024  # bytes
_LARGEST_OVERFLOW = 250_000  # tokens named when an overflow was queued


class FoundryService(Service):
    """Messages with the resource's key (`x-api-key` or `api-key`) or an Entra token."""

    name = "azure"

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""
        yield self.route("POST", "/anthropic/v1/messages", self.create_message)
        yield self.route("POST", "/anthropic/v1/messages/count_tokens", self.count_tokens)
        yield self.route("*", "/anthropic/{path:.*}", self.unknown_path)

    def authenticate(self, exchange: Exchange) -> None:
        """Check the key or the token; the key is taken as a bearer too, as the portal's examples send it.

        Raises:
            Refusal: It is missing or wrong.
        """
        headers = exchange.request.headers
        try:
            identify(exchange, self.hub, headers.get("x-api-key", headers.get("api-key")), bearer_keys=True)
        except (LookupError, TokenRefused):
            raise self.refusal("authentication", exchange.received) from None

    def _open(self, exchange: Exchange) -> tuple[dict[str, Any], AnthropicModel]:
        exchange.received.wire = anthropic_messages.NAME
        self.authenticate(exchange)
        if "anthropic-version" not in exchange.request.headers:
            raise _invalid("anthropic-version: header is required")
        if len(exchange.body) > _LARGEST_BODY:
            raise Refusal(413, "request_too_large", "Request exceeds the maximum size")
        try:
            body = exchange.json()
        except ValueError:
            raise _invalid("The request body is not valid JSON") from None
        if not isinstance(body.get("model"), str):
            raise _invalid("model: Field required")
        exchange.received.model = body["model"]
        model = self.hub.anthropic_models.get(self.hub.deployments.get(body["model"], ""))
        if model is None:
            raise self.refusal("not_found", exchange.received)
        return body, model

    async def create_message(self, exchange: Exchange) -> web.StreamResponse:
        """Messages."""
        exchange.received.operation = "chat"
        body, model = self._open(exchange)
        prompt = anthropic_messages.read(body, model, self.hub.seals)
        rendering = Rendering(
            model=model.served,
            call_prefix="toolu_01",
            call_length=22,
            whole=lambda reply: anthropic_messages.answer(reply, self.hub.seals),
            frames=lambda reply: anthropic_messages.stream(reply, self.hub.seals),
            content_type=anthropic_messages.CONTENT_TYPE,
            error_frame=lambda refusal: anthropic_messages.event("error", **_body(refusal)),
        )
        return await self.chat(exchange, (str(exchange.received.model), model.name), prompt, model.context, rendering)

    async def count_tokens(self, exchange: Exchange) -> web.StreamResponse:
        """How many tokens a request has."""
        body, model = self._open(exchange)
        prompt = anthropic_messages.read(body, model, self.hub.seals, counting=True)
        return web.Response(body=dumps({"input_tokens": prompt.input_tokens}), content_type="application/json")

    async def unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        """Anything else."""
        self.authenticate(exchange)
        raise Refusal(404, "not_found_error", "Not Found")

    def overflow_message(self, tokens: int, context: int, wire: str | None) -> str:  # noqa: ARG002 - one wire here
        """What the service says of a prompt that is too long."""
        return f"prompt is too long: {tokens} tokens > {context} maximum"

    def refusal(self, kind: FailureKind, received: Received, failure: Failure | None = None) -> Refusal:
        """Anthropic's error of a kind (https://platform.claude.com/docs/en/api/errors)."""
        known: Mapping[FailureKind, tuple[int, str, str]] = {
            "authentication": (401, "authentication_error", "invalid x-api-key"),
            "permission": (
                403,
                "permission_error",
                "Your API key does not have permission to use the specified resource.",
            ),
            "not_found": (404, "not_found_error", f"model: {received.model}"),
            "rate_limited": (
                429,
                "rate_limit_error",
                "This request would exceed your organization's rate limit. Please try again later.",
            ),
            "context_overflow": (
                400,
                "invalid_request_error",
                self.overflow_message(_LARGEST_OVERFLOW, 200_000, received.wire),
            ),
            "content_filter": (400, "invalid_request_error", "Output blocked by content filtering policy"),
            "overloaded": (529, "overloaded_error", "Overloaded"),
            "timeout": (504, "timeout_error", "Request timed out"),
            "server_error": (500, "api_error", "Internal server error"),
        }
        status, code, message = known.get(kind, (400, "invalid_request_error", "Invalid request."))
        headers: dict[str, str] = {}
        if failure is not None and failure.retry_after is not None:
            headers["retry-after"] = f"{failure.retry_after:g}"
        return Refusal(status, code, message, headers=headers)

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        body = _body(refusal)
        headers = {"request-id": body["request_id"], **refusal.headers}
        return web.Response(
            status=refusal.status,
            headers=headers,
            body=dumps({"type": "error", **body}),
            content_type="application/json",
        )

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"request-id": _request_id(), "apim-request-id": str(uuid.uuid4()), "x-ms-region": "East US"}


def _invalid(message: str) -> Refusal:
    return Refusal(400, "invalid_request_error", message)


def _request_id() -> str:
    return f"req_011{uuid.uuid4().hex[:21]}"


def _body(refusal: Refusal) -> dict[str, Any]:
    error = {"type": refusal.code, "message": refusal.message}
    return {"error": error, "request_id": _request_id()}
