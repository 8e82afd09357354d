"""A conversation with tools, a picture and reasoning moves in the middle of an agent, from every wire to every other."""

from __future__ import annotations

import asyncio
import base64
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tools import tool
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler

from tests.contract.same import PNG
from turnout.calls import circuit
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, Failure, Reasoning, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator

WIRES = {
    "openai-chat": ("azure", 'deployment = "mini", model = "gpt-5-mini"', "mini"),
    "openai-responses": (
        "azure",
        'deployment = "gpt-5-prod", model = "gpt-5", wire = "openai-responses"',
        "gpt-5-prod",
    ),
    "anthropic-messages": ("azure", 'deployment = "claude-prod", model = "claude-sonnet-4-6"', "claude-prod"),
    "bedrock-converse": ("bedrock", 'model = "us.anthropic.claude-sonnet-4-6"', "us.anthropic.claude-sonnet-4-6"),
    "mantle-responses": ("bedrock", 'model = "openai.gpt-5.5"', "openai.gpt-5.5"),
}
QUESTION = "What is on the picture, and what is the weather there?"

pytestmark = [
    pytest.mark.usefixtures("no_backoff", "healthy"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),  # LlamaIndex's own
]


@pytest.fixture
def healthy() -> Iterator[None]:
    circuit.reset_health()
    yield
    circuit.reset_health()


@pytest.fixture(params=[*permutations(WIRES, 2)], ids="-to-".join)
def pair(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    targets = [
        f'{{ backend = "{backend}", {target} }}' for backend, target, _ in (WIRES[wire] for wire in request.param)
    ]
    before, _, after = fresh_emulator.settings_toml().partition("[chat.default]")
    after = after.partition("[chat.fast]")[2]
    path = tmp_path / "turnout.toml"
    path.write_text(f"{before}[chat.default]\nazure = [{', '.join(targets)}]\n[chat.fast]{after}")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    there, back = (WIRES[wire][2] for wire in request.param)
    thought = Answer(blocks=[Reasoning("A lake, so it is Bern."), ToolCall("get_weather", {"city": "Bern"})])
    fresh_emulator.queue(thought, *[Failure("server_error")] * 3, model=there)
    fresh_emulator.queue(Answer("It is Bern, and sunny."), model=back)
    return there, back


class _Events(BaseCallbackHandler):
    """What LangChain says of a call."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.seen.append("start")

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.seen.append("end")

    def on_llm_error(self, *_: Any, **__: Any) -> None:
        self.seen.append("error")


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def check(emulator: Emulator, pair: tuple[str, str]) -> None:
    there, back = pair
    asked = [(request.model, request.status) for request in emulator.requests if request.operation == "chat"]
    assert asked == [(there, 200), *[(there, 500)] * 3, (back, 200)]
    sent = str(emulator.requests[-1].body)
    assert "sunny in Bern" in sent
    assert "get_weather" in sent
    assert base64.b64encode(PNG).decode() in sent
    assert not emulator.pending


def test_in_langgraph(fresh_emulator: Emulator, pair: tuple[str, str]) -> None:
    picture: Any = {"type": "image", "base64": base64.b64encode(PNG).decode(), "mime_type": "image/png"}
    asked: Any = {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]}]}
    agent: Any = create_agent(ChatTurnout(), [tool(get_weather)])
    last = agent.invoke(asked)["messages"][-1]
    assert last.text == "It is Bern, and sunny."
    assert last.response_metadata["deployment"] == pair[1]
    assert len(last.response_metadata["failed_attempts"]) == 3
    check(fresh_emulator, pair)


def test_in_langgraph_streamed(fresh_emulator: Emulator, pair: tuple[str, str]) -> None:
    picture: Any = {"type": "image", "base64": base64.b64encode(PNG).decode(), "mime_type": "image/png"}
    asked: Any = {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]}]}
    agent: Any = create_agent(ChatTurnout(), [tool(get_weather)])

    async def text() -> str:
        return "".join(
            [
                str(chunk.text)
                async for chunk, _ in agent.astream(asked, stream_mode="messages")
                if chunk.type == "AIMessageChunk"
            ]
        )

    assert asyncio.run(text()).endswith("It is Bern, and sunny.")
    check(fresh_emulator, pair)


def test_in_an_agent_workflow(fresh_emulator: Emulator, pair: tuple[str, str]) -> None:
    question = ChatMessage(blocks=[TextBlock(text=QUESTION), ImageBlock(image=PNG)])

    async def run() -> Any:
        agent = FunctionAgent(tools=[get_weather], llm=TurnoutLLM())
        return await AgentWorkflow(agents=[agent]).run(user_msg=question)

    assert str(asyncio.run(run())) == "It is Bern, and sunny."
    check(fresh_emulator, pair)


def test_callbacks_have_one_pair_a_call(fresh_emulator: Emulator, pair: tuple[str, str]) -> None:
    fresh_emulator.clear()
    there, back = pair
    fresh_emulator.queue(*[Failure("server_error")] * 3, model=there)
    fresh_emulator.queue(Answer("Yes."), model=back)
    counting = TokenCountingHandler()
    llm = TurnoutLLM(callback_manager=CallbackManager([counting]))
    assert llm.chat([ChatMessage("Is it sunny?")]).message.content == "Yes."
    assert len(counting.llm_token_counts) == 1
    fresh_emulator.queue(*[Failure("server_error")] * 3, model=there)
    fresh_emulator.queue(Answer("Yes."), model=back)
    events = _Events()
    assert ChatTurnout(callbacks=[events]).invoke("Is it sunny?").text == "Yes."
    assert events.seen == ["start", "end"]
