"""A call's input → a prompt that LangChain can trace and hand on, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue

from turnout.errors import InvalidRequestError
from turnout.langchain.errors import as_langchain
from turnout.langchain.messages.non_standard import messages_from, wrapped


def prompt_from(model_input: Any) -> PromptValue:
    """The prompt of a call.

    Args:
        model_input: Text, messages (LangChain's, dicts, or (role, text) pairs), or a prompt.

    Raises:
        InvalidRequestError: It is none of these, or a message can't be read; the error says which.
    """
    if isinstance(model_input, str | StringPromptValue):
        return StringPromptValue(text=model_input) if isinstance(model_input, str) else model_input
    try:
        return ChatPromptValue(messages=[wrapped(message) for message in messages_from(_messages(model_input))])
    except InvalidRequestError as error:
        raise as_langchain(error) from error.__cause__


def _messages(model_input: Any) -> Sequence[Any]:
    if isinstance(model_input, PromptValue):
        return model_input.to_messages()
    if isinstance(model_input, Sequence) and not isinstance(model_input, bytes):
        return model_input
    msg = f"the input is a {type(model_input).__name__}; give text, a list of messages, or a prompt"
    raise InvalidRequestError(msg)
