"""Claude on Converse is told to call one tool at most, where LlamaIndex asks for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool

from turnout.llama_index import TurnoutLLM

if TYPE_CHECKING:
    from turnout_emulator import Emulator

BOTH = "What is the weather in Paris and in Rome?"


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize(("required", "passed"), [(False, {"type": "auto"}), (True, {})])
def test_one_call_at_most(fresh_emulator: Emulator, required: bool, passed: dict[str, Any]) -> None:
    llm = TurnoutLLM(backend="bedrock")
    tools = [FunctionTool.from_defaults(weather)]
    for several, count in ((True, 2), (False, 1)):
        answer = llm.chat_with_tools(
            tools, chat_history=[ChatMessage(BOTH)], allow_parallel_tool_calls=several, tool_required=required
        )
        assert len(llm.get_tool_calls_from_response(answer)) == count
    first, second = (request.body for request in fresh_emulator.requests)
    assert "additionalModelRequestFields" not in first
    told = second["additionalModelRequestFields"]["tool_choice"]
    assert told == {"disable_parallel_tool_use": True, **passed}
