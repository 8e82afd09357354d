"""Bedrock Runtime: Converse, ConverseStream and InvokeModel."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from turnout_emulator import eventstream
from turnout_emulator.answers import Failure, FailureKind
from turnout_emulator.auth.bedrock_key import KeyRefused, owner
from turnout_emulator.auth.sigv4 import SignedRequest, verify
from turnout_emulator.catalogue import BedrockModel, NeedsProfile, UnknownModel, find_bedrock
from turnout_emulator.control import Received
from turnout_emulator.refusals import Refusal
from turnout_emulator.services.base import Exchange, Rendering, Service, dumps
from turnout_emulator.wires import bedrock_converse, bedrock_invoke

_SIGNING_NAMES = frozenset({"bedrock"})


class BedrockService(Service):
    """`/model/{id}/converse`, `/converse-stream` and `/invoke`, signed with SigV4 or with a bearer key."""

    name = "bedrock"

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""
        yield self.route("POST", "/model/{model}/converse", self.converse)
        yield self.route("POST", "/model/{model}/converse-stream", self.converse_stream)
        yield self.route("POST", "/model/{model}/invoke", self.invoke)
        yield self.route("POST", "/model/{model}/invoke-with-response-stream", self.invoke_stream)
        yield self.route("*", "/{path:.*}", self.unknown_path)

    def authenticate(self, exchange: Exchange) -> None:
        """Check the signature or the bearer key.

        Raises:
            Refusal: It is missing or wrong.
        """
        request, received = exchange.request, exchange.received
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            try:
                received.identity = owner(bearer.strip(), self.hub.accounts)
            except KeyRefused:
                raise Refusal(
                    403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid."
                ) from None
            received.auth = "bearer"
            return
        signed = SignedRequest(request.method, request.raw_path, received.headers, exchange.body)
        key = verify(signed, self.hub.accounts, _SIGNING_NAMES)
        received.auth, received.identity = "sigv4", key.role_arn or key.access_key

    def _open(self, exchange: Exchange, kind: str) -> tuple[dict[str, Any], BedrockModel]:
        exchange.received.model = model_id = unquote(exchange.request.match_info["model"])
        self.authenticate(exchange)
        try:
            model = find_bedrock(model_id, self.hub.bedrock_models, self.hub.bedrock_profiles)
        except NeedsProfile:
            raise Refusal(
                400,
                "ValidationException",
                f"Invocation of model ID {model_id} with on-demand throughput isn’t supported. Retry your request with "  # noqa: RUF001 - the service's own apostrophe
                "the ID or ARN of an inference profile that contains this model.",
            ) from None
        except UnknownModel:
            raise Refusal(400, "ValidationException", "The provided model identifier is invalid.") from None
        if model.kind != kind and kind == "chat":
            raise Refusal(
                400,
                "ValidationException",
                "This action doesn't support the model that you provided. Try again with a supported text or chat "
                "model.",
            )
        try:
            return exchange.json(), model
        except ValueError:
            raise Refusal(400, "SerializationException", "Unable to parse the request body as JSON.") from None

    async def converse(self, exchange: Exchange) -> web.StreamResponse:
        """Converse."""
        return await self._converse(exchange, stream=False)

    async def converse_stream(self, exchange: Exchange) -> web.StreamResponse:
        """ConverseStream."""
        return await self._converse(exchange, stream=True)

    async def _converse(self, exchange: Exchange, *, stream: bool) -> web.StreamResponse:
        exchange.received.operation, exchange.received.wire = "chat", bedrock_converse.NAME
        body, model = self._open(exchange, "chat")
        prompt = bedrock_converse.read(body, model, str(exchange.received.model), self.hub.seals)
        prompt.stream = stream
        rendering = Rendering(
            model=model.id,
            call_prefix="tooluse_",
            call_length=22,
            whole=lambda reply: bedrock_converse.answer(body, reply, model, self.hub.seals),
            frames=lambda reply: bedrock_converse.stream(body, reply, model, self.hub.seals),
            content_type=eventstream.CONTENT_TYPE,
            error_frame=_error_frame,
        )
        return await self.chat(exchange, (str(exchange.received.model), model.id), prompt, model.context, rendering)

    async def invoke(self, exchange: Exchange) -> web.StreamResponse:
        """InvokeModel."""
        exchange.received.operation, exchange.received.wire = "embeddings", bedrock_invoke.NAME
        body, model = self._open(exchange, "embeddings")

        def make() -> web.Response:
            invoked = bedrock_invoke.answer(body, model)
            headers = {
                "x-amzn-bedrock-input-token-count": str(invoked.tokens),
                "x-amzn-bedrock-invocation-latency": "1",
            }
            return web.Response(body=dumps(invoked.body), headers=headers, content_type="application/json")

        texts = body.get("texts")
        size = len(texts) if isinstance(texts, list) else 1
        return await self.embeddings(exchange, (str(exchange.received.model), model.id), make, size)

    async def invoke_stream(self, exchange: Exchange) -> web.StreamResponse:
        """InvokeModelWithResponseStream, which is not emulated."""
        self._open(exchange, "embeddings")
        raise Refusal(
            400, "ValidationException", "The model is unsupported for streaming. Call it through ConverseStream."
        )

    async def unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        """Anything else."""
        raise Refusal(404, "UnknownOperationException", f"No operation at {exchange.request.path}.")

    def overflow_message(self, tokens: int, context: int, wire: str | None) -> str:  # noqa: ARG002 - the service names no numbers
        """What the service says of a prompt that is too long."""
        return "Input is too long for requested model."

    def refusal(self, kind: FailureKind, received: Received, failure: Failure | None = None) -> Refusal:
        """Bedrock's error of a kind (https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html)."""
        known: Mapping[FailureKind, tuple[int, str, str]] = {
            "authentication": (
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            "permission": (
                403,
                "AccessDeniedException",
                "You don't have access to the model with the specified model ID.",
            ),
            "not_found": (404, "ResourceNotFoundException", f"Could not find the model {received.model}."),
            "rate_limited": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
            "context_overflow": (400, "ValidationException", "Input is too long for requested model."),
            "content_filter": (
                400,
                "ValidationException",
                "The request was blocked by the content filtering policy of the model.",
            ),
            "overloaded": (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
            "timeout": (
                408,
                "ModelTimeoutException",
                "Model has timed out in processing the request. Try your request again.",
            ),
            "server_error": (
                500,
                "InternalServerException",
                "The system encountered an unexpected error during processing. Try your request again.",
            ),
        }
        status, code, message = known.get(kind, (400, "ValidationException", "The request is invalid."))
        headers: dict[str, str] = {}
        if failure is not None and failure.retry_after is not None:
            milliseconds = str(round(failure.retry_after * 1000))
            headers = {"retry-after": f"{failure.retry_after:g}", "x-amz-retry-after": milliseconds}
        return Refusal(status, code, message, headers=headers)

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        return web.Response(
            status=refusal.status,
            headers={"x-amzn-ErrorType": str(refusal.code), **refusal.headers},
            body=dumps({"message": refusal.message, **refusal.extra}),
            content_type="application/json",
        )

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"x-amzn-RequestId": str(uuid.uuid4())}


def _error_frame(refusal: Refusal) -> bytes:
    code = str(refusal.code)
    return eventstream.exception(code[0].lower() + code[1:], refusal.message)
