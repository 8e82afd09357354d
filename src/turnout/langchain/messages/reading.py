"""Reading LangChain's messages, of every class and age, as turns."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from turnout.conversation.answers import tool_arguments
from turnout.conversation.caching import mark_in
from turnout.conversation.turns import Call, Reasoning, Source, Text, Turn
from turnout.errors import InvalidRequestError
from turnout.langchain.messages.blocks import read_content
from turnout.langchain.messages.inputs import messages_from, unwrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.conversation.turns import Part, Role

_ROLES: dict[str, Role] = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "ai", "model"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_ITEM_IDS = "__openai_function_call_ids__"
_WIRES = {
    "openai": "openai-responses",
    "bedrock_converse": "bedrock-converse",
    "bedrock": "bedrock-converse",
    "anthropic": "anthropic-messages",
}
"""What `model_provider` says in answers of integrations that turnout didn't carry → the wire whose reasoning it is."""


def read(messages: Sequence[Any]) -> list[Turn]:
    """LangChain's messages, dicts or (role, text) pairs as turns, in order; a message with nothing in it gives none."""
    turns: list[Turn] = []
    for index, message in enumerate(messages_from(messages)):
        turns += _turns(message, index)
    return turns


def _turns(message: BaseMessage, index: int) -> list[Turn]:
    where = f"message {index}"
    if isinstance(message, AIMessage):
        turn = _assistant(message, index, where)
        return [turn] if turn.parts else []
    if isinstance(message, ToolMessage):
        failed = message.status == "error"
        parts = read_content(message.content, "tool", where)
        return [Turn(index, "tool", parts, call_id=message.tool_call_id, failed=failed, name=message.name)]
    if isinstance(message, FunctionMessage):  # OpenAI's form before there were tool calls
        return [Turn(index, "tool", read_content(message.content, "tool", where), name=message.name)]
    role = _role(message, where)
    if role == "user" and isinstance(message.content, list):
        return _user(message, index, where)
    parts = read_content(message.content, role, where)
    developer = message.additional_kwargs.get("__openai_role__") == "developer"
    return [Turn(index, role, parts, name=_name(message), developer=developer)] if parts else []


def _role(message: BaseMessage, where: str) -> Role:
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, ChatMessage):
        role = _ROLES.get(message.role.lower())
        if role is not None:
            return role
        raise InvalidRequestError(f"{where} has the role {message.role!r}; the roles are user, assistant and system")
    raise InvalidRequestError(f"{where} is a {type(message).__name__}, which can't be sent to a model")


def _user(message: BaseMessage, index: int, where: str) -> list[Turn]:
    """A user's blocks; results of tools among them, as Anthropic writes them, become turns of their own."""
    assert isinstance(message.content, list)
    turns: list[Turn] = []
    rest: list[Any] = []
    for number, given in enumerate(message.content):
        block = unwrapped(given)
        result = _tool_result(block)
        if result is None:
            rest.append(block)
            continue
        call_id, content, failed = result
        parts = read_content(content if content is not None else "", "tool", f"{where}, block {number}")
        mark = mark_in(block) if parts and isinstance(block, dict) else None
        parts += [mark] if mark is not None else []
        turns.append(Turn(index, "tool", parts, call_id=call_id, failed=failed))
    parts = read_content(rest, "user", where) if turns else read_content(message.content, "user", where)
    return [*turns, Turn(index, "user", parts, name=_name(message))] if parts else turns


def _tool_result(block: Any) -> tuple[str | None, Any, bool] | None:
    if not isinstance(block, dict):
        return None
    if block.get("type") == "tool_result":
        return block.get("tool_use_id"), block.get("content"), bool(block.get("is_error"))
    inner = block.get("toolResult")
    if "type" not in block and isinstance(inner, dict):
        return inner.get("toolUseId"), inner.get("content"), inner.get("status") == "error"
    return None


def _assistant(message: AIMessage, index: int, where: str) -> Turn:
    residue = message.additional_kwargs
    parts = read_content(message.content, "assistant", where)
    if not parts and isinstance(residue.get("refusal"), str) and residue["refusal"].strip():
        parts = [Text(residue["refusal"])]
    if isinstance(residue.get("reasoning"), dict):
        parts = _first_responses_form(message, residue["reasoning"], parts)
    parts = _with_calls(message, parts)
    return Turn(index, "assistant", parts, name=_name(message), source=_source(message.response_metadata))


def _source(metadata: Mapping[str, Any]) -> Source | None:
    if not metadata:
        return None
    wire = metadata.get("wire") or _WIRES.get(metadata.get("model_provider") or "")
    names = (metadata.get(name) for name in ("model_name", "model", "deployment"))
    model = next((name for name in names if isinstance(name, str)), None)
    return Source(metadata.get("backend"), wire, metadata.get("deployment"), model)


def _first_responses_form(message: AIMessage, reasoning: dict[str, Any], parts: list[Part]) -> list[Part]:
    """What langchain-openai put beside the content before 1.0, back in the order in which the service gave it."""
    extra = {"id": message.id} if (message.id or "").startswith("msg_") else {}
    texts = [Text(part.text, extra or part.extra) if isinstance(part, Text) else part for part in parts]
    return [Reasoning(item={"type": "reasoning", **reasoning}), *texts]


def _with_calls(message: AIMessage, parts: list[Part]) -> list[Part]:
    """The parts with the message's calls, each where the content has it, or at the end."""
    calls = [Call(call.get("id"), call["name"], dict(call["args"])) for call in message.tool_calls]
    for invalid in message.invalid_tool_calls:
        arguments, _ = tool_arguments(invalid.get("args"))
        calls.append(Call(invalid.get("id"), invalid.get("name") or "", arguments, readable=False))
    in_content = [part for part in parts if isinstance(part, Call)]
    if not calls:
        calls = [call for call in in_content if call.name]
    legacy = message.additional_kwargs.get("function_call")
    if not calls and isinstance(legacy, dict) and legacy.get("name"):
        calls = [Call(None, legacy["name"], tool_arguments(legacy.get("arguments"))[0])]
    items = message.additional_kwargs.get(_ITEM_IDS) or {}
    waiting: defaultdict[str | None, deque[Call]] = defaultdict(deque)
    for call in calls:
        call.item_id = call.item_id or items.get(call.call_id)
        waiting[call.call_id].append(call)
    placed: list[Part] = []
    for part in parts:
        if not isinstance(part, Call):
            placed.append(part)
        elif waiting[part.call_id]:
            call = waiting[part.call_id].popleft()
            call.item_id = part.item_id or call.item_id
            call.written = part.written if call.readable else None
            placed.append(call)
    return [*placed, *(call for call in calls if not any(call is part for part in placed))]


def _name(message: BaseMessage) -> str | None:
    name = message.name or message.additional_kwargs.get("name")
    return name if isinstance(name, str) and name else None
