"""What a call is given → a prompt that LangChain can trace and hand on, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue

from turnout.errors import InvalidRequestError
from turnout.langchain.errors import as_langchain
from turnout.langchain.history.shield import messages_from, shielded


def prompt_from(given: Any) -> PromptValue:
    """The prompt of a call.

    Args:
        given: Text, messages (LangChain's, dicts, or (role, text) pairs), or a prompt.

    Raises:
        InvalidRequestError: It is none of these, or a message can't be read; the error says which.
    """
    if isinstance(given, str | StringPromptValue):
        return StringPromptValue(text=given) if isinstance(given, str) else given
    try:
        return ChatPromptValue(messages=shielded(messages_from(_listed(given))))
    except InvalidRequestError as error:
        raise as_langchain(error) from error.__cause__


def _listed(given: Any) -> Sequence[Any]:
    if isinstance(given, PromptValue):
        return given.to_messages()
    if isinstance(given, Sequence) and not isinstance(given, bytes):
        return given
    msg = f"the input is a {type(given).__name__}; give text, a list of messages, or a prompt"
    raise InvalidRequestError(msg)
