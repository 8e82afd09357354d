"""OpenAI models on Bedrock (`bedrock-mantle`): OpenAI's wires with Bedrock's credentials."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from turnout_emulator.catalogue import OpenAIModel, find_anthropic
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler
from turnout_emulator.services.identity import identify_aws
from turnout_emulator.services.messages import MantleMessagesService
from turnout_emulator.services.openai import OpenAIService
from turnout_emulator.wires import openai_chat, openai_responses
from turnout_emulator.wires.bedrock_addresses import refuse_addresses

_SIGNING_NAMES = frozenset({"bedrock-mantle", "bedrock"})
_PATHS = {openai_chat.NAME: "chat/completions", openai_responses.NAME: "responses"}


class MantleService(OpenAIService):
    """`/openai/v1/…` for OpenAI's own models and `/v1/…` for gpt-oss: a bearer key, a short-term one, or SigV4."""

    name = "mantle"
    response_call_length = 0  # recorded: the calls of every response are `call_0`, `call_1` …, so they repeat
    errors: tuple[str, ...] = ("openai", "mantle")

    def routes(self, unknown: str = "/{path:.*}") -> Iterator[web.RouteDef]:
        """The paths it answers, with Anthropic's."""
        if self.name == "mantle":
            yield from MantleMessagesService(self.hub).routes("/anthropic/{path:.*}")
        yield from super().routes(unknown)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "POST /openai/v1/chat/completions": self._chat_completions,
            "POST /openai/v1/responses": self._create_response,
            "POST /v1/chat/completions": self._chat_completions,
            "POST /v1/responses": self._create_response,
            "GET /v1/models": self._list_models,
            "GET /v1/models/{model}": self._get_model,
        }

    def authenticate(self, exchange: Exchange) -> None:
        """Check the bearer key or the signature."""
        try:
            identify_aws(exchange, self.hub, _SIGNING_NAMES)
        except Refusal as refusal:
            raise replace(self.refusal("authentication", exchange.received), message=refusal.message) from None

    def _open(self, exchange: Exchange, wire: str, operation: str) -> tuple[dict[str, Any], OpenAIModel]:
        body, model = super()._open(exchange, wire, operation)
        refuse_addresses(body.get("input" if wire == openai_responses.NAME else "messages"))
        return body, model

    def _find_model(self, exchange: Exchange, name: str) -> OpenAIModel:
        path, wire = exchange.request.path, str(exchange.received.wire)
        model = self.hub.mantle_models.get(name)
        if model is None:
            # https://github.com/anomalyco/opencode/pull/43231: Claude is served by its Messages alone
            is_claude = find_anthropic(name, self.hub.anthropic_models) is not None
            raise RequestRefused("wrong_path" if is_claude else "not_found", name=name, path=path)
        if wire not in model.wires:
            raise RequestRefused("wrong_path", name=model.name, path=path)
        if path != f"{model.path}/{_PATHS.get(wire, '')}":
            raise RequestRefused("wrong_route", name=model.name)
        return model

    def _model_names(self) -> Collection[str]:
        return self.hub.mantle_models

    def _dialect(self, model: OpenAIModel) -> openai_responses.Dialect:
        return openai_responses.MANTLE_OPEN_WEIGHT if model.open_weight else openai_responses.MANTLE

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"x-request-id": f"req_{uuid.uuid4().hex}", "x-amzn-requestid": str(uuid.uuid4())}

    def _describe_model(self, name: str) -> dict[str, Any]:
        return {**super()._describe_model(name), "owned_by": "openai"}
