"""Putting messages in an order that a wire takes: calls and results paired, system messages and files in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from turnout.conversation.tool_ids import ToolIds, tool_name
from turnout.errors import InvalidRequestError
from turnout.llama_index.history.reasoning import is_own, unmarked
from turnout.llama_index.messages import has_tool_traffic, portable, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turnout.routing import Route

_SYSTEM_APART = frozenset({"bedrock-converse", "anthropic-messages"})
"""Wires whose system prompt is outside the conversation, which begins with the user."""

_TOOLS_NEEDED = frozenset({"bedrock-converse", "anthropic-messages"})
"""Wires that refuse tool calls and results in a request without tools."""

_BEGINNING = "."
"""What a user is made to say where a wire insists that the user begins."""

FILES = (ImageBlock, DocumentBlock, AudioBlock, VideoBlock)


@dataclass(slots=True)
class Turn:
    """One message, and its place in the caller's list."""

    index: int
    message: ChatMessage

    @property
    def where(self) -> str:
        """How an error names it."""
        return f"message {self.index}"

    @property
    def role(self) -> MessageRole:
        """Who speaks."""
        return self.message.role

    @property
    def is_result(self) -> bool:
        """Whether it is a tool's result, which stays even when it is empty."""
        return self.role is MessageRole.TOOL


def arranged(
    messages: Sequence[ChatMessage], route: Route, *, has_tools: bool, instruction: str | None = None
) -> list[Turn]:
    """Messages in the order and form that the route's wire takes.

    Args:
        messages: Messages of this call's own, which are changed.
        route: Where they go.
        has_tools: Whether the request offers tools.
        instruction: What the model is told besides.

    Raises:
        InvalidRequestError: Calls and results don't belong together, or nothing is left to answer.
    """
    turns = [Turn(index, message) for index, message in enumerate(portable(messages))]
    for turn in turns:
        turn.message.blocks = _said(turn, route)
    turns = [turn for turn in turns if turn.message.blocks or turn.is_result]
    if not turns:
        msg = "there is nothing to answer: the conversation has no message, or only empty ones"
        raise InvalidRequestError(msg)
    turns = _paired(turns)
    if not has_tools and route.wire in _TOOLS_NEEDED and has_tool_traffic(turn.message for turn in turns):
        words = told([turn.message for turn in turns])
        turns = [Turn(turn.index, message) for turn, message in zip(turns, words, strict=True)]
    turns = _files_after_results(turns, route)
    if instruction is not None:
        turns.append(Turn(len(messages), ChatMessage(role=MessageRole.SYSTEM, content=instruction)))
    return _system_first(turns) if route.wire in _SYSTEM_APART else turns


def _said(turn: Turn, route: Route) -> list[Any]:
    """A message's blocks without what the wire has no place for."""
    kept: list[Any] = []
    claude = route.wire == "anthropic-messages"
    for block in turn.message.blocks:
        if isinstance(block, TextBlock):
            _say(kept, block.text, apart=claude)
        elif isinstance(block, ThinkingBlock):
            if turn.role is MessageRole.ASSISTANT and is_own(block, route):
                kept.append(unmarked(block))
        elif isinstance(block, CitableBlock) and not claude:
            for inner in block.content:
                if isinstance(inner, TextBlock):
                    _say(kept, inner.text)
                else:
                    kept.append(inner)
        elif isinstance(block, CachePoint):
            if route.wire in _SYSTEM_APART and kept:
                kept.append(block)
        elif isinstance(block, FILES) and turn.role is MessageRole.ASSISTANT:
            _say(kept, f"[{block.block_type}]")  # no service takes files in an assistant's turn
        elif not isinstance(block, CitationBlock):
            kept.append(block)
    return kept


def _say(kept: list[Any], text: str, *, apart: bool = False) -> None:
    """Add text, to the text before it as `ChatMessage.content` does: the classes join two with nothing between."""
    if not text.strip():
        return
    if kept and isinstance(kept[-1], TextBlock) and not apart:
        kept[-1] = TextBlock(text=f"{kept[-1].text}\n{text}")
    else:
        kept.append(TextBlock(text=text))


def _paired(turns: Iterable[Turn]) -> list[Turn]:
    """Turns whose tool calls have ids that every wire takes, each followed by its results.

    A system message between a call and its results comes after them.

    Raises:
        InvalidRequestError: A result has no call, a call no result, or more than one.
    """
    ids, caller = ToolIds(), ""
    placed: list[Turn] = []
    waiting: list[Turn] = []
    for turn in turns:
        given = turn.message.additional_kwargs
        if turn.is_result:
            name = tool_name(given.pop("name")) if given.get("name") else None
            given["tool_call_id"] = ids.result(given.get("tool_call_id"), name, where=turn.where)
            placed.append(turn)
            if not ids.pending:
                placed += waiting
                waiting = []
            continue
        if ids.pending:
            if turn.role is MessageRole.SYSTEM:
                waiting.append(turn)
                continue
            ids.check_answered(turn.where, calls=caller)
        calls = [block for block in turn.message.blocks if isinstance(block, ToolCallBlock)]
        for call in calls:
            call.tool_name = tool_name(call.tool_name)
            call.tool_call_id = ids.call(call.tool_call_id, call.tool_name)
        if calls:
            caller = turn.where
        placed.append(turn)
    ids.check_answered("", calls=caller)
    return placed


def _files_after_results(turns: list[Turn], route: Route) -> list[Turn]:
    """Files that the wire has no place for in a tool's result come as the user's, right after the results."""
    kinds: tuple[type[Any], ...] = ()
    if route.wire == "openai-chat":
        kinds = FILES
    elif route.wire == "bedrock-converse" and route.facts.family == "nova":
        kinds = (DocumentBlock,)  # the service refuses the request, as recorded
    placed: list[Turn] = []
    held: list[Turn] = []
    for turn in turns:
        if not turn.is_result:
            placed += held
            held = []
        placed.append(turn)
        files = [block for block in turn.message.blocks if isinstance(block, kinds)] if turn.is_result else []
        if files:
            rest = [block for block in turn.message.blocks if not isinstance(block, kinds)]
            turn.message.blocks = rest or [TextBlock(text="The result is attached below.")]
            blocks: list[Any] = [TextBlock(text="Returned by the tool:"), *files]
            held.append(Turn(turn.index, ChatMessage(role=MessageRole.USER, blocks=blocks)))
    return placed + held


def _system_first(turns: list[Turn]) -> list[Turn]:
    system = [turn for turn in turns if turn.role is MessageRole.SYSTEM]
    rest = [turn for turn in turns if turn.role is not MessageRole.SYSTEM]
    if not rest:  # a prompt that is nothing but a system message is what the user asks
        last = system.pop()
        rest = [Turn(last.index, ChatMessage(role=MessageRole.USER, blocks=last.message.blocks))]
    if rest[0].role is MessageRole.ASSISTANT:
        rest.insert(0, Turn(rest[0].index, ChatMessage(role=MessageRole.USER, content=_BEGINNING)))
    return [*system, *rest]
