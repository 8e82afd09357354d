"""The heart of the contract on the wires and models that the other files don't have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, CBEventType, TokenCountingHandler

from tests.contract.apps.settings import COLUMNS
from tests.contract.llama_index.llama_parts import FRANCE, Ear
from tests.contract.llama_index.test_llm_errors import KINDS, LONG, QUESTION, is_right
from tests.contract.llama_index.test_llm_events import WAYS, ask
from turnout import errors as e
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, Cut, Failure, ToolCall, Usage

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

NEW = [name for name in COLUMNS if name not in {"azure", "azure_dated", "openai", "bedrock_claude"}]


@pytest.fixture(autouse=True, params=NEW)
def column(request: pytest.FixtureRequest, columns_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TURNOUT_BACKEND", request.param)
    return str(request.param)


@pytest.mark.parametrize("way", WAYS)
async def test_usage_and_one_pair_of_events(way: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(text="Yes, it is.", usage=Usage(input_tokens=123, output_tokens=45)))
    counter, ear = TokenCountingHandler(tokenizer=str.split), Ear(CBEventType.LLM)
    await ask(TurnoutLLM(callback_manager=CallbackManager([counter, ear])), way)
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (123, 45)
    assert (len(ear.started), len(ear.ended)) == (1, 1)


def test_a_stream_grows() -> None:
    pieces = list(TurnoutLLM().stream_chat([ChatMessage(FRANCE)]))
    texts = [str(piece.message.content or "") for piece in pieces]
    assert "".join(piece.delta or "" for piece in pieces) == texts[-1] == "Paris is the capital of France."
    assert len(set(texts)) > 2
    assert all(texts[-1].startswith(text) for text in texts)
    assert pieces[-1].additional_kwargs["finish_reason"] == "stop"


def test_a_cut_answer_says_so(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer("La la", finish="length"), Answer("La la", finish="length"))
    *_, last = TurnoutLLM().stream_chat(QUESTION)
    for answer in (TurnoutLLM().chat(QUESTION), last):
        assert answer.additional_kwargs["finish_reason"] == "length"


def test_calls_in_a_stream(fresh_emulator: Emulator) -> None:
    calls = [ToolCall("weather", {"city": "Bern"}), ToolCall("weather", {"city": "Zürich 転轍機"})]
    fresh_emulator.queue(Answer("Let me see.", tool_calls=calls, chunk_size=3))
    llm = TurnoutLLM()
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    *_, last = llm.stream_chat(QUESTION, tools=[tool])
    found = llm.get_tool_calls_from_response(last)
    assert [call.tool_kwargs for call in found] == [call.arguments for call in calls]
    assert last.message.content == "Let me see."
    assert last.additional_kwargs["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(("failure", "kind"), KINDS, ids=[failure.kind for failure, _ in KINDS])
async def test_errors(failure: Failure, kind: type[e.ModelCallError], column: str, fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM(max_retries=0)
    fresh_emulator.queue(*[failure] * 3)
    with pytest.raises(kind) as caught:
        llm.chat(QUESTION)
    is_right(caught.value, kind, column)
    with pytest.raises(kind):
        list(llm.stream_chat(QUESTION))
    with pytest.raises(kind):
        await llm.achat(QUESTION)


@pytest.mark.parametrize("clean", [False, True], ids=["dropped", "ended early"])
async def test_a_stream_that_is_cut_is_no_whole_answer(clean: bool, fresh_emulator: Emulator) -> None:
    cut = Cut(after_chunks=6, answer=LONG, clean=clean)
    fresh_emulator.queue(cut, cut)
    with pytest.raises(e.ServiceConnectionError):
        list(TurnoutLLM(max_retries=0).stream_chat(QUESTION))
    with pytest.raises(e.ServiceConnectionError):
        [piece async for piece in await TurnoutLLM(max_retries=0).astream_chat(QUESTION)]


def test_an_error_inside_a_stream(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Cut(after_chunks=5, answer=LONG, failure=Failure.server_error()))
    with pytest.raises(e.ServerError):
        list(TurnoutLLM(max_retries=0).stream_chat(QUESTION))
