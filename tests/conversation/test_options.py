"""Options: the same one on every wire, and what becomes of those that a wire doesn't know."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import boto3
import pytest
from anthropic.resources.beta.messages import Messages as BetaMessages
from anthropic.types import message_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

from turnout.conversation.options import NAMES, fit_options, options_for
from turnout.conversation.parameters import PARAMETERS
from turnout.errors import UnsupportedError
from turnout.routing import Route

MODELS = {
    "openai-chat": "gpt-4.1",
    "openai-responses": "gpt-4.1",
    "anthropic-messages": "claude-sonnet-4-6",
    "bedrock-converse": "us.anthropic.claude-sonnet-4-6",
}
OURS = {"max_completion_tokens", "max_output_tokens", "messages", "input", "model", "modelId", "response_format"}
OURS |= {"stop_sequences", "system", "tool_choice", "tools", "toolConfig", "inferenceConfig", "outputConfig"}
OURS |= set(PARAMETERS)


def route(wire: str, model: str | None = None) -> Route:
    return Route("chat", "default", "b", "azure", wire, "d", model or MODELS[wire])


def fitted(wire: str, model: str | None = None, **options: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return fit_options(options, route(wire, model), "warn")


def test_the_openai_wires_names_are_the_sdks() -> None:
    sdk = {"extra_headers", "extra_query", "extra_body"}
    chat = set(completion_create_params.CompletionCreateParamsBase.__annotations__)
    assert NAMES["openai-chat"] - sdk == chat - OURS
    responses = set(response_create_params.ResponseCreateParamsBase.__annotations__)
    assert NAMES["openai-responses"] - sdk == responses - OURS


def test_messages_names_are_the_sdks() -> None:
    own = set(message_create_params.MessageCreateParamsBase.__annotations__)
    beta = {"betas", "context_management", "mcp_servers"}
    assert beta <= set(inspect.signature(BetaMessages.create).parameters)
    # top_k left the SDK's types with 1.0; the models before Opus 4.7 take it.
    assert NAMES["anthropic-messages"] == (own - OURS) | beta | {"top_k", "extra_headers", "extra_query", "extra_body"}


def test_converses_names_are_botocores() -> None:
    client = boto3.client("bedrock-runtime", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    members = set(client.meta.service_model.operation_model("Converse").input_shape.members)
    assert NAMES["bedrock-converse"] - {"cache_control"} == members - OURS
    tier = client.meta.service_model.shape_for("ServiceTier").members["type"]
    for value in tier.enum:
        assert fitted("bedrock-converse", service_tier=value) == {"serviceTier": {"type": value}}


@pytest.mark.parametrize(
    ("wire", "options", "sent"),
    [
        ("anthropic-messages", {"user": "u"}, {"metadata": {"user_id": "u"}}),
        ("openai-responses", {"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ("bedrock-converse", {"guardrail_config": {"a": 1}}, {"guardrailConfig": {"a": 1}}),
        ("bedrock-converse", {"request_metadata": {"a": "b"}}, {"requestMetadata": {"a": "b"}}),
        ("bedrock-converse", {"performance_config": {"a": 1}}, {"performanceConfig": {"a": 1}}),
        ("bedrock-converse", {"service_tier": "flex"}, {"serviceTier": {"type": "flex"}}),
        ("openai-chat", {"serviceTier": {"type": "flex"}}, {"service_tier": "flex"}),
        (
            "bedrock-converse",
            {"top_k": 5, "thinking": {"type": "enabled"}},
            {"additionalModelRequestFields": {"top_k": 5, "thinking": {"type": "enabled"}}},
        ),
        ("anthropic-messages", {"top_k": 5}, {"top_k": 5}),
        ("openai-chat", {"default_headers": {"x-a": "b"}}, {"extra_headers": {"x-a": "b"}}),
        ("openai-chat", {"model_kwargs": {"user": "u"}, "n": 2}, {"user": "u", "n": 2}),
        ("openai-chat", {"stream_usage": True}, {}),
        ("openai-chat", {"user": None}, {}),
    ],
)
def test_an_option_has_its_place(wire: str, options: dict[str, Any], sent: dict[str, Any]) -> None:
    assert fitted(wire, **options) == sent


def test_the_families_on_converse_have_their_own_place_for_top_k() -> None:
    nova = fitted("bedrock-converse", "amazon.nova-lite-v1:0", top_k=5)
    assert nova == {"additionalModelRequestFields": {"inferenceConfig": {"topK": 5}}}


@pytest.mark.parametrize(
    ("wire", "name", "value"),
    [
        ("openai-chat", "top_k", 5),
        ("openai-chat", "guardrailConfig", {}),
        ("openai-responses", "n", 2),
        ("openai-responses", "logprobs", True),
        ("anthropic-messages", "presence_penalty", 0.1),
        ("anthropic-messages", "service_tier", "flex"),
        ("bedrock-converse", "user", "u"),
        ("bedrock-converse", "verbosity", "low"),
        ("bedrock-converse", "default_headers", {"a": "b"}),
    ],
)
def test_an_option_that_the_wire_does_not_know_goes_as_the_policy_says(wire: str, name: str, value: Any) -> None:
    with pytest.warns(UserWarning, match=f"the option {name} is left out: the wire {wire} has no such option"):
        assert fit_options({name: value}, route(wire), "warn") == {}
    with pytest.raises(UnsupportedError, match=f"the option {name}"):
        fit_options({name: value}, route(wire), "error")
    assert fit_options({name: value}, route(wire), "drop") == {}


@pytest.mark.parametrize("name", ["logprobs", "presence_penalty", "frequency_penalty", "logit_bias"])
def test_a_model_without_sampling_takes_none_of_its_options(name: str) -> None:
    with pytest.warns(UserWarning, match="takes no sampling parameters"):
        assert fit_options({name: 1}, route("openai-chat", "gpt-5"), "warn") == {}


def test_a_backends_own_options_are_for_it_alone() -> None:
    backends = {"azure", "bedrock"}
    given = {"user": "u", "bedrock": {"guardrailConfig": {"a": 1}}, "azure": {"user": "v"}}
    assert options_for("azure", backends, {"store": True}, given) == {"store": True, "user": "v"}
    assert options_for("bedrock", backends, given) == {"user": "u", "guardrailConfig": {"a": 1}}
    assert options_for("azure", {"b"}, {"azure": {"x": 1}}) == {"azure": {"x": 1}}
