"""Chat and completion: once and streamed, sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ImageBlock,
    MessageRole,
    TextBlock,
)

from tests.contract.llama_index.llama_parts import FRANCE, output_limit
from tests.support.parts import PNG, chats
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, Reasoning, Text, Usage

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("backend")

QUESTION = [ChatMessage(FRANCE)]


def user(text: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.USER, content=text)


# --- the eight ways of asking


def test_chat() -> None:
    answer = TurnoutLLM().chat(QUESTION)
    assert isinstance(answer, ChatResponse)
    assert answer.message.role is MessageRole.ASSISTANT
    assert answer.message.content == "Paris is the capital of France."
    assert answer.raw is not None


async def test_achat() -> None:
    answer = await TurnoutLLM().achat(QUESTION)
    assert answer.message.content == "Paris is the capital of France."


def test_complete() -> None:
    answer = TurnoutLLM().complete(FRANCE)
    assert isinstance(answer, CompletionResponse)
    assert answer.text == "Paris is the capital of France."


async def test_acomplete() -> None:
    assert (await TurnoutLLM().acomplete(FRANCE)).text == "Paris is the capital of France."


def grows(pieces: list[ChatResponse] | list[CompletionResponse], whole: str) -> None:
    texts = [piece.message.content if isinstance(piece, ChatResponse) else piece.text for piece in pieces]
    assert len({text for text in texts if text}) > 2
    assert "".join(piece.delta or "" for piece in pieces) == whole
    assert texts[-1] == whole
    assert all(whole.startswith(text or "") for text in texts)


def test_stream_chat() -> None:
    grows(list(TurnoutLLM().stream_chat(QUESTION)), "Paris is the capital of France.")


async def test_astream_chat() -> None:
    pieces = [piece async for piece in await TurnoutLLM().astream_chat(QUESTION)]
    grows(pieces, "Paris is the capital of France.")


def test_stream_complete() -> None:
    grows(list(TurnoutLLM().stream_complete(FRANCE)), "Paris is the capital of France.")


async def test_astream_complete() -> None:
    pieces = [piece async for piece in await TurnoutLLM().astream_complete(FRANCE)]
    grows(pieces, "Paris is the capital of France.")


# --- conversations


def test_conversation(fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM()
    history = [user("My name is Ada and I collect railway lamps.")]
    first = llm.chat(history)
    history += [first.message, user("What do I collect?")]
    second = llm.chat(history)
    assert "railway lamps" in str(second)
    assert len(chats(fresh_emulator)[-1].body["messages"]) == 3


def test_system_prompt(backend: str, fresh_emulator: Emulator) -> None:
    system = ChatMessage(role=MessageRole.SYSTEM, content="The password of the day is semaphore.")
    answer = TurnoutLLM().chat([system, user("What is the password of the day?")])
    assert "semaphore" in str(answer)
    body = chats(fresh_emulator)[-1].body
    if backend == "bedrock":
        assert body["system"] == [{"text": "The password of the day is semaphore."}]
        assert [message["role"] for message in body["messages"]] == ["user"]
    else:
        assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_system_prompt_of_the_llm_goes_with_predictions() -> None:
    from llama_index.core import PromptTemplate

    llm = TurnoutLLM(system_prompt="The password of the day is semaphore.")
    assert "semaphore" in llm.predict(PromptTemplate("What is the {thing} of the day?"), thing="password")


@pytest.mark.parametrize("role", [MessageRole.DEVELOPER, MessageRole.CHATBOT, MessageRole.MODEL])
def test_roles_of_other_services(role: MessageRole) -> None:
    history = [user("Hello."), ChatMessage(role=role, content="The lamp is green."), user("Which colour is the lamp?")]
    assert "green" in str(TurnoutLLM().chat(history))


def test_the_callers_messages_stay_as_they_are() -> None:
    history = [user("Paris is in France."), ChatMessage(role="assistant", content="I see."), user(FRANCE)]
    before = [message.model_copy(deep=True) for message in history]
    TurnoutLLM().chat(history)
    list(TurnoutLLM().stream_chat(history))
    assert history == before


def test_unicode() -> None:
    text = "Die Weiche in Zürich heißt «Gleis 9¾» 🚂 — 転轍機。"
    answer = TurnoutLLM().chat([user(f"{text}\nWie heißt die Weiche in Zürich?")])
    assert "«Gleis 9¾» 🚂" in str(answer)


def test_image(backend: str, fresh_emulator: Emulator) -> None:
    message = ChatMessage(role=MessageRole.USER, blocks=[ImageBlock(image=PNG), TextBlock(text="What is this?")])
    assert str(TurnoutLLM().chat([message]))
    (content,) = [message["content"] for message in chats(fresh_emulator)[-1].body["messages"]]
    if backend == "bedrock":
        assert content[0]["image"]["format"] == "png"
    else:
        assert content[0]["image_url"]["url"].startswith("data:image/png;base64,")


def test_text_in_several_blocks() -> None:
    blocks = [TextBlock(text="The lamp is green."), TextBlock(text="Which colour is the lamp?")]
    assert "green" in str(TurnoutLLM().chat([ChatMessage(role=MessageRole.USER, blocks=blocks)]))


# --- parameters


def taking_stop(backend: str) -> str:
    """A model that takes stop sequences."""
    return "default" if backend == "bedrock" else f"{backend}:gpt-4o"


def test_stop(backend: str, fresh_emulator: Emulator) -> None:
    answer = TurnoutLLM(taking_stop(backend), stop=["capital"]).chat(QUESTION)
    assert str(answer.message.content).strip() == "Paris is the"
    body = chats(fresh_emulator)[-1].body
    sent = body["inferenceConfig"]["stopSequences"] if backend == "bedrock" else body["stop"]
    assert sent == ["capital"]
    assert answer.additional_kwargs["finish_reason"] == "stop"


def test_stop_of_the_call_wins(backend: str) -> None:
    llm = TurnoutLLM(taking_stop(backend), stop=["capital"])
    assert str(llm.complete(FRANCE, stop="France")).strip() == "Paris is the capital of"


def test_stop_is_left_out_with_a_warning_where_the_model_takes_none(backend: str, fresh_emulator: Emulator) -> None:
    if TurnoutLLM().route.facts.stop:
        pytest.skip(f"the model on {backend} takes stop sequences")
    with pytest.warns(UserWarning, match="stop is left out"):
        TurnoutLLM(stop=["capital"]).chat(QUESTION)
    assert "stop" not in chats(fresh_emulator)[-1].body


def test_max_tokens(fresh_emulator: Emulator) -> None:
    answer = TurnoutLLM(max_tokens=3).chat(QUESTION)
    assert answer.additional_kwargs["finish_reason"] == "length"
    assert len(str(answer.message.content).split()) <= 3
    (received,) = chats(fresh_emulator)
    assert output_limit(received) == 3
    assert ("max_tokens" in received.body) is False  # the model's own name for it


def test_max_tokens_of_the_call_wins(fresh_emulator: Emulator) -> None:
    TurnoutLLM(max_tokens=3).chat(QUESTION, max_tokens=40)
    TurnoutLLM(max_tokens=3).chat(QUESTION, max_completion_tokens=41)
    assert [output_limit(received) for received in chats(fresh_emulator)] == [40, 41]


def test_no_limit_is_sent_unasked(fresh_emulator: Emulator) -> None:
    TurnoutLLM().chat(QUESTION)
    list(TurnoutLLM().stream_chat(QUESTION))
    assert [output_limit(received) for received in chats(fresh_emulator)] == [None, None]


def test_temperature(backend: str, fresh_emulator: Emulator) -> None:
    if backend == "bedrock":
        TurnoutLLM(temperature=0.2).chat(QUESTION)
        assert chats(fresh_emulator)[-1].body["inferenceConfig"]["temperature"] == 0.2
        return
    with pytest.warns(UserWarning, match=r"temperature is left out: .*'gpt-5"):
        TurnoutLLM(temperature=0.2).chat(QUESTION)
    assert "temperature" not in chats(fresh_emulator)[-1].body


def test_additional_kwargs(backend: str, fresh_emulator: Emulator) -> None:
    extra = {"requestMetadata": {"team": "night"}} if backend == "bedrock" else {"metadata": {"team": "night"}}
    TurnoutLLM(additional_kwargs=extra).chat(QUESTION)
    assert chats(fresh_emulator)[-1].body[next(iter(extra))] == {"team": "night"}


# --- what an answer says of itself


@pytest.fixture
def counted(fresh_emulator: Emulator) -> Answer:
    answer = Answer(text="Yes.", usage=Usage(input_tokens=11, output_tokens=5))
    fresh_emulator.queue(answer)
    return answer


COUNTS = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


@pytest.mark.usefixtures("counted")
def test_usage() -> None:
    answer = TurnoutLLM().chat(QUESTION)
    assert answer.additional_kwargs.items() >= COUNTS.items()


@pytest.mark.usefixtures("counted")
async def test_usage_async() -> None:
    answer = await TurnoutLLM().achat(QUESTION)
    assert answer.additional_kwargs.items() >= COUNTS.items()


@pytest.mark.usefixtures("counted")
def test_usage_of_a_stream() -> None:
    *_, last = TurnoutLLM().stream_chat(QUESTION)
    assert last.additional_kwargs.items() >= COUNTS.items()
    assert last.additional_kwargs["finish_reason"] == "stop"


@pytest.mark.usefixtures("counted")
async def test_usage_of_an_async_stream() -> None:
    pieces = [piece async for piece in await TurnoutLLM().astream_chat(QUESTION)]
    assert pieces[-1].additional_kwargs.items() >= COUNTS.items()


@pytest.mark.usefixtures("counted")
def test_usage_of_a_completion() -> None:
    assert TurnoutLLM().complete(FRANCE).additional_kwargs.items() >= COUNTS.items()


def test_an_answer_says_who_gave_it(backend: str) -> None:
    answer = TurnoutLLM().chat(QUESTION)
    assert answer.additional_kwargs["backend"] == backend
    assert answer.additional_kwargs["deployment"] == TurnoutLLM().route.deployment


def test_no_residue_of_the_integration_in_the_message() -> None:
    assert TurnoutLLM().chat(QUESTION).message.additional_kwargs == {}
    *_, last = TurnoutLLM().stream_chat(QUESTION)
    assert last.message.additional_kwargs == {}


def test_reasoning_is_a_block_and_not_text(backend: str, fresh_emulator: Emulator) -> None:
    if backend != "bedrock":
        pytest.skip("chat completions show no reasoning")
    fresh_emulator.queue(Answer(blocks=[Reasoning("Thinking of lamps.", signature="c2ln"), Text("Green.")]))
    answer = TurnoutLLM().chat(QUESTION)
    assert answer.message.content == "Green."
    assert [block.block_type for block in answer.message.blocks] == ["thinking", "text"]
    follow_up = [*QUESTION, answer.message, user("Why?")]
    assert str(TurnoutLLM().chat(follow_up))
    assert "reasoningContent" in str(chats(fresh_emulator)[-1].body["messages"][1])
    assert str(TurnoutLLM().chat(follow_up, backend="openai"))
