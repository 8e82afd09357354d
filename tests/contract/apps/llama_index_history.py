"""Applications whose conversations are odd, saved, or go on elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

from tests.contract.apps.llama_index_parts import LLAMA_INDEX, MULTIPLY, TOOLS, WEATHER, calls_of, run_tools, user
from turnout_emulator import Answer, Reasoning, Text, ToolCall

if TYPE_CHECKING:
    from tests.contract.apps.llama_index_parts import EmbeddingFactory, LLMFactory


def system(text: str) -> ChatMessage:
    """What the application says."""
    return ChatMessage(role=MessageRole.SYSTEM, content=text)


def assistant(text: str) -> ChatMessage:
    """What was answered."""
    return ChatMessage(role=MessageRole.ASSISTANT, content=text)


@LLAMA_INDEX.application(by_model=True)
def odd_messages(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """Empty and blank texts, runs of one role, system messages late and twice: what chats are made of."""
    messages = [
        system("You help travellers."),
        assistant("Welcome!"),
        user("My name is Ada."),
        assistant("Hello Ada."),
        user(""),
        assistant(""),
        user("  \n "),
        user("The lamp is green."),
        ChatMessage(role=MessageRole.USER, blocks=[TextBlock(text="The bell is silent."), TextBlock(text="")]),
        system("The office closes at six."),
        assistant("I see."),
        assistant("Anything else?"),
    ]
    before = [message.model_copy(deep=True) for message in messages]
    assert "green" in str(chat().chat([*messages, user("Which colour is the lamp?")]))
    assert "six" in str(chat().chat([*messages, user("When does the office close?")]))
    assert messages == before, "the caller's messages were changed"


@LLAMA_INDEX.application()
def saved_history(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A conversation with tools is stored, read again, and goes on."""
    llm = chat()
    messages = [user("Get the weather in Bern.")]
    response = llm.chat_with_tools([WEATHER], chat_history=messages)
    # As chat stores in databases do; SimpleChatStore's own JSON fails with pydantic 2.14, whatever is in it.
    rows = [message.model_dump_json() for message in (*messages, response.message, *run_tools(llm, response))]
    told = [*map(ChatMessage.model_validate_json, rows), user("In which city is it sunny?")]
    assert "Bern" in str(llm.chat_with_tools([WEATHER], chat_history=told))


@LLAMA_INDEX.application()
def tools_of_many_turns(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A conversation of several turns with tools, in which some services give the same call id again."""
    llm = chat()
    messages: list[ChatMessage] = []
    for request, wanted in (("Get the weather in Bern.", "sunny in Bern"), ("Multiply 6 and 7.", "42")) * 2:
        messages.append(user(request))
        response = llm.chat_with_tools(list(TOOLS.values()), chat_history=messages)
        assert len(calls_of(llm, response)) == 1
        messages += [response.message, *run_tools(llm, response)]
        response = llm.chat_with_tools(list(TOOLS.values()), chat_history=messages)
        assert wanted in str(response)
        messages.append(response.message)


# --- a conversation begun on one backend goes on on another

THOUGHT = Answer(blocks=[Reasoning("I need the weather."), Text("I ask."), ToolCall("get_weather", {"city": "Bern"})])


def begin(chat: LLMFactory, embeddings: EmbeddingFactory) -> list[ChatMessage]:
    """A conversation with thinking, tools twice, one answer that was streamed, and a system message in between."""
    llm, tools = chat(), [WEATHER, MULTIPLY]
    messages = [system("You help travellers."), user("What is it like in Bern?")]
    response = llm.chat_with_tools(tools, chat_history=messages)
    messages += [response.message, *run_tools(llm, response)]
    messages.append(llm.chat_with_tools(tools, chat_history=messages).message)
    messages += [system("The office closes at six."), user("Multiply 6 and 7.")]
    *_, response = llm.stream_chat_with_tools(tools, chat_history=messages)
    messages += [response.message, *run_tools(llm, response)]
    messages.append(llm.chat_with_tools(tools, chat_history=messages).message)
    assert "42" in str(messages[-1].content)
    return messages


def go_on(chat: LLMFactory, embeddings: EmbeddingFactory, messages: list[ChatMessage]) -> None:
    """Words and another tool, on top of what happened elsewhere; as it is, and saved and read again."""
    before = [message.model_copy(deep=True) for message in messages]
    saved = [ChatMessage.model_validate_json(message.model_dump_json()) for message in messages]
    llm = chat()
    for history in (messages, saved):
        told = [*history, user("When does the office close?")]
        assert "six" in str(llm.chat_with_tools(list(TOOLS.values()), chat_history=told))
        *_, last = llm.stream_chat(told)
        assert "six" in str(last)
        again = [*history, user("Get the weather in Thun.")]
        response = llm.chat_with_tools([WEATHER], chat_history=again)
        assert [call.tool_kwargs for call in calls_of(llm, response)] == [{"city": "Thun"}]
        again += [response.message, *run_tools(llm, response)]
        assert "sunny in Thun" in str(llm.chat_with_tools([WEATHER], chat_history=again))
    assert messages == before, "the caller's messages were changed"


LLAMA_INDEX.relay("history_moved", begin, go_on, given=(THOUGHT,))
