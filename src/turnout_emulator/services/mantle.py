"""OpenAI models on Bedrock (`bedrock-mantle`): OpenAI's wires with Bedrock's credentials."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from turnout_emulator.answers import Failure, FailureKind
from turnout_emulator.auth.bedrock_key import KeyRefused, owner
from turnout_emulator.auth.sigv4 import SignedRequest, verify
from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.control import Received
from turnout_emulator.refusals import Refusal
from turnout_emulator.services.base import Exchange
from turnout_emulator.services.openai import OpenAIService, retry_headers
from turnout_emulator.wires import openai_chat, openai_responses

_SIGNING_NAMES = frozenset({"bedrock-mantle", "bedrock"})
_PATHS = ("/openai/v1", "/v1")
_CALLS = {openai_chat.NAME: "chat/completions", openai_responses.NAME: "responses"}


class MantleService(OpenAIService):
    """`/openai/v1/…` for OpenAI's own models and `/v1/…` for gpt-oss: a bearer key, a short-term one, or SigV4."""

    name = "mantle"
    response_call_length = 0  # recorded: the calls of every response are `call_0`, `call_1` …, so they repeat

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""
        for path in _PATHS:
            yield self.route("POST", f"{path}/chat/completions", self.chat_completions)
            yield self.route("POST", f"{path}/responses", self.create_response)
        yield self.route("GET", "/v1/models", self.list_models)
        yield self.route("GET", "/v1/models/{model}", self.get_model)
        yield self.route("*", "/{path:.*}", self.unknown_path)

    def authenticate(self, exchange: Exchange) -> None:
        """Check the bearer key or the signature.

        Raises:
            Refusal: It is missing or wrong.
        """
        request, received = exchange.request, exchange.received
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            try:
                received.identity = owner(bearer.strip(), self.hub.accounts)
            except KeyRefused:
                raise self.refusal("authentication", received) from None
            received.auth = "bearer"
            return
        if not scheme:
            raise self._unauthorised("Missing Authentication Token")
        signed = SignedRequest(request.method, request.raw_path, received.headers, exchange.body)
        try:
            key = verify(signed, self.hub.accounts, _SIGNING_NAMES)
        except Refusal as refusal:
            raise self._unauthorised(refusal.message) from None
        received.auth, received.identity = "sigv4", key.role_arn or key.access_key

    def find_model(self, exchange: Exchange, name: object) -> OpenAIModel:
        """The model of a request, where it is served and in the way that it was called.

        Raises:
            Refusal: There is none of that name, or not at this path.
        """
        received, path = exchange.received, exchange.request.path
        received.model = str(name) if name is not None else None
        model = self.hub.mantle_models.get(str(name))
        if model is None:
            raise self.refusal("not_found", received)
        here = f"{model.path}/{_CALLS.get(str(received.wire), '')}"
        if received.wire not in model.wires or path != here:
            raise Refusal(
                400,
                "validation_error",
                f"The model '{model.name}' does not support the '{path}' API",
                type="invalid_request_error",
            )
        return model

    def model_names(self) -> Iterable[str]:
        """The ids of the models."""
        return self.hub.mantle_models

    def dialect(self, model: OpenAIModel) -> openai_responses.Dialect:
        """How the Responses API speaks for a model."""
        return openai_responses.MANTLE_OPEN_WEIGHT if model.open_weight else openai_responses.MANTLE

    def refusal(self, kind: FailureKind, received: Received, failure: Failure | None = None) -> Refusal:
        """Mantle's error of a kind: OpenAI's, in Bedrock's words where they are known."""
        match kind:
            case "authentication":
                return self._unauthorised("Invalid bearer token")
            case "permission":
                return Refusal(
                    403,
                    "access_denied",
                    f"You don't have access to the model with the specified model ID: {received.model}",
                    type="permission_error",
                )
            case "not_found":
                return Refusal(
                    404,
                    "model_not_found",
                    f"The model '{received.model}' does not exist",
                    type="invalid_request_error",
                )
            case "rate_limited":
                return Refusal(
                    429,
                    "rate_limit_exceeded",
                    "Too many requests, please wait before trying again.",
                    type="rate_limit_error",
                    headers=retry_headers(failure),
                )
        return super().refusal(kind, received, failure)

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"x-request-id": f"req_{uuid.uuid4().hex}", "x-amzn-requestid": str(uuid.uuid4())}

    def _model(self, name: str) -> dict[str, Any]:
        return {**super()._model(name), "owned_by": "openai"}

    def _unauthorised(self, message: str) -> Refusal:
        return Refusal(401, "invalid_api_key", message, type="invalid_request_error")
