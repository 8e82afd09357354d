"""Bedrock Converse and ConverseStream."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout_emulator.answers import Finish, Reasoning, RedactedReasoning, Text, ToolCall
from turnout_emulator.catalogue import BedrockModel
from turnout_emulator.eventstream import event
from turnout_emulator.media import decode, describe, read_document
from turnout_emulator.prompt import Prompt, Tool, ToolResult, Turn
from turnout_emulator.reply import Reply, count_prompt
from turnout_emulator.seals import Seals
from turnout_emulator.wires.converse_checks import check, check_signatures

NAME = "bedrock-converse"
_FINISH: Mapping[Finish, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "guardrail": "guardrail_intervened",
}
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def read(body: Mapping[str, Any], model: BedrockModel, model_id: str, seals: Seals) -> Prompt:
    """Check a request and read it.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    check(body, model, model_id)
    if model.family == "anthropic":
        check_signatures(body, seals)
    config = body.get("toolConfig") or {}
    tools = [
        Tool(spec["name"], spec.get("description") or "", spec["inputSchema"].get("json") or {})
        for spec in (tool.get("toolSpec") for tool in config.get("tools") or ())
        if spec is not None
    ]
    inference = body.get("inferenceConfig") or {}
    system = "\n".join(block["text"] for block in body.get("system") or () if "text" in block)
    turns = [Turn("system", system)] if system else []
    turns += [_turn(message) for message in body["messages"]]
    prompt = Prompt(
        turns=turns,
        tools=tools,
        tool_choice=_tool_choice(config.get("toolChoice")),
        parallel=not _disables_parallel(body),
        schema=_schema(body),
        stop=list(inference.get("stopSequences") or ()),
        keep_stop=model.family == "nova",
        max_tokens=inference.get("maxTokens"),
        reasoning=_reasons(body, model),
    )
    prompt.input_tokens = count_prompt(prompt, start=0, media=200)
    return prompt


def answer(body: Mapping[str, Any], reply: Reply, model: BedrockModel, seals: Seals) -> dict[str, Any]:
    """The response of Converse."""
    content = [_block(block, model, seals) for block in reply.blocks]
    response: dict[str, Any] = {
        "metrics": {"latencyMs": reply.latency},
        "output": {"message": {"content": content, "role": "assistant"}},
        "stopReason": stop_reason(reply, model),
        "usage": usage(reply, model),
    }
    response.update(_trailing(body, reply))
    return response


def stream(body: Mapping[str, Any], reply: Reply, model: BedrockModel, seals: Seals) -> Iterator[bytes]:
    """The frames of ConverseStream."""
    yield _event("messageStart", {"role": "assistant"})
    blocks = reply.blocks
    if model.family == "gpt-oss" and isinstance(blocks[0], Reasoning):
        blocks = [Text(""), *blocks]  # recorded: its streams open with an empty text block
    for index, block in enumerate(blocks):
        if isinstance(block, ToolCall):
            start = {"toolUse": {"name": block.name, "toolUseId": block.id, **_tool_type(model)}}
            yield _event("contentBlockStart", {"contentBlockIndex": index, "start": start})
        for delta in _deltas(block, reply, model, seals):
            yield _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
        yield _event("contentBlockStop", {"contentBlockIndex": index})
    yield _event("messageStop", {"stopReason": stop_reason(reply, model)})
    metadata = {"metrics": {"latencyMs": reply.latency}, "usage": usage(reply, model), **_trailing(body, reply)}
    yield _event("metadata", metadata)


def stop_reason(reply: Reply, model: BedrockModel) -> str:
    """Why the answer ended; Nova calls a stop sequence the end of the turn."""
    if reply.finish == "stop_sequence" and model.family == "nova":
        return "end_turn"
    return _FINISH[reply.finish]


def usage(reply: Reply, model: BedrockModel) -> dict[str, Any]:
    """Token counts; the cached ones are apart from `inputTokens`, and shown by the models that cache."""
    counts = reply.usage
    fresh = max(0, counts.input_tokens - counts.cached_tokens - counts.cache_write_tokens)
    shown: dict[str, Any] = {
        "inputTokens": fresh,
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
    return event(name, {**payload, "p": padding})


def _block(block: Text | Reasoning | RedactedReasoning | ToolCall, model: BedrockModel, seals: Seals) -> dict[str, Any]:
    match block:
        case Text(text):
            return {"text": text}
        case Reasoning(text, signature):
            shown: dict[str, Any] = {"text": text}
            signed = _signature(text, signature, model, seals)
            if signed:
                shown["signature"] = signed
            return {"reasoningContent": {"reasoningText": shown}}
        case RedactedReasoning(data):
            return {"reasoningContent": {"redactedContent": _redacted(data, seals)}}
        case ToolCall():
            call = {"input": block.arguments_dict(), "name": block.name, "toolUseId": block.id}
            return {"toolUse": {**call, **_tool_type(model)}}


def _deltas(
    block: Text | Reasoning | RedactedReasoning | ToolCall, reply: Reply, model: BedrockModel, seals: Seals
) -> Iterator[dict[str, Any]]:
    match block:
        case Text(text):
            if not text:
                yield {"text": ""}
            for piece in reply.pieces(text):
                yield {"text": piece}
        case Reasoning(text, signature):
            for piece in reply.pieces(text):
                yield {"reasoningContent": {"text": piece}}
            signed = _signature(text, signature, model, seals)
            if signed:
                yield {"reasoningContent": {"signature": signed}}
        case RedactedReasoning(data):
            yield {"reasoningContent": {"redactedContent": _redacted(data, seals)}}
        case ToolCall():
            for piece in reply.pieces(block.arguments_json()):
                yield {"toolUse": {"input": piece}}


def _tool_type(model: BedrockModel) -> dict[str, str]:
    """Claude's recorded answers since Sonnet 4.5 name the kind of tool use; those of other models don't."""
    return {"type": "tool_use"} if model.family == "anthropic" and "claude-3" not in model.id else {}


def _signature(text: str, queued: str | None, model: BedrockModel, seals: Seals) -> str | None:
    if queued:
        return seals.given("anthropic", queued)
    return seals.seal("anthropic", text) if model.family == "anthropic" else None


def _redacted(data: bytes, seals: Seals) -> str:
    return seals.given("anthropic", base64.b64encode(data).decode())


def _trailing(body: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """What the service repeats from the request, and the trace of a guardrail."""
    shown = {name: body[name] for name in ("performanceConfig", "serviceTier") if body.get(name)}
    guardrail = body.get("guardrailConfig") or {}
    if guardrail.get("trace", "disabled") != "disabled":
        shown["trace"] = {"guardrail": _guardrail_trace(guardrail, reply)}
    return shown


def _guardrail_trace(guardrail: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    name = guardrail["guardrailIdentifier"]
    stopped = reply.finish == "guardrail"
    filters = [
        {"type": category.upper(), "confidence": severity.upper(), "action": "BLOCKED", "detected": True}
        for category, severity in reply.filtered.items()
    ]
    found: dict[str, Any] = {"contentPolicy": {"filters": filters}} if filters else {}
    trace: dict[str, Any] = {
        "actionReason": "Guardrail blocked." if stopped else "No action.",
        "inputAssessment": {name: found if stopped else {}},
        "modelOutput": [],
        "outputAssessments": {name: [{}]},
    }
    return trace


def _turn(message: Mapping[str, Any]) -> Turn:
    turn = Turn("assistant" if message["role"] == "assistant" else "user")
    texts: list[str] = []
    for block in message["content"]:
        match block:
            case {"text": str(text)}:
                texts.append(text)
            case {"toolUse": {"name": str(name), "toolUseId": str(identity), **rest}}:
                given = rest.get("input")
                turn.calls.append(ToolCall(name, given if isinstance(given, Mapping) else {}, identity))
            case {"toolResult": {"toolUseId": str(identity), "content": list(content), **rest}}:
                text, media = _result(content)
                turn.results.append(ToolResult(identity, text, error=rest.get("status") == "error"))
                turn.media += media
            case {"guardContent": {"text": {"text": str(text)}}}:
                texts.append(text)
            case _:
                text, media = _media(block)
                turn.attached += [text] if text else []
                turn.media += media
    turn.text = "\n".join(texts)
    return turn


def _result(content: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    texts, media = [], []
    for block in content:
        match block:
            case {"text": str(text)}:
                texts.append(text)
            case {"json": value}:
                texts.append(json.dumps(value, ensure_ascii=False))
            case _:
                text, seen = _media(block)
                texts += [text] if text else []
                media += seen
    return "\n".join(texts), media


def _media(block: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A media block: the text of a plain document, or what the others are."""
    for kind in ("image", "document", "video", "audio"):
        if kind not in block:
            continue
        part = block[kind]
        source = part.get("source") or {}
        form = str(part.get("format", ""))
        if "bytes" not in source:
            where = (source.get("s3Location") or {}).get("uri", "")
            text = source.get("text") or ""
            return str(text), [] if text else [f"the address of a {kind} ({where})"]
        data = decode(source["bytes"])
        if kind == "document":
            text, seen = read_document(data, form)
            return text, [seen]
        return "", [describe(kind, data, form)]
    return "", []


def _tool_choice(choice: Mapping[str, Any] | None) -> str:
    match choice:
        case {"tool": {"name": str(name)}}:
            return name
        case {"any": _}:
            return "required"
    return "auto"


def _disables_parallel(body: Mapping[str, Any]) -> bool:
    choice = (body.get("additionalModelRequestFields") or {}).get("tool_choice")
    return isinstance(choice, Mapping) and choice.get("disable_parallel_tool_use") is True


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = (body.get("outputConfig") or {}).get("textFormat") or {}
    text = ((form.get("structure") or {}).get("jsonSchema") or {}).get("schema")
    if text is None:
        return None
    schema: Mapping[str, Any] = json.loads(text)
    return schema


def _reasons(body: Mapping[str, Any], model: BedrockModel) -> bool:
    extra = body.get("additionalModelRequestFields") or {}
    if model.family == "anthropic":
        return (extra.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    if model.family == "nova":
        return (extra.get("reasoningConfig") or {}).get("type") == "enabled"
    return model.family in ("gpt-oss", "deepseek")
