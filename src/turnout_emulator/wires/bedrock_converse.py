"""Bedrock Converse and ConverseStream."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout_emulator.answers import Block, Reasoning, RedactedReasoning, Text, ToolCall
from turnout_emulator.catalogue import BedrockModel
from turnout_emulator.memory import Signatures
from turnout_emulator.prompt import Prompt, Role, Tool, Turn, decode
from turnout_emulator.reply import Reply, count_prompt
from turnout_emulator.wires.anthropic_messages import STOP
from turnout_emulator.wires.converse_checks import check
from turnout_emulator.wires.converse_fields import effort_thinks, extra_fields, thinks
from turnout_emulator.wires.framing import aws_event

NAME = "bedrock-converse"
_FINISH = STOP | {"content_filter": "content_filtered", "guardrail": "guardrail_intervened"}
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def read(
    body: Mapping[str, Any], model: BedrockModel, model_id: str, signatures: Signatures, *, stream: bool
) -> Prompt:
    """Check a request and read it."""
    check(body, model, model_id, signatures, stream=stream)
    config, inference = body.get("toolConfig") or {}, body.get("inferenceConfig") or {}
    specs = [tool["toolSpec"] for tool in config.get("tools") or () if "toolSpec" in tool]
    system = "\n".join(block["text"] for block in body.get("system") or () if "text" in block)
    turns = [_turn("assistant" if one["role"] == "assistant" else "user", one["content"]) for one in body["messages"]]
    choice, passed = config.get("toolChoice") or {}, extra_fields(body).get("tool_choice")
    form = (body.get("outputConfig") or {}).get("textFormat")
    told_to_think = effort_thinks(body, model)
    if told_to_think and (model.thinking_calls == "none" or (model.thinking_calls == "unforced" and "any" in choice)):
        specs = []  # taken, and called none of
    prompt = Prompt(
        turns=[Turn("system", system), *turns] if system else turns,
        tools=[Tool(one["name"], one.get("description") or "", one["inputSchema"].get("json") or {}) for one in specs],
        tool_choice=choice["tool"]["name"] if "tool" in choice else "required" if "any" in choice else "auto",
        parallel=not isinstance(passed, Mapping) or passed.get("disable_parallel_tool_use") is not True,
        schema=json.loads(form["structure"]["jsonSchema"]["schema"]) if form else None,
        stop=list(inference.get("stopSequences") or ()),
        keep_stop=model.family == "nova",
        max_tokens=inference.get("maxTokens"),
        reasoning=_reasons(body, model),
        stream=stream,
    )
    prompt.input_tokens = count_prompt(prompt, start=0, media=200)
    return prompt


def answer(body: Mapping[str, Any], reply: Reply, model: BedrockModel, signatures: Signatures) -> dict[str, Any]:
    """The response of Converse."""
    content = [_block(block, model, signatures) for block in reply.blocks]
    message = {"content": content, "role": "assistant"}
    return {"output": {"message": message}, "stopReason": _stop_reason(reply, model), **_metadata(body, reply, model)}


def stream(body: Mapping[str, Any], reply: Reply, model: BedrockModel, signatures: Signatures) -> Iterator[bytes]:
    """The frames of ConverseStream."""
    yield _event("messageStart", {"role": "assistant"})
    blocks = reply.blocks
    if model.family == "gpt-oss" and isinstance(blocks[0], Reasoning):
        blocks = [Text(""), *blocks]  # recorded: its streams open with an empty text block
    for index, block in enumerate(blocks):
        if isinstance(block, ToolCall):
            start = {"toolUse": {"name": block.name, "toolUseId": block.id, **_tool_type(model)}}
            yield _event("contentBlockStart", {"contentBlockIndex": index, "start": start})
        for delta in _deltas(block, _block(block, model, signatures), reply):
            yield _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
        yield _event("contentBlockStop", {"contentBlockIndex": index})
    yield _event("messageStop", {"stopReason": _stop_reason(reply, model)})
    yield _event("metadata", _metadata(body, reply, model))


def _stop_reason(reply: Reply, model: BedrockModel) -> str:
    if reply.finish == "stop_sequence" and model.family == "nova":
        return "end_turn"  # Nova calls a stop sequence the end of the turn
    return _FINISH.get(reply.finish, reply.finish)


def _usage(reply: Reply, model: BedrockModel) -> dict[str, Any]:
    """Token counts; the cached ones are apart from `inputTokens`, and shown by the models that cache."""
    counts = reply.usage
    shown: dict[str, Any] = {
        "inputTokens": counts.uncached_tokens,
        "outputTokens": counts.output_tokens,
        "serverToolUsage": {},
        "totalTokens": counts.input_tokens + counts.output_tokens,
    }
    if model.family == "anthropic" or counts.cached_tokens or counts.cache_write_tokens:
        shown |= {
            "cacheReadInputTokenCount": counts.cached_tokens,
            "cacheReadInputTokens": counts.cached_tokens,
            "cacheWriteInputTokenCount": counts.cache_write_tokens,
            "cacheWriteInputTokens": counts.cache_write_tokens,
        }
    return shown


def _event(name: str, payload: dict[str, Any]) -> bytes:
    """An event, padded to a length that doesn't tell its content, as the service pads it."""
    padding = _PADDING[: 4 + (len(json.dumps(payload)) * 7) % 50]
    return aws_event(name, {**payload, "p": padding})


def _block(block: Block, model: BedrockModel, signatures: Signatures) -> dict[str, Any]:
    match block:
        case Text(text):
            return {"text": text}
        case Reasoning(text, signature):
            signed = signature or model.family == "anthropic"
            signing = {"signature": signatures.sign("anthropic", text, signature)} if signed else {}
            return {"reasoningContent": {"reasoningText": {"text": text, **signing}}}
        case RedactedReasoning(data):
            encrypted = signatures.sign("anthropic", "", base64.b64encode(data).decode())
            return {"reasoningContent": {"redactedContent": encrypted}}
        case ToolCall():
            call = {"input": block.arguments_dict(), "name": block.name, "toolUseId": block.id}
            return {"toolUse": {**call, **_tool_type(model)}}


def _deltas(block: Block, whole: Mapping[str, Any], reply: Reply) -> Iterator[Mapping[str, Any]]:
    match block:
        case Text(text):
            for piece in [*reply.pieces(text)] or [""]:
                yield {"text": piece}
        case Reasoning(text):
            for piece in reply.pieces(text):
                yield {"reasoningContent": {"text": piece}}
            if "signature" in whole["reasoningContent"]["reasoningText"]:
                yield {"reasoningContent": {"signature": whole["reasoningContent"]["reasoningText"]["signature"]}}
        case RedactedReasoning():
            yield whole
        case ToolCall():
            for piece in reply.pieces(block.arguments_json()):
                yield {"toolUse": {"input": piece}}


def _tool_type(model: BedrockModel) -> dict[str, str]:
    """Claude's recorded answers since Sonnet 4.5 name the kind of tool use; those of other models don't."""
    return {"type": "tool_use"} if model.family == "anthropic" and "claude-3" not in model.id else {}


def _metadata(body: Mapping[str, Any], reply: Reply, model: BedrockModel) -> dict[str, Any]:
    """Counts, what the service repeats from the request, and the trace of a guardrail."""
    shown: dict[str, Any] = {"metrics": {"latencyMs": reply.latency}, "usage": _usage(reply, model)}
    shown |= {name: body[name] for name in ("performanceConfig", "serviceTier") if body.get(name)}
    guardrail = body.get("guardrailConfig") or {}
    if guardrail.get("trace", "disabled") != "disabled":
        shown["trace"] = {"guardrail": _guardrail_trace(guardrail, reply)}
    return shown


def _guardrail_trace(guardrail: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    name, stopped = guardrail["guardrailIdentifier"], reply.finish == "guardrail"
    filters = [
        {"type": category.upper(), "confidence": severity.upper(), "action": "BLOCKED", "detected": True}
        for category, severity in reply.filtered.items()
    ]
    assessed = {"contentPolicy": {"filters": filters}} if stopped and filters else {}
    reason = "Guardrail blocked." if stopped else "No action."
    seen = {"inputAssessment": {name: assessed}, "outputAssessments": {name: [{}]}}
    return {"actionReason": reason, "modelOutput": [], **seen}


def _turn(role: Role, content: Sequence[Mapping[str, Any]]) -> Turn:
    turn = Turn(role)
    for block in content:
        match block:
            case {"text": str(text)} | {"guardContent": {"text": {"text": str(text)}}}:
                turn.add_text(text)
            case {"json": value}:
                turn.add_text(json.dumps(value, ensure_ascii=False))
            case {"toolUse": {"name": str(name), "toolUseId": str(identity), **rest}}:
                arguments = rest.get("input")
                turn.calls.append(ToolCall(name, arguments if isinstance(arguments, Mapping) else {}, identity))
            case {"toolResult": {"toolUseId": str(identity), "content": list(parts), **rest}}:
                turn.add_result(identity, _turn("tool", parts), error=rest.get("status") == "error")
            case _:
                _add_media(turn, block)
    return turn


def _add_media(turn: Turn, block: Mapping[str, Any]) -> None:
    for kind in {"image", "document", "video", "audio"} & block.keys():
        match block[kind].get("source") or {}:
            case {"bytes": data}:
                turn.add_media(kind, decode(data), str(block[kind].get("format", "")))
            case {"text": str(text)}:
                turn.attached.append(text)
            case source:
                turn.add_url(kind, (source.get("s3Location") or {}).get("uri", ""))


def _reasons(body: Mapping[str, Any], model: BedrockModel) -> bool:
    if model.family == "nova":
        return (extra_fields(body).get("reasoningConfig") or {}).get("type") == "enabled"
    if model.family == "deepseek" and model.tools:  # V3, which thinks if it is told to; R1 always does
        return effort_thinks(body, model)
    return model.family in ("gpt-oss", "deepseek") or (model.family == "anthropic" and thinks(body))
