"""What a conversation may hold at each service, in both frameworks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage

from tests.contract.rules.asking import settings
from tests.contract.rules.test_wires import LOOK
from tests.contract.same import ToolUse, assistant, result, user
from tests.support.frameworks import FRAMEWORKS
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, Reasoning, Text

if TYPE_CHECKING:
    from tests.contract.rules.asking import Asking
    from turnout_emulator import Emulator, Received

COLOUR = (user("Say a colour."), assistant("The colour is"))
CALLED = (
    user("Look Xa up."),
    assistant(calls=(ToolUse("call_1", {"name": "Xa"}, "depot"),)),
    result("call_1", "Two tracks."),
)


def roles(received: Received) -> list[str]:
    return [message["role"] for message in received.body["messages"]]


@pytest.mark.parametrize(
    ("target", "last"),
    [
        ("azure claude-sonnet-4-6", "user"),
        ("azure claude-opus-4-7", "user"),
        ("azure claude-haiku-4-5", "assistant"),
        ("bedrock us.anthropic.claude-sonnet-4-6", "user"),
        ("bedrock us.anthropic.claude-haiku-4-5-20251001-v1:0", "assistant"),
        ("bedrock us.anthropic.claude-sonnet-4-6 anthropic-messages", "user"),
        ("bedrock amazon.nova-lite-v1:0", "user"),
        ("bedrock us.meta.llama3-3-70b-instruct-v1:0", "user"),
        ("bedrock mistral.mistral-large-2407-v1:0", "user"),
        ("azure gpt-4.1", "assistant"),
    ],
)
def test_the_beginning_of_an_answer(asking: Asking, target: str, last: str) -> None:
    assert roles(asking.sent(target, *COLOUR))[-1] == last


@pytest.mark.parametrize("model", ["us.meta.llama3-3-70b-instruct-v1:0", "mistral.mistral-large-2407-v1:0"])
def test_results_stand_alone_where_the_model_wants_that(asking: Asking, model: str) -> None:
    received = asking.sent(f"bedrock {model}", *CALLED, user("And now?"), tools=[LOOK])
    assert roles(received) == ["user", "assistant", "user", "assistant", "user"]
    assert [block.keys() for block in received.body["messages"][2]["content"]] == [{"toolResult"}]
    beside = asking.sent("bedrock amazon.nova-lite-v1:0", *CALLED, user("And now?"), tools=[LOOK])
    assert roles(beside) == ["user", "assistant", "user"]


FRAMEWORK = pytest.mark.parametrize("framework", FRAMEWORKS)


def go_on(services: Emulator, framework: str, target: str, *blocks: Any) -> Any:
    """What is sent when the conversation goes on behind an answer of these blocks."""
    services.clear()
    services.queue(Answer(blocks=list(blocks)))
    made = settings(services, target)
    if framework == "langchain":
        model, hello = ChatTurnout(settings=made), HumanMessage("Hi")
        model.invoke([hello, model.invoke([hello]), HumanMessage("Well?")])
    else:
        llm, turn = TurnoutLLM(settings=made), ChatMessage("Hi")
        llm.chat([turn, llm.chat([turn]).message, ChatMessage("Well?")])
    received = services.requests[-1]
    assert received.status == 200
    return received.body


@FRAMEWORK
@pytest.mark.parametrize(
    "target",
    [
        "azure gpt-5 openai-responses",
        "azure claude-sonnet-4-6",
        "bedrock us.anthropic.claude-sonnet-4-6",
        "bedrock us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "bedrock openai.gpt-oss-120b-1:0",
    ],
)
def test_a_turn_of_nothing_but_reasoning_is_not_sent(services: Emulator, framework: str, target: str) -> None:
    then = go_on(services, framework, target, Reasoning("Hm, hm."))
    assert "assistant" not in json.dumps(then)
    assert "reasoningContent" not in json.dumps(then)
    then = go_on(services, framework, target, Reasoning("Hm, hm."), Text("Hello."))
    assert "assistant" in json.dumps(then)
    assert any(word in json.dumps(then) for word in ("encrypted_content", "thinking", "reasoningContent"))


@FRAMEWORK
@pytest.mark.parametrize("model", ["us.deepseek.r1-v1:0", "qwen.qwen3-32b-v1:0"])
def test_reasoning_is_not_sent_to_a_model_that_refuses_its_own(services: Emulator, framework: str, model: str) -> None:
    then = go_on(services, framework, f"bedrock {model}", Reasoning("Hm, hm."), Text("Hello."))
    assert then["messages"][1] == {"role": "assistant", "content": [{"text": "Hello."}]}
