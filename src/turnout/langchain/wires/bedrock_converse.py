"""Bedrock's Converse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.facts.models import base_id
from turnout.langchain.upstream import Wire
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from turnout.conversation.request import Fitted
    from turnout.routing import Route
    from turnout.settings import BedrockBackend


def build(route: Route, backend: BedrockBackend) -> Wire:
    """`ChatBedrockConverse` with the shared client."""
    from langchain_aws import ChatBedrockConverse

    client = client_for(route, backend).sync
    model = base_id(route.model or route.deployment)
    options: dict[str, Any] = {}
    if route.facts.known:
        options["supports_tool_choice_values"] = route.facts.tool_choice
    made = ChatBedrockConverse(
        model_id=route.deployment,
        base_model_id=model,
        provider=model.partition(".")[0],
        client=client,
        bedrock_client=client,  # the control plane is never asked: base_model_id says what it would
        disable_streaming=False,
        **options,
    )
    return Wire(route.wire, made, _arguments)


def _arguments(fitted: Fitted) -> dict[str, Any]:
    """A request as the class takes it."""
    sent = dict(fitted.arguments)
    if "serviceTier" in sent:  # the class puts it into a member of its own
        sent["serviceTier"] = sent["serviceTier"]["type"]
    if "additionalModelRequestFields" in sent:
        sent["additional_model_request_fields"] = sent.pop("additionalModelRequestFields")
    return sent
