"""OpenAI chat completions, as OpenAI and Azure OpenAI speak it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from turnout_emulator.answers import ToolCall
from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.prompt import Prompt, Role, Tool, Turn, decode
from turnout_emulator.reply import Reply, count_prompt
from turnout_emulator.wires.framing import event
from turnout_emulator.wires.openai_chat_checks import check

NAME = "openai-chat"
_CATEGORIES = ("hate", "self_harm", "sexual", "violence")


def read(body: Mapping[str, Any], model: OpenAIModel, *, azure: bool = False) -> Prompt:
    """Check a request and read it."""
    check(body, model, azure=azure)
    tools = read_tools([tool["function"] for tool in body.get("tools") or ()])
    form = body.get("response_format") or {}
    stop = body.get("stop") or []
    prompt = Prompt(
        turns=[_turn(message) for message in body["messages"]],
        tools=tools,
        tool_choice=read_tool_choice(body.get("tool_choice"), tools),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=form["json_schema"].get("schema", {}) if form.get("type") == "json_schema" else None,
        json_mode=form.get("type") == "json_object",
        stop=[stop] if isinstance(stop, str) else list(stop),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stream=bool(body.get("stream")),
    )
    prompt.input_tokens = count_prompt(prompt, start=3, media=85)
    return prompt


def answer(body: Mapping[str, Any], reply: Reply, *, azure: bool) -> dict[str, Any]:
    """The response to a request that isn't streamed."""
    filters = {"content_filter_results": completion_filter(reply.filtered)} if azure else {}
    choice = {"finish_reason": _finish(reply), "logprobs": None, "message": _message(reply, azure=azure), **filters}
    return {
        "choices": [{**choice, "index": index} for index in range(body.get("n") or 1)],
        **_head(reply, "chat.completion"),
        "usage": _usage(reply),
        **({"prompt_filter_results": _PROMPT_FILTERS} if azure else {"service_tier": "default"}),
    }


def stream(body: Mapping[str, Any], reply: Reply, *, azure: bool) -> Iterator[bytes]:
    """The server-sent events of a streamed response."""
    with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    head = _head(reply, "chat.completion.chunk") | ({} if azure else {"service_tier": "default"})
    trailing: dict[str, Any] = {"usage": None} if with_usage else {}
    if azure:
        empty = {"created": 0, "id": "", "model": "", "object": ""}
        yield event({"choices": [], **empty, "prompt_filter_results": _PROMPT_FILTERS})
    for index in range(body.get("n") or 1):
        for delta in (*_deltas(reply), {}):
            finish, fired = (None, {}) if delta else (_finish(reply), reply.filtered)
            choice: dict[str, Any] = {"delta": delta, "finish_reason": finish, "index": index, "logprobs": None}
            if azure:
                choice["content_filter_results"] = completion_filter(fired) if fired or delta.get("content") else {}
            yield event({**head, "choices": [choice], **trailing})
    if with_usage:
        yield event({**head, "choices": [], "usage": _usage(reply)})
    yield b"data: [DONE]\n\n"


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    named = {"id": f"chatcmpl-{reply.id}", "model": reply.model, "object": kind}
    return {"created": reply.created, **named, "system_fingerprint": "fp_emulator"}


def prompt_filter(fired: Mapping[str, str]) -> dict[str, Any]:
    """Azure's verdict on a prompt: categories that fired, with their severity; the others are safe."""
    return {**_severities(fired), "jailbreak": _detected("jailbreak", fired)}


def completion_filter(fired: Mapping[str, str]) -> dict[str, Any]:
    """Azure's verdict on an answer."""
    protected = {name: _detected(name, fired) for name in ("protected_material_code", "protected_material_text")}
    return {**_severities(fired), **protected}


def _severities(fired: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"filtered": name in fired, "severity": fired.get(name, "safe")} for name in _CATEGORIES}


def _detected(name: str, fired: Mapping[str, str]) -> dict[str, bool]:
    return {"detected": name in fired, "filtered": name in fired}


_PROMPT_FILTERS = [{"content_filter_results": prompt_filter({}), "prompt_index": 0}]


def _message(reply: Reply, *, azure: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"content": reply.text(), "refusal": None, "role": "assistant"}
    if not azure:
        message["annotations"] = []
    calls = [
        {"function": {"arguments": call.arguments_json(), "name": call.name}, "id": call.id, "type": "function"}
        for call in reply.calls()
    ]
    if calls:
        message["tool_calls"] = calls
    return message


def _deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    text, calls = reply.text(), reply.calls()
    yield {"content": None if text is None and calls else "", "refusal": None, "role": "assistant"}
    for piece in reply.pieces(text or ""):
        yield {"content": piece}
    for index, call in enumerate(calls):
        function = {"arguments": "", "name": call.name}
        yield {"tool_calls": [{"function": function, "id": call.id, "index": index, "type": "function"}]}
        for piece in reply.pieces(call.arguments_json()):
            yield {"tool_calls": [{"function": {"arguments": piece}, "index": index}]}


def _finish(reply: Reply) -> str:
    return {"stop_sequence": "stop", "guardrail": "content_filter"}.get(reply.finish, reply.finish)


def _usage(reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    return {
        "completion_tokens": usage.output_tokens,
        "completion_tokens_details": {
            "accepted_prediction_tokens": 0,
            "audio_tokens": 0,
            "reasoning_tokens": usage.reasoning_tokens,
            "rejected_prediction_tokens": 0,
        },
        "prompt_tokens": usage.input_tokens,
        "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": usage.cached_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _turn(message: Mapping[str, Any]) -> Turn:
    roles: Mapping[str, Role] = {"developer": "system", "function": "tool"}
    turn = read_content(roles.get(message["role"], message["role"]), message.get("content"))
    if turn.role == "tool":
        result, turn = turn, Turn("tool")
        turn.add_result(message["tool_call_id"], result)
    turn.calls = [
        ToolCall(call["function"]["name"], call["function"].get("arguments") or "{}", call["id"])
        for call in message.get("tool_calls") or ()
        if call.get("type", "function") == "function"
    ]
    return turn


def read_content(role: Role, content: object) -> Turn:
    """A turn with the parts of a message of chat or of the Responses API."""
    if isinstance(content, str):
        return Turn(role, content)
    turn = Turn(role)
    for part in content if isinstance(content, list) else ():
        match part:
            case {"type": "text" | "input_text" | "output_text", "text": str(text)}:
                turn.add_text(text)
            case {"type": "refusal", "refusal": str(text)}:
                turn.add_text(text)
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                turn.add_url("image", url)
            case {"type": "input_image"}:
                turn.add_url("image", str(part.get("image_url") or part.get("file_id")))
            case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
                turn.add_media("audio", decode(data), form)
            case {"type": "file", "file": dict(file)}:
                turn.add_url("document", str(file.get("file_data", file.get("file_id", ""))))
            case {"type": "input_file"}:
                turn.add_url("document", str(part.get("file_data") or part.get("file_url") or part.get("file_id")))
    return turn


def read_tools(functions: Iterable[Mapping[str, Any]]) -> list[Tool]:
    """The tools on offer."""
    return [Tool(one["name"], one.get("description") or "", one.get("parameters") or {}) for one in functions]


def read_tool_choice(choice: object, tools: list[Tool]) -> str:
    """Which tool is to be called, as chat or the Responses API asks for it."""
    match choice:
        case {"type": "function", "function": {"name": str(name)}} | {"type": "function", "name": str(name)}:
            return name
        case {"type": "allowed_tools", "allowed_tools": {"mode": str(mode)}} | {
            "type": "allowed_tools",
            "mode": str(mode),
        }:
            return mode
        case str():
            return choice
    return "auto" if tools else "none"
