"""What Claude cites of search results becomes blocks, whole and streamed."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from llama_index.core.base.llms.types import CitationBlock, TextBlock
from pydantic import TypeAdapter

from turnout.llama_index.wires.anthropic_messages import _Reader
from turnout.routing import Route

ROUTE = Route("chat", "x", "here", "azure", "anthropic-messages", "claude-prod", "claude-sonnet-4-6")
CITATION: dict[str, Any] = {
    "type": "search_result_location",
    "cited_text": "The lamp is green.",
    "source": "lamps.txt",
    "title": "Lamps",
    "start_block_index": 0,
    "end_block_index": 1,
    "search_result_index": 0,
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Green.", "citations": [CITATION]}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
ENDED = {"stop_reason": "end_turn", "stop_sequence": None}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "", "citations": None}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Green."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": CITATION}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": ENDED, "usage": {"input_tokens": 3, "output_tokens": 1}},
    {"type": "message_stop"},
]


@pytest.mark.parametrize("streamed", [False, True])
def test_citations(streamed: bool) -> None:
    reader = _Reader(ROUTE)
    if streamed:
        events: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
        pieces = [piece for event in EVENTS if (piece := reader.chunk(events.validate_python(event)))]
        reader.end()
        response = pieces[-1]
    else:
        response = reader.whole(Message.model_validate(MESSAGE))
    text, citation = response.message.blocks
    assert text == TextBlock(text="Green.")
    assert isinstance(citation, CitationBlock)
    assert (citation.cited_content, citation.source) == (TextBlock(text="The lamp is green."), "lamps.txt")
    assert citation.additional_location_info["end_block_index"] == 1
    assert response.additional_kwargs["total_tokens"] == 4
    assert response.additional_kwargs["raw_finish_reason"] == "end_turn"
