"""A streamed answer of Converse as it grows: every block in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import TextBlock, ThinkingBlock, ToolCallBlock

from turnout.llama_index.wires.sealed import unsealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llama_index.core.base.llms.types import ChatResponse


class Growing:
    """Brings the pieces of one streamed answer into shape.

    The class makes one text of all texts and one reasoning of all reasonings, whose signatures are then worth nothing,
    leaves out reasoning that is signed but not shown, and a value in a tool's arguments until it is whole.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, Any] = {}

    def take(self, piece: ChatResponse) -> ChatResponse:
        """A piece with the blocks so far, changed in place."""
        event = piece.raw or {}
        if started := event.get("contentBlockStart"):
            self._start(started)
        elif added := event.get("contentBlockDelta"):
            self._add(added.get("contentBlockIndex", 0), added["delta"])
        blocks = (self._blocks[place].model_copy() for place in sorted(self._blocks))
        piece.message.blocks = [block for block in blocks if not isinstance(block, TextBlock) or block.text]
        unsealed(piece.message.blocks)
        return piece

    def _start(self, started: Mapping[str, Any]) -> None:
        call = started["start"].get("toolUse")
        if call is not None and call.get("type") != "server_tool_use":  # run by the service itself
            made = ToolCallBlock(tool_call_id=call["toolUseId"], tool_name=call["name"], tool_kwargs="")
            self._blocks[started.get("contentBlockIndex", 0)] = made

    def _add(self, place: int, delta: Mapping[str, Any]) -> None:
        if "text" in delta:
            self._blocks.setdefault(place, TextBlock(text="")).text += delta["text"]
        elif "toolUse" in delta and place in self._blocks:
            self._blocks[place].tool_kwargs += delta["toolUse"].get("input", "")
        elif "reasoningContent" in delta:
            block = self._blocks.setdefault(place, ThinkingBlock(content=""))
            thought = delta["reasoningContent"]
            block.content += thought.get("text", "")
            signature = block.additional_information.get("signature", "") + thought.get("signature", "")
            block.additional_information = {"signature": signature}
