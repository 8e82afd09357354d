"""Answers of the Responses API: whole, and as they grow event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, TextBlock, ToolCallBlock

from turnout.llama_index.errors import cut_short
from turnout.llama_index.upstream.openai_responses import ResponsesModel
from turnout.llama_index.wires import ended, served

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.routing import Route

_ENDS = frozenset({"response.completed", "response.incomplete"})
_TEXTS = frozenset({"response.output_text.delta", "response.refusal.delta"})


def whole(response: Any) -> ChatResponse:
    """A response as an answer."""
    blocks: list[Any] = ResponsesModel.blocks(response.output)
    if not any(isinstance(block, TextBlock) for block in blocks):
        blocks += [TextBlock(text=refusal) for refusal in _refusals(response.output)]
    raw = response.incomplete_details.reason if response.incomplete_details else response.status or "completed"
    found = dict(response)
    said = ended(str(raw), found) | served(response.model, response.id)
    if response.usage is not None:
        counts = {
            "prompt_tokens": response.usage.input_tokens,
            "completion_tokens": response.usage.output_tokens,
            "total_tokens": response.usage.total_tokens,
        }
        said |= counts
        found["usage"] = {**response.usage.model_dump(), **counts}
    return ChatResponse(message=_message(blocks), delta="", raw=found, additional_kwargs=said)


class Growing:
    """One streamed answer.

    Args:
        route: Where it comes from.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._blocks: dict[tuple[int, int], Any] = {}
        self._begun = self._ended = False

    def take(self, event: Any) -> ChatResponse | None:
        """The answer so far, if the event adds to it."""
        kind, delta, self._begun = event.type, None, True
        if kind in _ENDS:
            self._ended = True
            return whole(event.response)
        if kind in _TEXTS:
            delta = event.delta
            block = self._blocks.setdefault((event.output_index, event.content_index), TextBlock(text=""))
            block.text += delta
        elif kind == "response.output_item.added" and event.item.type == "function_call":
            call = ToolCallBlock(tool_call_id=event.item.call_id, tool_name=event.item.name, tool_kwargs="")
            self._blocks[event.output_index, 0] = call
        elif kind == "response.function_call_arguments.delta":
            self._blocks[event.output_index, 0].tool_kwargs += event.delta
        elif kind == "response.output_item.done" and event.item.type == "reasoning":
            for number, block in enumerate(ResponsesModel.blocks([event.item])):
                self._blocks[event.output_index, number] = block
        else:
            return None
        blocks = [self._blocks[place].model_copy() for place in sorted(self._blocks)]
        return ChatResponse(message=_message(blocks), delta=delta or "", raw=event)

    def end(self) -> None:
        """Say so if what was streamed is not a whole answer.

        Raises:
            ServiceConnectionError: The stream ended before the answer did.
            UnreadableAnswerError: It had nothing in it.
        """
        if not self._ended:
            raise cut_short(self._route, begun=self._begun)


def _message(blocks: Iterable[Any]) -> ChatMessage:
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=list(blocks))


def _refusals(output: Iterable[Any]) -> list[str]:
    parts = (part for item in output if item.type == "message" for part in item.content)
    return [part.refusal for part in parts if part.type == "refusal"]
