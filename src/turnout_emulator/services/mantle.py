"""OpenAI models on Bedrock (`bedrock-mantle`): OpenAI's wires with Bedrock's credentials."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aiohttp import web

from turnout_emulator.auth.bedrock_key import KeyRefused
from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.refusals import Refusal
from turnout_emulator.services.base import Exchange
from turnout_emulator.services.identity import identify_aws
from turnout_emulator.services.openai import OpenAIService
from turnout_emulator.wires import openai_chat, openai_responses

_SIGNING_NAMES = frozenset({"bedrock-mantle", "bedrock"})
_PATHS = {openai_chat.NAME: "chat/completions", openai_responses.NAME: "responses"}


class MantleService(OpenAIService):
    """`/openai/v1/…` for OpenAI's own models and `/v1/…` for gpt-oss: a bearer key, a short-term one, or SigV4."""

    name = "mantle"
    response_call_length = 0  # recorded: the calls of every response are `call_0`, `call_1` …, so they repeat
    errors = ("openai", "mantle")

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""
        for path in ("/openai/v1", "/v1"):
            yield self.route("POST", f"{path}/chat/completions", self._chat_completions)
            yield self.route("POST", f"{path}/responses", self._create_response)
        yield self.route("GET", "/v1/models", self._list_models)
        yield self.route("GET", "/v1/models/{model}", self._get_model)
        yield self.route("*", "/{path:.*}", self._unknown_path)

    def authenticate(self, exchange: Exchange) -> None:
        """Check the bearer key or the signature."""
        try:
            identify_aws(exchange, self.hub, _SIGNING_NAMES)
        except KeyRefused:
            raise self.refusal("authentication", exchange.received) from None
        except Refusal as refusal:
            raise replace(self.refusal("authentication", exchange.received), message=refusal.message) from None

    def _find_model(self, exchange: Exchange, name: str) -> OpenAIModel:
        """The model of that name; a `Refusal` if there is none, or if it isn't served at this path."""
        path, wire = exchange.request.path, str(exchange.received.wire)
        model = self.hub.mantle_models.get(name)
        if model is None:
            raise self.refusal("not_found", exchange.received)
        if wire not in model.wires or path != f"{model.path}/{_PATHS.get(wire, '')}":
            raise self.refusal("wrong_path", exchange.received, name=model.name, path=path)
        return model

    def _model_names(self) -> Iterable[str]:
        return self.hub.mantle_models

    def _dialect(self, model: OpenAIModel) -> openai_responses.Dialect:
        return openai_responses.MANTLE_OPEN_WEIGHT if model.open_weight else openai_responses.MANTLE

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"x-request-id": f"req_{uuid.uuid4().hex}", "x-amzn-requestid": str(uuid.uuid4())}

    def _describe_model(self, name: str) -> dict[str, Any]:
        return {**super()._describe_model(name), "owned_by": "openai"}
