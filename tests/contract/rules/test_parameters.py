"""Parameters, and which go together: what each model is sent, in both frameworks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.rules.asking import HELLO, as_messages
from tests.contract.rules.test_wires import LOOK
from tests.contract.same import PNG, File, user
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    from tests.contract.rules.asking import Asking

pytestmark = pytest.mark.filterwarnings(
    "ignore:The model 'claude-:DeprecationWarning"
)  # the SDK's, of one that retires
CLAUDE = pytest.mark.parametrize(
    "claude", ["azure claude-{}", "bedrock us.anthropic.claude-{}"], ids=["azure", "converse"]
)
OPENAI = pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
NOVA_2 = "bedrock us.amazon.nova-2-lite-v1:0"


def dated(claude: str, version: str) -> str:
    """A target's name; Bedrock's ids of some models have a date."""
    days = {"haiku-4-5": "20251001-v1:0", "sonnet-4-5": "20250929-v1:0", "opus-4-5": "20251101-v1:0"}
    bedrock = claude.startswith("bedrock") and version in days
    return claude.format(f"{version}-{days[version]}" if bedrock else version)


@CLAUDE
def test_claude_takes_one_of_temperature_and_top_p(asking: Asking, claude: str) -> None:
    for version in ("haiku-4-5", "sonnet-4-5", "sonnet-4-6"):
        received = asking.sent_but("top_p is left out", dated(claude, version), temperature=0.2, top_p=0.9)
        sent = as_messages(received)
        assert (sent["temperature"], sent.get("top_p")) == (0.2, None)
    for name in ("temperature", "top_p"):
        assert as_messages(asking.sent(claude.format("sonnet-4-6"), **{name: 0.5}))[name] == 0.5
        sent = as_messages(asking.sent_but(f"{name} is left out", claude.format("opus-4-7"), **{name: 0.5}))
        assert name not in sent


@CLAUDE
def test_claude_that_thinks_takes_a_temperature_of_1_and_no_forced_tool(asking: Asking, claude: str) -> None:
    target = claude.format("sonnet-4-6")
    sent = as_messages(asking.sent_but("temperature is left out", target, temperature=0.2, reasoning_effort="low"))
    assert (sent["thinking"]["type"], sent.get("temperature")) == ("adaptive", None)
    sent = as_messages(asking.sent_but("top_p is left out", target, top_p=0.5, reasoning_effort="low"))
    assert "top_p" not in sent
    assert as_messages(asking.sent(target, temperature=1, reasoning_effort="low"))["temperature"] == 1
    forced: dict[str, Any] = {"tools": [LOOK], "tool_choice": "depot"}
    look = user("Look the depot Xa up. name: Xa")
    for version, more in (("sonnet-4-6", {"reasoning_effort": "low"}), ("opus-5-5", {}), ("mythos-5-1", {})):
        sent = as_messages(asking.sent(claude.format(version), look, **forced, **more))
        assert sent.get("tool_choice", {"type": "auto"}) == {"type": "auto"}
        assert "Answer by calling" in str(sent["system"])
    sent = as_messages(asking.sent(target, look, **forced))
    assert sent["tool_choice"]["type"] == "tool"


@CLAUDE
def test_an_effort_makes_claude_think(asking: Asking, claude: str) -> None:
    for version in ("haiku-4-5", "sonnet-4-5"):
        sent = as_messages(asking.sent(dated(claude, version), reasoning_effort="low", max_tokens=20_000))
        assert sent["thinking"] == {"type": "enabled", "budget_tokens": 2_048}
        assert "output_config" not in sent
    for limit in (1_025, 3_000, None):
        sent = as_messages(asking.sent(dated(claude, "haiku-4-5"), reasoning_effort="high", max_tokens=limit))
        assert 1_024 <= sent["thinking"]["budget_tokens"] < sent["max_tokens"]
    said = "the model thinks 1,024 tokens at least"
    sent = as_messages(asking.sent_but(said, dated(claude, "haiku-4-5"), reasoning_effort="high", max_tokens=900))
    assert "thinking" not in sent
    sent = as_messages(asking.sent(dated(claude, "opus-4-5"), reasoning_effort="medium"))
    assert (sent["thinking"]["type"], sent["output_config"]) == ("enabled", {"effort": "medium"})
    for version, effort in (("sonnet-4-6", "max"), ("opus-4-7", "xhigh"), ("fable-5-2", "low")):
        sent = as_messages(asking.sent(claude.format(version), reasoning_effort=effort))
        assert (sent["thinking"]["type"], sent["output_config"]) == ("adaptive", {"effort": effort})


@OPENAI
@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("gpt-5", {"none": "minimal", "minimal": "minimal", "xhigh": "high", "max": "high"}),
        ("o3", {"none": "low", "minimal": "low", "high": "high", "xhigh": "high", "max": "high"}),
        ("gpt-5.1", {"none": "none", "minimal": "low", "xhigh": "high", "max": "high"}),
        ("gpt-5.4", {"none": "none", "minimal": "low", "xhigh": "xhigh", "max": "xhigh"}),
        ("gpt-5.5", {"minimal": "low", "max": "xhigh"}),
        ("gpt-5.6-terra", {"none": "none", "minimal": "low", "max": "max"}),
        ("gpt-6-astra", {"none": "low", "max": "max"}),
    ],
)
def test_each_model_has_its_efforts(asking: Asking, model: str, taken: dict[str, str], wire: str) -> None:
    for effort, nearest in taken.items():
        target = f"azure {model} {wire}"
        if effort == nearest:
            body = asking.sent(target, reasoning_effort=effort).body
        else:
            body = asking.sent_but(f"'{effort}' is sent as '{nearest}'", target, reasoning_effort=effort).body
        assert body.get("reasoning_effort", body.get("reasoning", {}).get("effort")) == nearest


@CLAUDE
def test_claude_has_its_efforts(asking: Asking, claude: str) -> None:
    for version, effort, nearest in (("sonnet-4-6", "minimal", "low"), ("sonnet-4-6", "xhigh", "high"), ("opus-5-5", "none", "low")):  # fmt: skip
        received = asking.sent_but(
            f"'{effort}' is sent as '{nearest}'", claude.format(version), reasoning_effort=effort
        )
        assert as_messages(received)["output_config"] == {"effort": nearest}
    assert "thinking" not in as_messages(asking.sent(claude.format("opus-4-7"), reasoning_effort="none"))


@OPENAI
def test_the_o_series_is_not_told_to_call_one_tool(asking: Asking, wire: str) -> None:
    one: dict[str, Any] = {"tools": [LOOK], "parallel_tool_calls": False}
    assert "parallel_tool_calls" not in asking.answered(f"azure o3 {wire}", **one).body
    assert asking.sent(f"azure gpt-4.1 {wire}", **one).body["parallel_tool_calls"] is False


def test_responses_writes_16_tokens_at_least(asking: Asking) -> None:
    target = "azure gpt-5 openai-responses"
    assert asking.sent_but("max_tokens = 5 is sent as 16", target, max_tokens=5).body["max_output_tokens"] == 16
    assert asking.sent(target, max_tokens=17).body["max_output_tokens"] == 17


def test_stop_sequences(asking: Asking) -> None:
    body = asking.sent_but("stop is sent as its first 4", "azure gpt-4.1", stop=list("abcde")).body
    assert body["stop"] == list("abcd")
    for target in ("azure claude-sonnet-4-6", "bedrock us.anthropic.claude-sonnet-4-6"):
        received = asking.sent_but("white space alone is left out", target, stop=["\n\n", "END"])
        assert as_messages(received)["stop_sequences"] == ["END"]
    for model in ("us.xai.grok-4.7", "qwen.qwen3-32b-v1:0"):
        received = asking.sent_but("stop is left out: the model takes no stop", f"bedrock {model}", stop=["END"])
        assert "stopSequences" not in str(received.body)
    assert as_messages(asking.sent("bedrock amazon.nova-lite-v1:0", stop=["END"]))["stop_sequences"] == ["END"]


def test_nova_takes_no_limit_and_no_sampling_with_high_effort(asking: Asking) -> None:
    for name, value in (("max_tokens", 500), ("temperature", 0.5), ("top_p", 0.5)):
        said = f"{name} is left out: the model takes none with high reasoning effort"
        sent = as_messages(asking.sent_but(said, NOVA_2, reasoning_effort="high", **{name: value}))
        assert sent["reasoningConfig"]["maxReasoningEffort"] == "high"
        assert name not in sent
        assert as_messages(asking.sent(NOVA_2, reasoning_effort="low", **{name: value}))[name] == value


def test_nova_takes_no_more_at_the_top_of_a_tools_schema(asking: Asking) -> None:
    schema = {**LOOK["function"]["parameters"], "title": "Depot", "description": "x", "$schema": "x", "$defs": {}}
    tool = {"type": "function", "function": {**LOOK["function"], "parameters": schema}}
    spec = asking.sent("bedrock amazon.nova-lite-v1:0", tools=[tool]).body["toolConfig"]["tools"][0]["toolSpec"]
    assert set(spec["inputSchema"]["json"]) - {"$defs"} == {"type", "properties", "required"}


@pytest.mark.parametrize(
    ("model", "strict"),
    [
        ("us.anthropic.claude-sonnet-4-6", True),
        ("us.anthropic.claude-opus-4-7", None),
        ("amazon.nova-lite-v1:0", None),
        ("deepseek.v3-v1:0", None),
        ("us.meta.llama3-3-70b-instruct-v1:0", None),
    ],
)
def test_a_tool_is_strict_on_some_claudes_alone(asking: Asking, model: str, strict: bool | None) -> None:
    tool = {"type": "function", "function": {**LOOK["function"], "strict": True}}
    if strict:
        received = asking.sent(f"bedrock {model}", tools=[tool])
    else:
        received = asking.sent_but("strict of tool 'depot' is left out", f"bedrock {model}", tools=[tool])
    assert received.body["toolConfig"]["tools"][0]["toolSpec"].get("strict") is strict


@pytest.mark.parametrize(
    ("model", "choice"),
    [
        ("deepseek.v3-v1:0", {"any": {}}),
        ("mistral.mistral-large-2407-v1:0", {"any": {}}),
        ("zai.glm-5.3", {"tool": {"name": "depot"}}),
        ("us.xai.grok-4.7", {"tool": {"name": "depot"}}),
        ("amazon.nova-lite-v1:0", {"tool": {"name": "depot"}}),
        ("us.meta.llama3-3-70b-instruct-v1:0", None),
        ("qwen.qwen3-32b-v1:0", None),
        ("minimax.minimax-m2.5", None),
        ("moonshotai.kimi-k2.5", None),
    ],
)
def test_each_family_has_its_choices_of_a_tool(asking: Asking, model: str, choice: Any) -> None:
    look = user("Look the depot Xa up. name: Xa")
    body = asking.sent(f"bedrock {model}", look, tools=[LOOK], tool_choice="depot").body
    assert body["toolConfig"].get("toolChoice") == choice
    assert ("Answer by calling" in str(body["system"])) if choice is None else not body.get("system")


def test_a_message_on_converse_has_20_images_and_5_documents(asking: Asking) -> None:
    """There is no other place for them, so the service's own refusal is what an application is told."""
    nova = "bedrock amazon.nova-lite-v1:0"
    images = [File("image", PNG, mime="image/png")] * 21
    documents = [File("document", b"Trains run.", mime="text/plain", name=f"{n}.txt") for n in range(6)]
    for files, said in ((images, "too many images and documents"), (documents, "can't include more than 5 documents")):
        asking.sent(nova, user("Read:", *files[1:]))
        with pytest.raises(InvalidRequestError, match=said):
            asking.sent(nova, user("Read:", *files))


@OPENAI
def test_a_description_has_the_length_that_azure_takes(asking: Asking, wire: str) -> None:
    wordy = {"type": "function", "function": {**LOOK["function"], "description": "Look. " * 300}}
    said = "the description of tool 'depot' is sent as its first 1,024"
    (tool,) = asking.sent_but(said, f"azure gpt-4.1 {wire}", tools=[wordy]).body["tools"]
    assert len(tool.get("function", tool)["description"]) == 1_024
    (tool,) = asking.sent("azure claude-sonnet-4-6", tools=[wordy]).body["tools"]
    assert len(tool["description"]) == 1_800


@pytest.mark.parametrize("target", ["azure gpt-4.1", "azure claude-sonnet-4-6", "bedrock amazon.nova-lite-v1:0"])
def test_a_tools_name_has_64_characters(asking: Asking, target: str) -> None:
    for name in ("n" * 65, "Page[Item]", ""):
        tool = {"type": "function", "function": {**LOOK["function"], "name": name}}
        asking.refused("the services take 1 to 64 letters, digits, _ and -", target, HELLO, tools=[tool])
    longest = {"type": "function", "function": {**LOOK["function"], "name": "n" * 64}}
    assert "n" * 64 in str(asking.sent(target, tools=[longest]).body)


def test_deepseek_thinks_by_a_high_effort_and_forces_no_tool(asking: Asking) -> None:
    v31, v32 = "bedrock deepseek.v3-v1:0", "bedrock deepseek.v3.2"
    high: dict[str, Any] = {"reasoning_effort": "high"}
    for target in (v31, v32):
        assert as_messages(asking.sent(target, **high))["reasoning_effort"] == "high"
        received = asking.sent_but("'low' is sent as 'high'", target, reasoning_effort="low")
        assert as_messages(received)["reasoning_effort"] == "high"
    look = user("Look the depot Xa up. name: Xa")
    forced: dict[str, Any] = {"tools": [LOOK], "tool_choice": "any", **high}
    sent = as_messages(asking.sent_but("the model calls no tools while it thinks", v31, look, **forced))
    assert ("reasoning_effort" in sent, sent["tool_choice"]) == (False, {"type": "any"})
    sent = as_messages(asking.sent(v32, look, **forced))
    assert (sent["reasoning_effort"], sent.get("tool_choice")) == ("high", None)
    assert "Answer by calling" in str(sent["system"])


@pytest.mark.parametrize(
    ("target", "most"),
    [
        ("azure o1-mini", 65_536),
        ("azure claude-haiku-4-5", 64_000),
        ("bedrock us.amazon.nova-2-lite-v1:0", 64_000),
        ("bedrock mistral.devstral-2-123b", 32_000),
        ("bedrock us.mistral.pixtral-large-2502-v1:0", 16_384),
        ("bedrock openai.gpt-oss-120b-1:0", 16_384),
    ],
)
def test_no_more_is_asked_for_than_a_model_writes(asking: Asking, target: str, most: int) -> None:
    asking.refused(f"max_tokens = {most + 1} is out of range .* it takes 1 to {most}", target, max_tokens=most + 1)
