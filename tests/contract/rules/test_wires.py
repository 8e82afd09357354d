"""Which wire and which endpoint a model is asked on, and what is asked of it there, in both frameworks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.apps.settings import DATED
from tests.contract.rules.asking import settings
from turnout.errors import SettingsError

if TYPE_CHECKING:
    from tests.contract.rules.asking import Asking

LOOK: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "depot",
        "description": "Look a depot up.",
        "parameters": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}
FORM: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "depot", "schema": LOOK["function"]["parameters"]},
}


@pytest.mark.parametrize("model", ["gpt-5-pro", "gpt-5.2-pro", "o1-pro", "o3-pro", "gpt-5-codex", "gpt-5.3-codex"])
def test_some_are_served_by_responses_alone(asking: Asking, model: str) -> None:
    assert asking.sent(f"azure {model}").wire == "openai-responses"


def test_tools_beside_an_effort(asking: Asking) -> None:
    both: dict[str, Any] = {"tools": [LOOK], "reasoning_effort": "low"}
    for model in ("gpt-5.5", "gpt-5.6-terra", "gpt-6-sol", "gpt-6.1-sol"):
        received = asking.sent(f"azure {model}", **both)
        assert (received.wire, received.body["reasoning"]["effort"]) == ("openai-responses", "low")
    said = "doesn't reason beside tools; set wire = 'openai-responses'"
    assert asking.sent("azure gpt-5.5 openai-chat", tools=[LOOK]).body["reasoning_effort"] == "none"
    assert asking.sent_but(said, "azure gpt-5.5 openai-chat", **both).body["reasoning_effort"] == "none"
    assert "reasoning_effort" not in asking.sent_but(said, "azure gpt-5.4", **both).body
    assert "reasoning_effort" not in asking.sent("azure gpt-5.4", tools=[LOOK]).body
    assert asking.sent("azure gpt-5", **both).body["reasoning_effort"] == "low"
    asking.refused("takes no tools on the wire openai-chat", "azure gpt-6-astra openai-chat", tools=[LOOK])


def test_a_dated_api_lacks_what_came_later(asking: Asking) -> None:
    body = asking.sent_but("reasoning_effort is left out", f"azure o3-mini {DATED}", reasoning_effort="low").body
    assert "reasoning_effort" not in body
    assert asking.sent("azure o3-mini 2024-12-01-preview", reasoning_effort="low").body["reasoning_effort"] == "low"
    assert ("stream_options" in asking.sent(f"azure gpt-4.1 {DATED}").body) == asking.streams
    old = "azure gpt-4.1 2024-06-01"
    assert "stream_options" not in asking.sent(old).body
    assert "parallel_tool_calls" not in asking.answered(old, tools=[LOOK], parallel_tool_calls=False).body
    assert asking.sent(old, max_tokens=50).body["max_tokens"] == 50
    assert asking.sent(f"azure gpt-4.1 {DATED}", max_tokens=50).body["max_tokens"] == 50
    assert asking.sent(f"azure o3-mini {DATED}", max_tokens=50).body["max_completion_tokens"] == 50
    assert asking.sent("azure my-own 2024-06-01", max_tokens=50).body["max_tokens"] == 50
    assert asking.sent(f"azure my-own {DATED}", max_tokens=50).body["max_completion_tokens"] == 50
    said = "max_tokens is left out: the model wants max_completion_tokens"
    body = asking.sent_but(said, "azure o3-mini 2024-06-01", max_tokens=50).body
    assert not {"max_tokens", "max_completion_tokens"} & body.keys()
    body = asking.sent(old, response_format=FORM).body
    assert "response_format" not in body
    assert body["tools"][0]["function"]["name"] == "depot"


@pytest.mark.parametrize(
    ("model", "streams"),
    [
        ("us.meta.llama3-3-70b-instruct-v1:0", False),
        ("us.meta.llama4-maverick-17b-instruct-v1:0", False),
        ("mistral.mistral-large-2407-v1:0", False),
        ("us.writer.palmyra-x4-v1:0", False),
        ("mistral.mistral-large-3-675b-instruct", True),
        ("amazon.nova-lite-v1:0", True),
    ],
)
def test_tools_in_a_stream(asking: Asking, model: str, streams: bool) -> None:
    assert asking.sent(f"bedrock {model}", tools=[LOOK]).stream == (asking.streams and streams)
    assert asking.sent(f"bedrock {model}").stream == asking.streams


@pytest.mark.parametrize(
    ("target", "service", "path"),
    [
        ("global.openai.gpt-5.6-sol", "bedrock", "/openai/v1/responses"),
        ("us.openai.gpt-5.6-sol openai-chat", "bedrock", "/openai/v1/chat/completions"),
        ("openai.gpt-oss-20b-1:0 openai-chat runtime", "bedrock", "/openai/v1/chat/completions"),
        ("us.anthropic.claude-sonnet-4-6 anthropic-messages", "bedrock", "/anthropic/v1/messages"),
        ("openai.gpt-5.5", "mantle", "/openai/v1/responses"),
        ("openai.gpt-oss-20b openai-chat", "mantle", "/v1/chat/completions"),
        ("openai.gpt-oss-20b openai-responses", "mantle", "/v1/responses"),
        ("anthropic.claude-haiku-4-5 anthropic-messages", "mantle", "/anthropic/v1/messages"),
    ],
)
def test_the_id_decides_the_endpoint_on_bedrock(asking: Asking, target: str, service: str, path: str) -> None:
    received = asking.sent(f"bedrock {target}")
    assert (received.service, received.path) == (service, path)
    scope = received.headers["authorization"].partition("/us-east-1/")[2].partition("/")[0]
    assert scope == ("bedrock" if service == "bedrock" else "bedrock-mantle")


def test_mantle_knows_no_inference_profile(asking: Asking) -> None:
    with pytest.raises(SettingsError, match="is an inference profile, which Mantle doesn't know"):
        asking.sent("bedrock global.openai.gpt-5.6-sol mantle")


def test_mantle_has_no_fips_endpoint(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    made = settings(asking.emulator, "bedrock openai.gpt-5.5")
    backend = made.backends["bedrock"].model_copy(update={"mantle_endpoint": None})
    with pytest.raises(SettingsError, match="Mantle has no FIPS endpoint"):
        asking.ask(made.model_copy(update={"backends": {"bedrock": backend}}))
