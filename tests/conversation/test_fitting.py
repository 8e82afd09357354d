"""What a request becomes for a wire, a model and a version of the API: each rule with what it leaves out or changes."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from turnout.conversation.answer_formats import answer_format
from turnout.conversation.fitting import fit
from turnout.conversation.parameters import PARAMETERS
from turnout.conversation.request import Request
from turnout.conversation.tools import checked_tool
from turnout.errors import UnsupportedError
from turnout.routing import Route

DEPOT: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "depot",
        "description": "Look a depot up.",
        "parameters": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}
PROVIDER = {"bedrock-converse": "bedrock"}
LIMITED: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 2}, "tracks": {"type": "integer", "maximum": 9}},
    "required": ["name", "tracks"],
}


def route(model: str, wire: str = "openai-chat", **more: Any) -> Route:
    return Route("chat", "default", "b", PROVIDER.get(wire, "azure"), wire, "d", model, **more)


def request(**asked: Any) -> Request:
    parameters = {name: asked.pop(name, None) for name in PARAMETERS}
    return Request(parameters=parameters, **asked)


def sent(to: Route, **asked: Any) -> dict[str, Any]:
    """What is sent, and nothing is said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return fit(request(**asked), to).arguments


def sent_but(to: Route, said: str, **asked: Any) -> dict[str, Any]:
    """What is sent where something is said of it; with the policy `error`, it is refused in the same words."""
    with pytest.raises(UnsupportedError, match=said):
        fit(request(policy="error", **asked), to)
    with pytest.warns(UserWarning, match=said):
        return fit(request(**asked), to).arguments


@pytest.mark.parametrize(
    ("model", "effort", "nearest"),
    [
        ("gpt-5", "none", "minimal"),
        ("gpt-5", "max", "high"),
        ("o3", "minimal", "low"),
        ("gpt-5.1", "minimal", "low"),
        ("gpt-5.4", "max", "xhigh"),
        ("gpt-6-astra", "none", "low"),
        ("gpt-5.7", "xhigh", "high"),  # a version that nobody knows has what all of its line have
    ],
)
@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
def test_an_effort_that_a_model_has_not_is_its_nearest(model: str, effort: str, nearest: str, wire: str) -> None:
    body = sent_but(route(model, wire), f"reasoning_effort = '{effort}' is", reasoning_effort=effort)
    assert body.get("reasoning_effort", body.get("reasoning", {}).get("effort")) == nearest


@pytest.mark.parametrize(
    ("model", "effort"), [("gpt-5", "minimal"), ("gpt-5.2", "xhigh"), ("gpt-6", "max"), ("o1", "low")]
)
def test_an_effort_that_a_model_has_is_sent(model: str, effort: str) -> None:
    assert sent(route(model), reasoning_effort=effort)["reasoning_effort"] == effort


def test_tools_beside_an_effort_on_chat_completions() -> None:
    assert sent(route("gpt-5"), reasoning_effort="low", tools=[DEPOT])["reasoning_effort"] == "low"
    assert "reasoning_effort" not in sent(route("gpt-5.4"), tools=[DEPOT])
    said = r"(?s)reasoning_effort = 'low' is.*set wire = 'openai-responses' in the target"
    assert "reasoning_effort" not in sent_but(route("gpt-5.4"), said, reasoning_effort="low", tools=[DEPOT])
    assert sent(route("gpt-5.5"), tools=[DEPOT])["reasoning_effort"] == "none"
    assert sent_but(route("gpt-5.5"), said, reasoning_effort="low", tools=[DEPOT])["reasoning_effort"] == "none"
    assert "reasoning_effort" not in sent(route("gpt-5.5"))
    with pytest.raises(UnsupportedError, match="takes no tools on the wire openai-chat: set wire = 'openai-responses'"):
        fit(request(tools=[DEPOT], policy="drop"), route("gpt-6.1-sol", key="chat.default.azure"))
    on_responses = sent(route("gpt-5.5", "openai-responses"), reasoning_effort="low", tools=[DEPOT])
    assert on_responses["reasoning"] == {"effort": "low"}


class TestDeepSeek:
    V31, V32 = route("deepseek.v3-v1:0", "bedrock-converse"), route("deepseek.v3.2", "bedrock-converse")

    def test_it_thinks_by_a_high_effort(self) -> None:
        for to in (self.V31, self.V32):
            fields = sent(to, reasoning_effort="high")["additionalModelRequestFields"]
            assert fields == {"reasoning_effort": "high"}
            fields = sent_but(to, "'low' is", reasoning_effort="low")["additionalModelRequestFields"]
            assert fields == {"reasoning_effort": "high"}
            assert "additionalModelRequestFields" not in sent(to, reasoning_effort="none")

    def test_v3_1_does_not_think_beside_tools(self) -> None:
        said = "reasoning_effort is .*: the model calls no tools while it thinks"
        body = sent_but(self.V31, said, reasoning_effort="high", tools=[DEPOT], tool_choice="any")
        assert "additionalModelRequestFields" not in body
        assert body["toolConfig"]["toolChoice"] == {"any": {}}

    def test_v3_2_is_told_to_call_a_tool_while_it_thinks(self) -> None:
        fitted = fit(request(reasoning_effort="high", tools=[DEPOT], tool_choice="any"), self.V32)
        assert fitted.asked.must_call == "any"
        assert "toolChoice" not in fitted.arguments["toolConfig"]
        assert fitted.arguments["additionalModelRequestFields"] == {"reasoning_effort": "high"}

    def test_what_the_application_says_itself_stays(self) -> None:
        extra = {"additionalModelRequestFields": {"reasoning_effort": "high"}}
        body = sent(self.V31, tools=[DEPOT], extra=extra)
        assert body["additionalModelRequestFields"] == {"reasoning_effort": "high"}

    def test_a_strict_form_is_held_to_where_a_tool_can_not_be(self) -> None:
        form = answer_format({"title": "Depot", **DEPOT["function"]["parameters"]})
        assert "toolConfig" in sent(self.V32, form=form)
        body = sent(self.V32, form=form, strict=True)
        assert "outputConfig" in body
        assert "toolConfig" not in body


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
def test_every_array_of_a_tool_says_what_is_in_it(wire: str) -> None:
    """A tuple's is `prefixItems`, which OpenAI doesn't take for it."""
    pair = {"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}], "maxItems": 2}
    same = {"type": "array", "prefixItems": [{"type": "number"}] * 2}
    maybe = {"type": ["array", "null"]}
    names = {"items": {"type": "string"}}  # a member of that name is no keyword
    members = {"pair": pair, "same": same, "maybe": maybe, "deep": {"type": "object", "properties": names}}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": members}}}
    body = sent(route("gpt-4.1", wire), tools=[checked_tool(tool, 0)])
    made = body["tools"][0].get("function", body["tools"][0])["parameters"]["properties"]
    assert made["pair"] == {**pair, "items": {"anyOf": pair["prefixItems"]}}
    assert made["same"]["items"] == {"type": "number"}
    assert made["maybe"]["items"] == {}
    assert made["deep"] == members["deep"]
    assert "items" not in pair, "the application's own schema was changed"


def test_nova_gets_a_schema_that_refers_to_itself_written_out() -> None:
    tree = {"type": "object", "properties": {"name": {"type": "string"}, "branches": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}  # fmt: skip
    schema = {**tree, "$defs": {"Tree": tree}, "title": "Tree"}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    body = sent(route("amazon.nova-lite-v1:0", "bedrock-converse"), tools=[tool])
    made = body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]
    assert made.keys() == {"type", "properties"}
    assert "$ref" not in json.dumps(made)
    for _ in range(3):
        made = made["properties"]["branches"]["items"]
        assert made["properties"]["name"] == {"type": "string"}
    assert made["properties"]["branches"]["items"] == {"type": "object"}


@pytest.mark.parametrize("wire", ["anthropic-messages", "bedrock-converse"])
class TestClaude:
    def fields(self, wire: str, body: dict[str, Any]) -> dict[str, Any]:
        return body if wire == "anthropic-messages" else body.get("additionalModelRequestFields", {})

    def test_before_4_6_it_thinks_by_a_budget(self, wire: str) -> None:
        body = sent(route("claude-sonnet-4-5", wire), reasoning_effort="low", max_tokens=20_000)
        assert self.fields(wire, body)["thinking"] == {"type": "enabled", "budget_tokens": 2_048}
        assert "output_config" not in self.fields(wire, body)

    def test_a_budget_is_less_than_max_tokens(self, wire: str) -> None:
        for limit in (1_025, 3_000, None):
            body = sent(route("claude-haiku-4-5", wire), reasoning_effort="high", max_tokens=limit)
            most = body.get("max_tokens") or body["inferenceConfig"]["maxTokens"]
            assert 1_024 <= self.fields(wire, body)["thinking"]["budget_tokens"] < most
        to = route("claude-haiku-4-5", wire)
        body = sent_but(to, "the model thinks 1,024 tokens at least", reasoning_effort="high", max_tokens=900)
        assert "thinking" not in self.fields(wire, body)

    def test_opus_4_5_has_both(self, wire: str) -> None:
        fields = self.fields(wire, sent(route("claude-opus-4-5", wire), reasoning_effort="medium"))
        assert fields["thinking"]["type"] == "enabled"
        assert fields["output_config"] == {"effort": "medium"}

    def test_since_4_6_it_thinks_as_it_likes(self, wire: str) -> None:
        fields = self.fields(wire, sent(route("claude-sonnet-4-6", wire), reasoning_effort="max"))
        assert (fields["thinking"]["type"], fields["output_config"]) == ("adaptive", {"effort": "max"})
        fields = self.fields(wire, sent_but(route("claude-sonnet-4-6", wire), "'xhigh' is", reasoning_effort="xhigh"))
        assert fields["output_config"] == {"effort": "high"}

    def test_none_is_no_thinking_where_it_can_be_kept_from_it(self, wire: str) -> None:
        assert "thinking" not in self.fields(wire, sent(route("claude-opus-4-7", wire), reasoning_effort="none"))
        fields = self.fields(wire, sent_but(route("claude-opus-5-5", wire), "'none' is", reasoning_effort="none"))
        assert fields["output_config"] == {"effort": "low"}

    def test_temperature_and_top_p_are_not_sent_together(self, wire: str) -> None:
        body = sent_but(route("claude-sonnet-4-6", wire), "top_p is", temperature=0.2, top_p=0.9)
        assert body.get("temperature", body.get("inferenceConfig", {}).get("temperature")) == 0.2
        assert "top_p" not in body
        assert "topP" not in body.get("inferenceConfig", {})
        assert sent(route("claude-3-7-sonnet", wire), temperature=0.2, top_p=0.9)

    def test_white_space_is_no_stop_sequence(self, wire: str) -> None:
        body = sent_but(route("claude-sonnet-4-6", wire), "white space alone", stop=["\n\n", "END"])
        assert body.get("stop_sequences", body.get("inferenceConfig", {}).get("stopSequences")) == ["END"]

    def test_one_that_is_never_forced_is_told(self, wire: str) -> None:
        for model in ("claude-mythos-5-1", "claude-fable-5-2", "claude-opus-4-9"):
            fitted = fit(request(tools=[DEPOT], tool_choice="any"), route(model, wire))
            assert fitted.asked.must_call == "any"
            assert "tool_choice" not in fitted.arguments
            assert "toolChoice" not in fitted.arguments.get("toolConfig", {})


@pytest.mark.parametrize(
    ("family", "field"),
    [
        ("amazon.nova-2-lite-v1:0", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "low"}),
        ("moonshotai.kimi-k2.5", {"reasoning_effort": "low"}),
        ("zai.glm-5.3", {"reasoning_effort": "low"}),
    ],
)
def test_each_family_on_converse_is_asked_in_its_words(family: str, field: dict[str, Any]) -> None:
    body = sent(route(family, "bedrock-converse"), reasoning_effort="low")
    assert body["additionalModelRequestFields"] == field


@pytest.mark.parametrize(
    ("model", "choice"),
    [
        ("deepseek.v3-v1:0", {"any": {}}),
        ("mistral.mistral-large-2407-v1:0", {"any": {}}),
        ("zai.glm-5.3", {"tool": {"name": "depot"}}),
        ("qwen.qwen3-32b-v1:0", None),
        ("minimax.minimax-m2.5", None),
        ("my.own-model", None),
    ],
)
def test_a_choice_is_what_a_family_takes(model: str, choice: Any) -> None:
    body = sent(route(model, "bedrock-converse"), tools=[DEPOT], tool_choice="depot")
    assert body["toolConfig"].get("toolChoice") == choice


def test_strict_tools_are_prepared_or_not_strict() -> None:
    loose: dict[str, Any] = {
        **DEPOT["function"],
        "strict": True,
        "parameters": {"type": "object", "properties": {"a": {"default": 1}}},
    }
    optional: dict[str, Any] = {
        **loose,
        "parameters": {"type": "object", "properties": {"a": {"type": "integer", "default": 1}}},
    }
    for wire in ("openai-chat", "openai-responses"):
        tool = sent(route("gpt-4.1", wire), tools=[{"type": "function", "function": optional}])["tools"][0]
        function = tool.get("function", tool)
        assert function["strict"] is True
        assert function["parameters"]["additionalProperties"] is False
        assert (function["parameters"]["required"], function["parameters"]["properties"]["a"]) == (
            ["a"],
            {"type": "integer"},
        )
        body = sent_but(route("gpt-4.1", wire), "no service holds", tools=[{"type": "function", "function": loose}])
        assert body["tools"][0].get("function", body["tools"][0]).get("strict") in {None, False}
    said = "the model takes no strict tools on Converse"
    for model in ("amazon.nova-lite-v1:0", "us.anthropic.claude-opus-4-7"):
        body = sent_but(route(model, "bedrock-converse"), said, tools=[{"type": "function", "function": optional}])
        assert "strict" not in body["toolConfig"]["tools"][0]["toolSpec"]
    claude = sent(
        route("us.anthropic.claude-sonnet-4-6", "bedrock-converse"), tools=[{"type": "function", "function": optional}]
    )
    assert claude["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True


def test_a_description_has_the_length_that_azure_takes() -> None:
    wordy: dict[str, Any] = {"type": "function", "function": {**DEPOT["function"], "description": "Look. " * 300}}
    body = sent_but(route("gpt-4.1"), "the description of tool 'depot' is", tools=[wordy])
    assert len(body["tools"][0]["function"]["description"]) == 1_024
    assert len(wordy["function"]["description"]) == 1_800
    claude = sent(route("claude-sonnet-4-6", "anthropic-messages"), tools=[wordy])  # which is Anthropic's own API there
    assert len(claude["tools"][0]["description"]) == 1_800
    assert sent(route("us.amazon.nova-lite-v1:0", "bedrock-converse"), tools=[wordy])


@pytest.mark.parametrize("parameters", [{}, {"type": "object"}, None])
def test_a_tool_without_parameters_has_properties(parameters: Any) -> None:
    tool = checked_tool({"type": "function", "function": {"name": "now", "parameters": parameters}}, 0)
    empty: dict[str, Any] = {"type": "object", "properties": {}}
    for wire in ("openai-chat", "openai-responses"):
        (made,) = sent(route("gpt-4.1", wire), tools=[tool])["tools"]
        assert made.get("function", made)["parameters"] == empty
    assert sent(route("claude-sonnet-4-6", "anthropic-messages"), tools=[tool])["tools"][0]["input_schema"] == empty
    converse = sent(route("amazon.nova-lite-v1:0", "bedrock-converse"), tools=[tool])
    assert converse["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"] == {"json": empty}


def test_nova_takes_no_more_at_the_top_of_a_tools_schema() -> None:
    schema = {**DEPOT["function"]["parameters"], "title": "Depot", "additionalProperties": False, "$schema": "x"}
    tool = {"type": "function", "function": {**DEPOT["function"], "parameters": schema}}
    spec = sent(route("amazon.nova-lite-v1:0", "bedrock-converse"), tools=[tool])["toolConfig"]["tools"][0]["toolSpec"]
    assert spec["inputSchema"]["json"].keys() == {"type", "properties", "required"}


@pytest.mark.parametrize("model", ["us.anthropic.claude-sonnet-4-6", "openai.gpt-oss-120b-1:0"])
def test_limits_that_bedrock_does_not_hold_to_are_told(model: str) -> None:
    form = answer_format({"type": "json_schema", "json_schema": {"name": "depot", "schema": LIMITED}})
    body = sent(route(model, "bedrock-converse"), form=form, as_text=True)
    held = json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])
    assert not {"minLength", "maximum"} & set(json.dumps(held).split('"'))
    assert "minLength: 2" in held["properties"]["name"]["description"]
    assert held["additionalProperties"] is False


def test_a_schema_of_an_answer_is_strict_where_nothing_is_optional() -> None:
    def format_of(schema: dict[str, Any]) -> dict[str, Any]:
        form = answer_format({"type": "json_schema", "json_schema": {"name": "depot", "schema": schema}})
        made: dict[str, Any] = sent(route("gpt-4.1"), form=form, as_text=True)["response_format"]["json_schema"]
        return made

    assert format_of(LIMITED)["strict"] is True
    assert "strict" not in format_of({**LIMITED, "required": ["name"]})
    assert "strict" not in format_of({**LIMITED, "properties": {**LIMITED["properties"], "any": {}}})


class TestDatedVersions:
    def test_of_october_2024_there_is_no_effort(self) -> None:
        to = route("o3-mini", api_version="2024-10-21")
        assert "reasoning_effort" not in sent_but(to, "reasoning_effort is", reasoning_effort="low")
        assert sent(to, max_tokens=50)["max_completion_tokens"] == 50
        assert sent(route("o3-mini", api_version="2024-12-01-preview"), reasoning_effort="low")

    def test_of_june_2024_there_is_less(self) -> None:
        to = route("gpt-4o", api_version="2024-06-01")
        body = sent_but(to, "parallel_tool_calls is", parallel_tool_calls=False, tools=[DEPOT])
        assert "parallel_tool_calls" not in body
        assert sent(to, max_tokens=50)["max_tokens"] == 50
        assert "max_tokens" not in sent_but(route("o3-mini", api_version="2024-06-01"), "max_tokens is", max_tokens=50)
        form = answer_format({"type": "json_schema", "json_schema": {"name": "depot", "schema": LIMITED}})
        body = sent(to, form=form)
        assert "response_format" not in body
        assert body["tool_choice"] == {"type": "function", "function": {"name": "depot"}}


def test_responses_writes_16_tokens_at_least() -> None:
    to = route("gpt-5", "openai-responses")
    assert sent_but(to, "max_tokens = 5 is", max_tokens=5)["max_output_tokens"] == 16
    assert sent(to, max_tokens=17)["max_output_tokens"] == 17


def test_openai_takes_four_stop_sequences() -> None:
    assert sent_but(route("gpt-4.1"), "stop is", stop=list("abcde"))["stop"] == list("abcd")


def test_the_o_series_is_not_told_to_call_one_tool() -> None:
    to = route("o3", "openai-responses")
    assert "parallel_tool_calls" not in sent_but(to, "parallel_tool_calls is", parallel_tool_calls=False, tools=[DEPOT])


def test_members_that_options_share_with_the_request_are_merged() -> None:
    form = answer_format({"type": "json_schema", "json_schema": {"name": "depot", "schema": LIMITED}})
    options = {"verbosity": "low", "include": ["message.output_text.logprobs"], "reasoning": {"summary": "auto"}}
    body = sent(route("gpt-5", "openai-responses"), form=form, as_text=True, reasoning_effort="low", extra=options)
    assert body["text"].keys() == {"format", "verbosity"}
    assert body["include"] == ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}


UNION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "pet": {"discriminator": {"propertyName": "kind"}, "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    },
    "required": ["pet"],
    "$defs": {
        "Cat": {"type": "object", "properties": {"kind": {"const": "cat", "type": "string"}}, "required": ["kind"]},
        "Dog": {"type": "object", "properties": {"kind": {"const": "dog", "type": "string"}}, "required": ["kind"]},
    },
}


@pytest.mark.parametrize("model", ["gpt-4.1", "claude-sonnet-4-6"])
def test_a_union_with_a_discriminator_is_held_to(model: str) -> None:
    form = answer_format({"type": "json_schema", "json_schema": {"name": "pet", "schema": UNION}})
    claude = model.startswith("claude")
    body = sent(route(model, "anthropic-messages" if claude else "openai-chat"), form=form, as_text=True)
    schema = (body["output_config"]["format"] if claude else body["response_format"]["json_schema"])["schema"]
    assert schema["properties"]["pet"] == {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    assert schema["$defs"]["Cat"]["additionalProperties"] is False


def test_a_schema_that_no_service_holds_to_is_not_sent_as_strict() -> None:
    free = {"type": "object", "properties": {"labels": {"type": "object", "additionalProperties": {"type": "string"}}}}
    form = answer_format({"type": "json_schema", "json_schema": {"name": "labels", "schema": free, "strict": True}})
    body = sent(route("gpt-4.1"), form=form, method="json_schema")
    assert body["response_format"]["json_schema"]["strict"] is False
    assert body["response_format"]["json_schema"]["schema"] == free


def test_a_model_without_tools_is_offered_none() -> None:
    to = route("us.deepseek.r1-v1:0", "bedrock-converse")
    assert "toolConfig" not in sent_but(to, "a tool is", tools=[DEPOT])
    with pytest.raises(UnsupportedError, match="calls no tools, and is to call one"):
        fit(request(tools=[DEPOT], tool_choice="any"), to)
