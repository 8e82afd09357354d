"""The input of a Responses request: its items checked against each other, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from turnout_emulator.answers import ToolCall
from turnout_emulator.media import decode
from turnout_emulator.prompt import Role, Turn
from turnout_emulator.refusals import Refusal, refuse
from turnout_emulator.responses_store import Item, ResponseStore
from turnout_emulator.signatures import Issuer, Signatures
from turnout_emulator.wires.openai_problems import missing, not_one_of, too_long, wrong_type

_ROLES = ("assistant", "system", "developer", "user")
_KINDS = ("message", "function_call", "function_call_output", "reasoning", "item_reference")
_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
_USER_PARTS = ("input_text", "input_image", "input_file", "input_audio")
_ASSISTANT_PARTS = ("output_text", "refusal")
_LONGEST_ID = 64  # characters


def items(body: Mapping[str, Any], store: ResponseStore) -> list[Item]:
    """The whole conversation as items: what was stored before, then the request's own."""
    own = body.get("input")
    before: list[Item] = []
    previous = body.get("previous_response_id")
    if previous is not None:
        stored = store.conversation(str(previous))
        if stored is None:
            raise refuse("responses.unknown_response", param="previous_response_id", id=previous)
        before = stored
    if isinstance(own, str):
        return [*before, {"type": "message", "role": "user", "content": own}]
    if own is not None and not isinstance(own, list):
        raise wrong_type("input", "one of a string or array of input items", own)
    if not own and not before:
        raise refuse("responses.no_input", param="input")
    return [*before, *(_resolved(item, f"input[{index}]", store) for index, item in enumerate(own or ()))]


def _resolved(item: object, where: str, store: ResponseStore) -> Item:
    if not isinstance(item, dict):
        raise wrong_type(where, "an object", item)
    kind = item.get("type", "message")
    if kind not in _KINDS:
        raise not_one_of(kind, _KINDS, where)
    if kind != "item_reference":
        return {**item, "type": kind}
    stored = store.item(str(item.get("id")))
    if stored is None:
        raise _not_stored(str(item.get("id")))
    return stored


def check(
    conversation: Sequence[Item], store: ResponseStore, signatures: Signatures, issuer: Issuer, *, prefixes: bool
) -> None:
    """Check the items one by one and against each other.

    Args:
        conversation: The items.
        store: What the service remembers.
        signatures: Whose reasoning can be read.
        issuer: The service.
        prefixes: Whether the service insists on how ids begin.

    Raises:
        RequestInvalid: The service would refuse them.
        Refusal: It hasn't stored one.
    """
    present = {str(item["id"]) for item in conversation if item.get("id")}
    for index, item in enumerate(conversation):
        where, kind = f"input[{index}]", item["type"]
        if prefixes and item.get("id") and kind in _PREFIXES:
            _check_id(str(item["id"]), _PREFIXES[kind], f"{where}.id")
        if kind == "message":
            _check_message(item, where)
        elif kind == "reasoning":
            _check_reasoning(item, where, store, signatures, issuer)
            if index + 1 == len(conversation) or conversation[index + 1].get("role") in ("user", "system", "developer"):
                raise refuse("responses.nothing_follows", param="input", id=item.get("id"))
        else:
            _check_call(item, where)
        came_with = store.reasoning_of(str(item.get("id")))
        if came_with is not None and came_with not in present:
            raise refuse("responses.no_reasoning", param="input", id=item["id"], type=kind, reasoning=came_with)
    _check_answered(conversation)


def _check_id(value: str, prefix: str, where: str) -> None:
    if len(value) > _LONGEST_ID:
        raise too_long(where, value, _LONGEST_ID)
    if not value.startswith(prefix):
        raise refuse("responses.wrong_id", param=where, id=value, prefix=prefix)


def _check_message(item: Item, where: str) -> None:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise not_one_of(role, _ROLES, f"{where}.role")
    if content is None:
        raise missing(f"{where}.content")
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


def _check_reasoning(item: Item, where: str, store: ResponseStore, signatures: Signatures, issuer: Issuer) -> None:
    encrypted, identity = item.get("encrypted_content"), str(item.get("id"))
    if item.get("summary") is None:
        raise missing(f"{where}.summary")
    if encrypted:
        if not signatures.genuine(issuer, str(encrypted)):
            raise refuse("responses.not_encrypted_here", start=str(encrypted)[:8])
    elif item.get("id") and store.item(identity) is None and not item.get("content"):
        raise _not_stored(identity)


def _check_call(item: Item, where: str) -> None:
    needed = ("call_id", "name", "arguments") if item["type"] == "function_call" else ("call_id", "output")
    for name in needed:
        if item.get(name) is None:
            raise missing(f"{where}.{name}")
    if len(str(item["call_id"])) > _LONGEST_ID:
        raise too_long(f"{where}.call_id", str(item["call_id"]), _LONGEST_ID)
    if item["type"] == "function_call" and not isinstance(item["arguments"], str):
        raise wrong_type(f"{where}.arguments", "a string", item["arguments"])


def _check_answered(conversation: Sequence[Item]) -> None:
    called: Counter[str] = Counter()
    for item in conversation:
        identity = str(item.get("call_id"))
        if item["type"] == "function_call":
            called[identity] += 1
        elif item["type"] == "function_call_output":
            if not called[identity]:
                raise refuse("responses.unasked_output", param="input", id=identity)
            called[identity] -= 1
    left = next((identity for identity, count in called.items() if count), None)
    if left is not None:
        raise refuse("responses.unanswered", param="input", id=left)


def _not_stored(identity: str) -> Refusal:
    return Refusal(
        404,
        None,
        f"Item with id '{identity}' not found. Items are not persisted when `store` is set to false. Try again with "
        "`store` set to true, or remove this item from your input.",
        type="invalid_request_error",
        param="input",
    )


def turns(conversation: Sequence[Item], instructions: str | None) -> list[Turn]:
    """The conversation as turns; the calls of one answer belong to one turn."""
    roles: Mapping[str, Role] = {"developer": "system", "assistant": "assistant", "system": "system"}
    found = [Turn("system", instructions)] if instructions else []
    for item in conversation:
        match item:
            case {"type": "message", "role": str(role)}:
                found.append(_turn(roles.get(role, "user"), item["content"]))
            case {"type": "function_call", "name": str(name), "arguments": str(arguments), "call_id": identity}:
                if not found or found[-1].role != "assistant":
                    found.append(Turn("assistant"))
                found[-1].calls.append(ToolCall(name, arguments or "{}", str(identity)))
            case {"type": "function_call_output", "call_id": identity, "output": output}:
                found.append(Turn("tool"))
                found[-1].add_result(str(identity), _turn("tool", output))
    return found


def _turn(role: Role, content: object) -> Turn:
    if isinstance(content, str):
        return Turn(role, content)
    turn = Turn(role)
    for part in content if isinstance(content, list) else []:
        match part:
            case {"type": "input_text" | "output_text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
                turn.add_text(text)
            case {"type": "input_image"}:
                turn.add_url("image", str(part.get("image_url") or part.get("file_id")))
            case {"type": "input_file"}:
                turn.add_url("document", str(part.get("file_data") or part.get("file_url") or part.get("file_id")))
            case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
                turn.add_media("audio", decode(data), form)
    return turn
