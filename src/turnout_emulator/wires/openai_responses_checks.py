"""What OpenAI, Azure OpenAI and Mantle refuse in a Responses request, in the services' words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.memory import Issuer, Item, ResponseStore, Signatures
from turnout_emulator.refusals import Refusal, refuse, refuse_if
from turnout_emulator.wires.openai_problems import (
    EFFORTS,
    MEMBERS,
    check_answer_schema,
    check_decimal,
    check_function,
    check_integer,
    check_length,
    check_one_of,
    enumerate_values,
    expect,
    format_kind,
    missing,
    not_one_of,
    require,
    wrong_type,
)

_ROLES = ("assistant", "system", "developer", "user")
_KINDS = ("message", "function_call", "function_call_output", "reasoning", "item_reference")
_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
_USER_PARTS = ("input_text", "input_image", "input_file", "input_audio")
_ASSISTANT_PARTS = ("output_text", "refusal")
_LONGEST_ID = 64  # characters
_FEWEST_TOKENS = 16  # the service takes no smaller max_output_tokens


def check_body(body: Mapping[str, Any], model: OpenAIModel, *, azure: bool) -> None:
    """Check a request, and raise `RequestRefused` if the service would refuse it."""
    for argument in body:
        if argument in MEMBERS["moved"]:
            raise refuse("responses.moved", param=argument, new=MEMBERS["moved"][argument])
        refuse_if(argument not in MEMBERS["responses"], "responses.unknown", param=argument)
    expect(dict, body.get("reasoning") or None, "reasoning")
    effort = (body.get("reasoning") or {}).get("effort")
    for name in ("temperature", "top_p"):
        check_decimal(name, body.get(name))
        reasons = model.reasoning and effort != "none"
        refuse_if(reasons and body.get(name, 1) not in (None, 1), "responses.sampling", param=name)
    check_integer("max_output_tokens", body.get("max_output_tokens"), least=_FEWEST_TOKENS)
    expect(str, body.get("instructions") or None, "instructions")
    expect(list, body.get("include") or None, "include")
    refuse_if(body.get("background"), "responses.background", param="background")
    _check_reasoning(body, model)
    if body.get("parallel_tool_calls") is not None and not model.parallel_calls:
        raise refuse("openai.unsupported", param="parallel_tool_calls", advice="")
    _check_tools(body, azure=azure)
    _check_format(body)


def _check_reasoning(body: Mapping[str, Any], model: OpenAIModel) -> None:
    reasoning = body.get("reasoning") or {}
    asked = next((name for name, value in reasoning.items() if value is not None), None)
    if asked is not None and not (model.reasoning or model.open_weight):
        raise refuse("openai.unsupported", param=f"reasoning.{asked}", advice="")
    effort = reasoning.get("effort")
    check_one_of(effort or "none", EFFORTS, "reasoning.effort")
    if effort and model.efforts and effort not in model.efforts:
        listed = enumerate_values(model.efforts)
        raise refuse("responses.wrong_effort", param="reasoning.effort", value=effort, model=model.name, allowed=listed)
    reasons = model.reasoning or model.open_weight
    encrypted = "reasoning.encrypted_content" in (body.get("include") or ())
    refuse_if(encrypted and not reasons, "responses.no_encryption", param="include")
    logprobs = body.get("top_logprobs") and model.reasoning and effort != "none"
    refuse_if(logprobs, "responses.sampling", param="top_logprobs")


def _check_tools(body: Mapping[str, Any], *, azure: bool) -> None:
    expect(list, body.get("tools") or None, "tools")
    names = [_check_tool(tool, f"tools[{index}]", azure=azure) for index, tool in enumerate(body.get("tools") or ())]
    choice = body.get("tool_choice")
    match choice:
        case None | "none" | "auto" | {"type": "allowed_tools", "mode": "auto" | "required"}:
            return
        case {"type": "function", "name": str(name)}:
            refuse_if(name not in names, "responses.unknown_choice", param="tool_choice")
        case {"type": "function"}:
            raise missing("tool_choice.name")
        case "required":
            refuse_if(not names, "responses.no_tools", param="tool_choice")
        case _:
            shown = choice if isinstance(choice, str) else json.dumps(choice)
            raise not_one_of(shown, ("none", "auto", "required"), "tool_choice")


def _check_tool(tool: object, where: str, *, azure: bool) -> str:
    if not isinstance(tool, dict):
        raise wrong_type(where, "an object", tool)
    refuse_if(tool.get("type") != "function", "responses.hosted_tool", param=f"{where}.type", type=tool.get("type"))
    if not isinstance(tool.get("name"), str):
        raise missing(f"{where}.name")
    return check_function(tool, where, azure=azure)


def _check_format(body: Mapping[str, Any]) -> None:
    expect(dict, body.get("text") or None, "text")
    form = (body.get("text") or {}).get("format")
    if form is None:
        return
    kind = format_kind(form, "text.format")
    if kind == "json_object" and "json" not in json.dumps(body.get("input", "")).lower():
        raise refuse("responses.no_json", param="input")
    if kind == "json_schema":
        for name in ("name", "schema"):
            require(form.get(name), f"text.format.{name}")
        expect(str, form["name"], "text.format.name")
        check_answer_schema(form, "text.format", "text.format.schema")


def read_items(body: Mapping[str, Any], store: ResponseStore) -> list[Item]:
    """The whole conversation as items: what was stored before, then the request's own."""
    own = body.get("input")
    previous = body.get("previous_response_id")
    before = store.conversations.get(str(previous), [])
    if previous is not None and not before:
        raise refuse("responses.unknown_response", param="previous_response_id", id=previous)
    if isinstance(own, str):
        return [*before, {"type": "message", "role": "user", "content": own}]
    if own is not None and not isinstance(own, list):
        raise wrong_type("input", "one of a string or array of input items", own)
    refuse_if(not own and not before, "responses.no_input", param="input")
    return [*before, *(_resolved(item, f"input[{index}]", store) for index, item in enumerate(own or ()))]


def _resolved(item: object, where: str, store: ResponseStore) -> Item:
    if not isinstance(item, dict):
        raise wrong_type(where, "an object", item)
    kind = item.get("type", "message")
    check_one_of(kind, _KINDS, where)
    if kind != "item_reference":
        return {**item, "type": kind}
    stored = store.items.get(str(item.get("id")))
    if stored is None:
        raise _not_stored(str(item.get("id")))
    return stored


def check_items(
    conversation: Sequence[Item], store: ResponseStore, signatures: Signatures, issuer: Issuer, *, prefixes: bool
) -> None:
    """Check the items one by one and against each other; with `prefixes` the service insists on how ids begin."""
    present = {str(item["id"]) for item in conversation if item.get("id")}
    for index, item in enumerate(conversation):
        where, kind = f"input[{index}]", item["type"]
        if prefixes and item.get("id") and kind in _PREFIXES:
            check_length(f"{where}.id", str(item["id"]), _LONGEST_ID)
            if not str(item["id"]).startswith(_PREFIXES[kind]):
                raise refuse("responses.wrong_id", param=f"{where}.id", id=item["id"], prefix=_PREFIXES[kind])
        if kind == "message":
            _check_message(item, where)
        elif kind == "reasoning":
            _check_reasoning_item(item, where, store, signatures, issuer)
            if index + 1 == len(conversation) or conversation[index + 1].get("role") in ("user", "system", "developer"):
                raise refuse("responses.nothing_follows", param="input", id=item.get("id"))
        else:
            _check_call(item, where)
        came_with = store.reasoning.get(str(item.get("id")))
        if came_with is not None and came_with not in present:
            raise refuse("responses.no_reasoning", param="input", id=item["id"], type=kind, reasoning=came_with)
    _check_answered(conversation)


def _check_message(item: Item, where: str) -> None:
    role, content = item.get("role"), item.get("content")
    check_one_of(role, _ROLES, f"{where}.role")
    require(content, f"{where}.content")
    if not isinstance(content, str | list):
        raise wrong_type(f"{where}.content", "one of an array of objects or string", content)
    allowed = _ASSISTANT_PARTS if role == "assistant" else _USER_PARTS
    for number, part in enumerate(content if isinstance(content, list) else ()):
        _check_part(part, allowed, f"{where}.content[{number}]")


def _check_part(part: object, allowed: Sequence[str], where: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in allowed:
        raise not_one_of(kind, allowed, where)
    if kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
        raise missing(f"{where}.text")
    if kind == "input_image":
        url = part.get("image_url")
        if url is None and part.get("file_id") is None:
            raise missing(f"{where}.image_url")
        if url is not None and not (isinstance(url, str) and url.startswith(("data:", "https://", "http://"))):
            raise refuse("responses.wrong_url", param=f"{where}.image_url")


def _check_reasoning_item(item: Item, where: str, store: ResponseStore, signatures: Signatures, issuer: Issuer) -> None:
    encrypted, identity = item.get("encrypted_content"), str(item.get("id"))
    require(item.get("summary"), f"{where}.summary")
    if encrypted:
        if not signatures.genuine(issuer, str(encrypted)):
            raise refuse("responses.not_encrypted_here", start=str(encrypted)[:8])
    elif item.get("id") and store.items.get(identity) is None and not item.get("content"):
        raise _not_stored(identity)


def _check_call(item: Item, where: str) -> None:
    needed = ("call_id", "name", "arguments") if item["type"] == "function_call" else ("call_id", "output")
    for name in needed:
        require(item.get(name), f"{where}.{name}")
    check_length(f"{where}.call_id", str(item["call_id"]), _LONGEST_ID)
    expect(str, item.get("arguments") if item["type"] == "function_call" else None, f"{where}.arguments")


def _check_answered(conversation: Sequence[Item]) -> None:
    called: Counter[str] = Counter()
    for item in conversation:
        identity = str(item.get("call_id"))
        if item["type"] == "function_call":
            called[identity] += 1
        elif item["type"] == "function_call_output":
            refuse_if(not called[identity], "responses.unasked_output", param="input", id=identity)
            called[identity] -= 1
    left = next((identity for identity, count in called.items() if count), None)
    refuse_if(left is not None, "responses.unanswered", param="input", id=left)


def _not_stored(identity: str) -> Refusal:
    message = str(refuse("responses.not_stored", id=identity))
    return Refusal(404, None, message, type="invalid_request_error", param="input")
