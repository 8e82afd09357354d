"""OpenAI's models at Bedrock Runtime by OpenAI's own API: `/openai/v1/…`.

Source: docs.aws.amazon.com/bedrock/latest/userguide/inference-responses-api.html
"""

from __future__ import annotations

from collections.abc import Mapping

from turnout_emulator.catalogue import OpenAIModel, geography_of
from turnout_emulator.refusals import RequestRefused
from turnout_emulator.services.base import Exchange, Handler
from turnout_emulator.services.front_door import FrontDoor
from turnout_emulator.services.identity import identify_aws
from turnout_emulator.services.mantle import MantleService


class RuntimeOpenAIService(FrontDoor, MantleService):
    """Chat Completions and Responses: inference profiles for GPT, which takes no bare ids, and ids for gpt-oss."""

    name = "bedrock"
    errors = ("openai", "mantle", "bedrock-openai")

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "POST /openai/v1/chat/completions": self._chat_completions,
            "POST /openai/v1/responses": self._create_response,
        }

    def authenticate(self, exchange: Exchange) -> None:
        """Check the bearer key or the signature."""
        identify_aws(exchange, self.hub, frozenset({"bedrock"}))

    def _find_model(self, exchange: Exchange, name: str) -> OpenAIModel:
        name = self.hub.bedrock_profiles.get(name, name)
        geography, bare = geography_of(name.rpartition("/")[2] if name.startswith("arn:") else name)
        model = self.hub.runtime_models.get(bare)
        if model is None or exchange.received.wire not in model.wires:
            raise RequestRefused("not_found")
        if geography and geography not in model.profiles:
            raise RequestRefused("unknown_model")
        if model.profiles and not geography:
            raise RequestRefused("needs_profile")
        return model
