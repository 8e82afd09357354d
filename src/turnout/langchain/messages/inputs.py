"""A call's input, past LangChain's own reading of it, which comes before turnout's.

Before a chat model's `_generate`, LangChain turns images, sounds and files into its newest form, for the trace and
for the model. A block that isn't quite as it expects (a base64 image without its type, an older form without its data)
makes it raise a KeyError or the like. Such blocks are wrapped as `non_standard`, which it leaves alone; what turnout
then reads is understood, or refused with the message and block named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue

from turnout.errors import InvalidRequestError
from turnout.langchain.errors import as_langchain

_FILE = frozenset({"file_id", "file_data", "filename"})
_SOUND = frozenset({"data", "format"})


def prompt_from(model_input: Any) -> PromptValue:
    """The prompt of a call: of text, of messages (LangChain's, dicts, or (role, text) pairs), or of a prompt."""
    if isinstance(model_input, str | StringPromptValue):
        return StringPromptValue(text=model_input) if isinstance(model_input, str) else model_input
    messages = model_input.to_messages() if isinstance(model_input, PromptValue) else model_input
    try:
        if not isinstance(messages, Sequence) or isinstance(messages, bytes):
            msg = f"the input is a {type(messages).__name__}; give text, a list of messages, or a prompt"
            raise InvalidRequestError(msg)  # noqa: TRY301
        return ChatPromptValue(messages=[_wrapped(message) for message in messages_from(messages)])
    except InvalidRequestError as error:
        raise as_langchain(error) from error.__cause__


def messages_from(messages: Sequence[Any]) -> list[BaseMessage]:
    """LangChain messages from what may be dicts and (role, text) pairs."""
    made: list[BaseMessage] = []
    for index, message in enumerate(messages):
        if isinstance(message, BaseMessage):
            made.append(message)
            continue
        try:
            made += convert_to_messages([message])
        except (ValueError, NotImplementedError, TypeError, KeyError, AttributeError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InvalidRequestError(f"message {index} can't be read: {why}") from error
    return made


def _wrapped(message: BaseMessage) -> BaseMessage:
    """A message with the blocks wrapped that LangChain would stumble over; the caller's stays as it is."""
    content = message.content
    if not isinstance(content, list) or not any(_trips(block) for block in content):
        return message
    blocks = [{"type": "non_standard", "value": block} if _trips(block) else block for block in content]
    return message.model_copy(update={"content": blocks})


def unwrapped(block: Any) -> Any:
    """A block out of its `non_standard` wrapping."""
    while isinstance(block, dict) and block.get("type") == "non_standard" and isinstance(block.get("value"), dict):
        block = block["value"]
    return block


def _trips(block: Any) -> bool:
    """Whether LangChain may stumble over a block."""
    if not isinstance(block, dict):
        return False
    kind = block.get("type")
    if kind is None:
        return False
    if not isinstance(kind, str) or "source_type" in block:
        return True
    if kind == "image":
        whole = "url" in block or "file_id" in block or ("base64" in block and "mime_type" in block)
        return not whole and ("base64" in block or "text" in block)
    if kind in {"file", "input_audio"} and isinstance(block.get(kind), dict):
        inner, known = block[kind], _FILE if kind == "file" else _SOUND
        plain = all(isinstance(value, str) and value and not value.endswith(",") for value in inner.values())
        return not (plain and block.keys() == {"type", kind} and inner.keys() <= known)
    return False
