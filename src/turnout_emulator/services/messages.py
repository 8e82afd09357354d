"""Claude on Bedrock by Anthropic's own API: `/anthropic/v1/messages` of Bedrock Runtime and of Mantle.

Source: docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html
"""

from __future__ import annotations

import uuid
from typing import Any

from turnout_emulator.aws_signatures import bearer_owner
from turnout_emulator.catalogue import AnthropicModel, find_anthropic, find_bedrock
from turnout_emulator.refusals import RequestRefused
from turnout_emulator.services.base import Exchange
from turnout_emulator.services.foundry import FoundryService
from turnout_emulator.services.front_door import FrontDoor
from turnout_emulator.services.identity import identify_aws
from turnout_emulator.wires.bedrock_addresses import refuse_addresses


class RuntimeMessagesService(FrontDoor, FoundryService):
    """Bedrock Runtime's: inference profiles, and the ids that can be called on demand."""

    name = "bedrock"
    signing_names = frozenset({"bedrock"})
    errors = ("foundry", "bedrock-messages")

    def _authenticate(self, exchange: Exchange) -> None:
        """Check the signature or the API key, which the quickstart sends as Anthropic's SDK does.

        Source: docs.aws.amazon.com/bedrock/latest/userguide/getting-started.html (ANTHROPIC_API_KEY)
        """
        key = exchange.request.headers.get("x-api-key")
        if key is None:
            identify_aws(exchange, self.hub, self.signing_names)
        else:
            exchange.received.auth, exchange.received.identity = "bearer", bearer_owner(key, self.hub.accounts)

    def _open(self, exchange: Exchange) -> tuple[dict[str, Any], AnthropicModel]:
        body, model = super()._open(exchange)
        refuse_addresses(body.get("messages"))
        return body, model

    def _find_model(self, name: str) -> AnthropicModel:
        found = find_bedrock(name, self.hub.bedrock_models, self.hub.bedrock_profiles)
        model = find_anthropic(found.id, self.hub.anthropic_models)
        if model is None:
            raise RequestRefused("not_found")
        return model

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"x-amzn-requestid": str(uuid.uuid4())}


class MantleMessagesService(RuntimeMessagesService):
    """Mantle's: bare model ids alone. A prefix is a 404: https://github.com/BerriAI/litellm-docs/pull/1580."""

    name = "mantle"
    signing_names = frozenset({"bedrock-mantle", "bedrock"})

    def _find_model(self, name: str) -> AnthropicModel:
        model = find_anthropic(name, self.hub.anthropic_models)
        if model is None:
            raise RequestRefused("not_found")
        return model
