"""What each wire's class answers → one shape: tool arguments are dicts, and the answer says who gave it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import TextBlock, ThinkingBlock, ToolCallBlock

from turnout.llama_index.errors import filtered, not_called
from turnout.llama_index.history.reasoning import mark
from turnout.llama_index.messages import arguments_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llama_index.core.base.llms.types import ChatResponse

    from turnout.llama_index.answer_texts import AnswerText
    from turnout.llama_index.request import Request
    from turnout.routing import Route


def has_content(piece: ChatResponse) -> bool:
    """Whether a piece of a streamed answer has some of it in it."""
    if piece.delta:
        return True
    return any(not isinstance(block, TextBlock) or block.text for block in piece.message.blocks)


def used_tokens(response: ChatResponse) -> float | None:
    """The tokens that an answer, or the last piece of one, says were used."""
    usage = response.raw.get("usage") if isinstance(response.raw, dict) else getattr(response.raw, "usage", None)
    total = usage.get("total_tokens") if isinstance(usage, dict) else getattr(usage, "total_tokens", None)
    return float(total) if isinstance(total, int | float) else None


def portable_answer(
    response: ChatResponse,
    request: Request,
    route: Route,
    attempts: Mapping[str, Any],
    answer: AnswerText | None = None,
    *,
    streamed: bool = False,
) -> ChatResponse:
    """An answer, or one piece of a streamed one, in the one shape; changed in place."""
    message = response.message
    if answer is not None:
        answer.take(response, last=not streamed or "finish_reason" in response.additional_kwargs)
    blocks: list[Any] = []
    calls: list[ToolCallBlock] = []
    for block in message.blocks:
        if isinstance(block, ThinkingBlock):
            mark(block, route)
        if not isinstance(block, ToolCallBlock):
            blocks.append(block)
        elif not calls or request.parallel is not False:
            block.tool_kwargs = arguments_of(block.tool_kwargs)
            calls.append(block)
            blocks.append(block)
    message.blocks = blocks
    message.additional_kwargs = {"tool_calls": [_as_openai(call) for call in calls]} if calls else {}
    said = response.additional_kwargs
    if calls and said.get("finish_reason") == "stop":
        said["finish_reason"] = "tool_calls"
    response.additional_kwargs = {
        **said,
        "backend": route.backend,
        "deployment": route.deployment,
        **attempts,
    }
    return response


def check(response: ChatResponse, request: Request, route: Route, answer: AnswerText | None = None) -> None:
    """Refuse an answer, or the last piece of one, that is not what was asked for.

    Raises:
        ContentFilterError: A filter or guardrail stopped the answer.
        UnsupportedError: The model can't be forced to call a tool, was told to, and didn't.
    """
    said = response.additional_kwargs
    if said.get("finish_reason") == "content_filter":
        raise filtered(route, said)
    must_call = request.asked.must_call
    called = any(isinstance(block, ToolCallBlock) for block in response.message.blocks)
    if must_call is not None and not called and not (answer is not None and answer.answered):
        raise not_called(route, must_call)


def _as_openai(call: ToolCallBlock) -> dict[str, Any]:
    arguments = json.dumps(call.tool_kwargs, ensure_ascii=False)
    return {"id": call.tool_call_id, "type": "function", "function": {"name": call.tool_name, "arguments": arguments}}


def only_one_call(response: ChatResponse) -> ChatResponse:
    """An answer without its second and further tool calls."""
    message = response.message
    calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if len(calls) > 1:
        message.blocks = [b for b in message.blocks if not isinstance(b, ToolCallBlock) or b is calls[0]]
        message.additional_kwargs["tool_calls"] = [_as_openai(calls[0])]
    return response
