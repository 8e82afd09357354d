"""What the frameworks' own classes take in their constructors: the error says where turnout has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from turnout.errors import SettingsError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout_emulator import Emulator

OPTIONS = (
    *("additional_model_request_fields", "extra_body", "guardrail_config", "guardrails", "logprobs", "n"),
    *("performance_config", "presence_penalty", "prompt_cache_key", "request_metadata", "service_tier", "store"),
    *("thinking", "top_k", "user", "verbosity"),
)
CLASSES = [(ChatTurnout, "extra"), (TurnoutLLM, "additional_kwargs")]
classes = pytest.mark.parametrize(("make", "in_code"), CLASSES, ids=["langchain", "llama_index"])


@classes
@pytest.mark.parametrize("name", OPTIONS)
def test_options(make: Callable[..., Any], in_code: str, name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make(**{name: "secret"})
    said = str(caught.value)
    assert f"takes no {name}: " in said
    assert f"options = {{ {name} = … }} of the target or backend in turnout.toml" in said
    assert f"{in_code}={{'{name}': …}}" in said
    assert "secret" not in said
    assert ("reasoning_effort" in said) == (name == "thinking")


@classes
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("default_headers", "set headers = { name = 'value' } in [backends.…]"),
        ("extra_headers", "set headers = "),
        ("model_kwargs", "set options = { … = … }"),
        ("stream_usage", "always there"),
        ("max_completion_tokens", "it is called max_tokens here"),
        ("stop_sequences", "it is called stop here"),
        ("request_timeout", "it is called timeout here"),
        ("model_name", "it is called model here"),
    ],
)
def test_others(make: Callable[..., Any], in_code: str, name: str, says: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(says)):
        make(**{name: "secret"})
    assert in_code in make.model_fields  # type: ignore[attr-defined] # both are pydantic's


@pytest.mark.usefixtures("settings_file")
@classes
def test_what_the_error_says_works(make: Callable[..., Any], in_code: str, fresh_emulator: Emulator) -> None:
    model = make(backend="openai", **{in_code: {"user": "ada"}})
    model.invoke("hello") if make is ChatTurnout else model.complete("hello")
    assert fresh_emulator.requests[-1].body["user"] == "ada"
