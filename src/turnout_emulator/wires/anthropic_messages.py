"""Anthropic Messages, as Azure Foundry serves Claude."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout_emulator.answers import Block, Finish, Reasoning, RedactedReasoning, Text, ToolCall
from turnout_emulator.catalogue import AnthropicModel
from turnout_emulator.media import decode, describe, read_document
from turnout_emulator.prompt import Prompt, Tool, ToolResult, Turn
from turnout_emulator.reply import Reply, count_prompt
from turnout_emulator.seals import Seals
from turnout_emulator.wires.anthropic_checks import check

NAME = "anthropic-messages"
CONTENT_TYPE = "text/event-stream; charset=utf-8"
_STOP: Mapping[Finish, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "guardrail": "refusal",
}


def read(body: Mapping[str, Any], model: AnthropicModel, seals: Seals, *, counting: bool = False) -> Prompt:
    """Check a request and read it; `counting` is for a request that only asks how long it is.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    check(body, model, seals, counting=counting)
    system = body.get("system") or ""
    told = system if isinstance(system, str) else "\n".join(block["text"] for block in system)
    choice = body.get("tool_choice") or {}
    form = (body.get("output_config") or {}).get("format") or {}
    prompt = Prompt(
        turns=[*([Turn("system", told)] if told else []), *(_turn(message) for message in body["messages"])],
        tools=[
            Tool(tool["name"], tool.get("description") or "", tool["input_schema"]) for tool in body.get("tools") or ()
        ],
        tool_choice=_tool_choice(choice),
        parallel=choice.get("disable_parallel_tool_use") is not True,
        schema=form.get("schema") if form.get("type") == "json_schema" else None,
        stop=list(body.get("stop_sequences") or ()),
        max_tokens=body.get("max_tokens"),
        reasoning=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
        stream=bool(body.get("stream")),
    )
    prompt.input_tokens = count_prompt(prompt, start=0, media=200)
    return prompt


def _tool_choice(choice: Mapping[str, Any]) -> str:
    if choice.get("type") == "tool":
        return str(choice["name"])
    return {"any": "required", "none": "none"}.get(str(choice.get("type")), "auto")


def _turn(message: Mapping[str, Any]) -> Turn:
    turn = Turn("assistant" if message["role"] == "assistant" else "user")
    content = message["content"]
    if isinstance(content, str):
        turn.text = content
        return turn
    texts: list[str] = []
    for block in content:
        match block:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "tool_use", "id": str(identity), "name": str(name), "input": dict(given)}:
                turn.calls.append(ToolCall(name, given, identity))
            case {"type": "tool_result", "tool_use_id": str(identity)}:
                text, media = _result(block.get("content") or "")
                turn.results.append(ToolResult(identity, text, error=block.get("is_error") is True))
                turn.media += media
            case {"type": "image" | "document" | "search_result"}:
                text, media = _media(block)
                turn.attached += [text] if text else []
                turn.media += media
    turn.text = "\n".join(texts)
    return turn


def _result(content: str | Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    if isinstance(content, str):
        return content, []
    texts, media = [], []
    for block in content:
        if block.get("type") == "text":
            texts.append(block["text"])
            continue
        text, seen = _media(block)
        texts += [text] if text else []
        media += seen
    return "\n".join(texts), media


def _media(block: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The text of a document, where it is plain, and what each block is."""
    kind = str(block["type"])
    if kind == "search_result":
        return "\n".join(part["text"] for part in block["content"]), []
    source = block["source"]
    match source:
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            form = media_type.rpartition("/")[2]
            if kind == "image":
                return "", [describe(kind, decode(data), form)]
            text, seen = read_document(decode(data), form)
            return text, [seen]
        case {"type": "text", "data": str(data)}:
            text, seen = read_document(data.encode(), "plain")
            return text, [seen]
        case {"type": "content", "content": content}:
            return _result(content)
    article = "an" if kind == "image" else "a"
    return "", [f"the address of {article} {kind} ({str(source.get('url') or source.get('file_id'))[:100]})"]


def answer(reply: Reply, seals: Seals) -> dict[str, Any]:
    """The response to a request that isn't streamed."""
    return {
        "id": f"msg_01{reply.id[:22]}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [_block(block, seals) for block in reply.blocks if block != Text("")],
        "stop_reason": _STOP[reply.finish],
        "stop_sequence": reply.stop_sequence,
        "stop_details": _stop_details(reply),
        "usage": _usage(reply),
    }


def stream(reply: Reply, seals: Seals) -> Iterator[bytes]:
    """The server-sent events of a streamed response."""
    whole = answer(reply, seals)
    opening = {**whole, "content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield event("message_start", message={**opening, "usage": {**whole["usage"], "output_tokens": 1}})
    for index, block in enumerate(whole["content"]):
        yield event("content_block_start", index=index, content_block=_opening(block))
        if index == 0:
            yield event("ping")
        for delta in _deltas(block, reply):
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    delta = {name: whole[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    yield event("message_delta", delta=delta, usage={name: whole["usage"][name] for name in counted})
    yield event("message_stop")


def event(kind: str, **payload: Any) -> bytes:
    """One event."""
    data = {"type": kind, **payload}
    return f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'), ensure_ascii=False)}\n\n".encode()


def _block(block: Block, seals: Seals) -> dict[str, Any]:
    match block:
        case Text(text):
            return {"type": "text", "text": text}
        case Reasoning(text, signature):
            signed = seals.given("anthropic", signature) if signature else seals.seal("anthropic", text)
            return {"type": "thinking", "thinking": text, "signature": signed}
        case RedactedReasoning(data):
            hidden = seals.given("anthropic", base64.b64encode(data).decode())
            return {"type": "redacted_thinking", "data": hidden}
        case ToolCall():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.arguments_dict()}


def _opening(block: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    return {**block, **empty.get(str(block["type"]), {})}


def _deltas(block: Mapping[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text":
            for piece in reply.pieces(block["text"]):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            for piece in reply.pieces(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            call = next(call for call in reply.calls() if call.id == block["id"])
            for piece in reply.pieces(call.arguments_json()):
                yield {"type": "input_json_delta", "partial_json": piece}


def _stop_details(reply: Reply) -> dict[str, Any] | None:
    if _STOP[reply.finish] != "refusal":
        return None
    return {"type": "refusal", "category": None, "explanation": None}


def _usage(reply: Reply) -> dict[str, Any]:
    """Token counts; the cached ones are apart from `input_tokens`."""
    counts = reply.usage
    return {
        "input_tokens": max(0, counts.input_tokens - counts.cached_tokens - counts.cache_write_tokens),
        "cache_creation_input_tokens": counts.cache_write_tokens,
        "cache_read_input_tokens": counts.cached_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write_tokens,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": counts.output_tokens,
        "service_tier": "standard",
    }
