"""Anthropic Messages, as Azure Foundry serves Claude."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout_emulator.answers import Block, Reasoning, RedactedReasoning, Text, ToolCall
from turnout_emulator.catalogue import AnthropicModel
from turnout_emulator.memory import Signatures
from turnout_emulator.prompt import Prompt, Role, Tool, Turn, decode
from turnout_emulator.reply import Reply, count_prompt
from turnout_emulator.wires.anthropic_checks import check
from turnout_emulator.wires.framing import event

NAME = "anthropic-messages"
STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_EMPTY: Mapping[str, Any] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}
_STOP = STOP | {"content_filter": "refusal", "guardrail": "refusal"}


def read(body: Mapping[str, Any], model: AnthropicModel, signatures: Signatures, *, counting: bool = False) -> Prompt:
    """Check a request and read it; `counting` is for a request that only asks how long it is."""
    check(body, model, signatures, counting=counting)
    system = body.get("system") or ""
    instructions = system if isinstance(system, str) else "\n".join(block["text"] for block in system)
    choice = body.get("tool_choice") or {}
    chosen = choice.get("type", "auto")
    form = (body.get("output_config") or {}).get("format") or {}
    prompt = Prompt(
        turns=[
            *([Turn("system", instructions)] if instructions else []),
            *(_turn("assistant" if one["role"] == "assistant" else "user", one["content"]) for one in body["messages"]),
        ],
        tools=[Tool(one["name"], one.get("description") or "", one["input_schema"]) for one in body.get("tools") or ()],
        tool_choice=choice["name"] if chosen == "tool" else {"any": "required", "none": "none"}.get(chosen, "auto"),
        parallel=choice.get("disable_parallel_tool_use") is not True,
        schema=form.get("schema") if form.get("type") == "json_schema" else None,
        stop=list(body.get("stop_sequences") or ()),
        max_tokens=body.get("max_tokens"),
        reasoning=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
        stream=bool(body.get("stream")),
    )
    prompt.input_tokens = count_prompt(prompt, start=0, media=200)
    return prompt


def _turn(role: Role, content: str | Sequence[Mapping[str, Any]]) -> Turn:
    if isinstance(content, str):
        return Turn(role, content)
    turn = Turn(role)
    for block in content:
        match block:
            case {"type": "text", "text": str(text)}:
                turn.add_text(text)
            case {"type": "tool_use", "id": str(identity), "name": str(name), "input": dict(arguments)}:
                turn.calls.append(ToolCall(name, arguments, identity))
            case {"type": "tool_result", "tool_use_id": str(identity)}:
                result = _turn("tool", block.get("content") or "")
                turn.add_result(identity, result, error=block.get("is_error") is True)
            case {"type": "search_result", "content": parts}:
                turn.attached.append(_turn("user", parts).text)
            case {"source": {"type": "base64", "media_type": str(media_type), "data": str(data)}}:
                turn.add_media(block["type"], decode(data), media_type.rpartition("/")[2])
            case {"source": {"type": "text", "data": str(data)}}:
                turn.add_media(block["type"], data.encode(), "plain")
            case {"source": {"type": "content", "content": parts}}:
                inner = _turn("user", parts)
                turn.attached.append(inner.text)
                turn.media += inner.media
            case {"source": dict(source)}:
                turn.add_url(block["type"], str(source.get("url") or source.get("file_id")))
    return turn


def answer(reply: Reply, signatures: Signatures) -> dict[str, Any]:
    """The response to a request that isn't streamed."""
    reason = _STOP.get(reply.finish, reply.finish)
    return {
        "id": f"msg_01{reply.id[:22]}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [_block(block, signatures) for block in reply.blocks if block != Text("")],
        "stop_reason": reason,
        "stop_sequence": reply.stop_sequence,
        "stop_details": {"type": "refusal", "category": None, "explanation": None} if reason == "refusal" else None,
        "usage": _usage(reply),
    }


def stream(reply: Reply, signatures: Signatures) -> Iterator[bytes]:
    """The server-sent events of a streamed response."""
    whole = answer(reply, signatures)
    opening = {**whole, "content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield _event("message_start", message={**opening, "usage": {**whole["usage"], "output_tokens": 1}})
    for index, block in enumerate(whole["content"]):
        yield _event("content_block_start", index=index, content_block={**block, **_EMPTY.get(block["type"], {})})
        if index == 0:
            yield _event("ping")
        for delta in _deltas(block, reply):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    delta = {name: whole[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    yield _event("message_delta", delta=delta, usage={name: whole["usage"][name] for name in counted})
    yield _event("message_stop")


def _event(kind: str, **payload: Any) -> bytes:
    return event({"type": kind, **payload}, kind)


def _block(block: Block, signatures: Signatures) -> dict[str, Any]:
    match block:
        case Text(text):
            return {"type": "text", "text": text}
        case Reasoning(text, signature):
            signed = signatures.sign("anthropic", text, signature)
            return {"type": "thinking", "thinking": text, "signature": signed}
        case RedactedReasoning(data):
            encrypted = signatures.sign("anthropic", "", base64.b64encode(data).decode())
            return {"type": "redacted_thinking", "data": encrypted}
        case ToolCall():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.arguments_dict()}


def _deltas(block: Mapping[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text" | "thinking" as kind:
            for piece in reply.pieces(block[kind]):
                yield {"type": f"{kind}_delta", kind: piece}
            if kind == "thinking":
                yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            call = next(call for call in reply.calls() if call.id == block["id"])
            for piece in reply.pieces(call.arguments_json()):
                yield {"type": "input_json_delta", "partial_json": piece}


def _usage(reply: Reply) -> dict[str, Any]:
    """Token counts; the cached ones are apart from `input_tokens`."""
    counts = reply.usage
    return {
        "input_tokens": counts.uncached_tokens,
        "cache_creation_input_tokens": counts.cache_write_tokens,
        "cache_read_input_tokens": counts.cached_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": counts.cache_write_tokens, "ephemeral_1h_input_tokens": 0},
        "output_tokens": counts.output_tokens,
        "service_tier": "standard",
    }
