"""The Responses API, as OpenAI, Azure OpenAI and Mantle speak it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout_emulator.answers import Reasoning, RedactedReasoning, Text, ToolCall
from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.memory import Issuer, Item, ResponseStore, Signatures
from turnout_emulator.prompt import Prompt, Role, Turn
from turnout_emulator.refusals import Refusal
from turnout_emulator.reply import Reply, count_prompt
from turnout_emulator.wires import openai_chat
from turnout_emulator.wires.framing import event
from turnout_emulator.wires.openai_responses_checks import check_body, check_items, read_items

NAME = "openai-responses"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What tells one service's Responses API from another's."""

    issuer: Issuer  # who encrypts the reasoning
    filters: bool = False  # whether answers carry the content filter's verdicts
    billing: bool = True  # whether answers say who pays
    cache_writes: bool = True  # whether the usage counts what was written to the cache
    lean: bool = False  # shows what the request set and reasoning as it is, as Mantle does for gpt-oss


# Each as recorded; OpenAI's own as in the SDK's types.
AZURE = Dialect("azure", filters=True, billing=False, cache_writes=False)
OPENAI = Dialect("openai")
MANTLE = Dialect("mantle")
MANTLE_OPEN_WEIGHT = Dialect("mantle", billing=False, cache_writes=False, lean=True)
_ECHOED = [
    "max_output_tokens",
    "max_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "safety_identifier",
    "user",
]


@dataclass(slots=True)
class Request:
    """A request that was read; `conversation` has its items and those that were stored before."""

    body: Mapping[str, Any]
    conversation: list[Item]
    model: OpenAIModel
    dialect: Dialect
    signatures: Signatures

    @property
    def stored(self) -> bool:
        """Whether the answer is kept."""
        return self.body.get("store") is not False


def read(
    body: Mapping[str, Any], model: OpenAIModel, dialect: Dialect, store: ResponseStore, signatures: Signatures
) -> tuple[Request, Prompt]:
    """Check a request and read it."""
    check_body(body, model, azure=dialect.issuer == "azure")
    conversation = read_items(body, store)
    check_items(conversation, store, signatures, dialect.issuer, prefixes=not dialect.lean)
    tools = openai_chat.read_tools(body.get("tools") or ())
    form = (body.get("text") or {}).get("format") or {}
    effort = (body.get("reasoning") or {}).get("effort")
    prompt = Prompt(
        turns=_turns(conversation, body.get("instructions")),
        tools=tools,
        tool_choice=openai_chat.read_tool_choice(body.get("tool_choice"), tools),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=form.get("schema", {}) if form.get("type") == "json_schema" else None,
        json_mode=form.get("type") == "json_object",
        max_tokens=body.get("max_output_tokens"),
        reasoning=(model.reasoning or model.open_weight) and effort not in ("none", "minimal"),
        stream=bool(body.get("stream")),
    )
    prompt.input_tokens = count_prompt(prompt, start=3, media=85)
    return Request(body, conversation, model, dialect, signatures), prompt


def _turns(conversation: Sequence[Item], instructions: str | None) -> list[Turn]:
    """The conversation as turns; the calls of one answer belong to one turn."""
    roles: Mapping[str, Role] = {"developer": "system", "assistant": "assistant", "system": "system"}
    found = [Turn("system", instructions)] if instructions else []
    for item in conversation:
        match item:
            case {"type": "message", "role": str(role)}:
                found.append(openai_chat.read_content(roles.get(role, "user"), item["content"]))
            case {"type": "function_call", "name": str(name), "arguments": str(arguments), "call_id": identity}:
                if not found or found[-1].role != "assistant":
                    found.append(Turn("assistant"))
                found[-1].calls.append(ToolCall(name, arguments or "{}", str(identity)))
            case {"type": "function_call_output", "call_id": identity, "output": output}:
                found.append(Turn("tool"))
                found[-1].add_result(str(identity), openai_chat.read_content("tool", output))
    return found


def _incomplete_reason(reply: Reply) -> str | None:
    if reply.finish == "length":
        return "max_output_tokens"
    return "content_filter" if reply.finish in ("content_filter", "guardrail") else None


def _output(request: Request, reply: Reply, status: str) -> list[dict[str, Any]]:
    """The items of the answer; text that follows text is a part of the same message."""
    shown: list[dict[str, Any]] = []
    dialect, sign = request.dialect, request.signatures.sign
    for number, block in enumerate(reply.blocks):
        identity = f"{number:02d}{reply.id}{reply.id[:14]}"
        match block:
            case Text(text):
                logprobs: dict[str, Any] = {} if dialect.lean else {"logprobs": []}
                part = {"type": "output_text", "annotations": [], **logprobs, "text": text}
                if shown and shown[-1]["type"] == "message":
                    shown[-1]["content"].append(part)
                    continue
                item = {"id": f"msg_{identity}", "type": "message", "status": status, "role": "assistant"}
                phase = {} if dialect.lean or not request.model.reasoning else {"phase": "final_answer"}
                shown.append({**item, **phase, "content": [part]})
            case ToolCall(name):
                call = {"arguments": block.arguments_json(), "call_id": block.id, "name": name}
                shown.append({"id": f"fc_{identity}", "type": "function_call", "status": "completed", **call})
            case Reasoning(text, signature):
                shown.append(_reasoning(text, signature, identity, request))
            case RedactedReasoning(data):
                shown.append(_reasoning("", sign(dialect.issuer, data.hex()), identity, request))
    return shown


def _reasoning(text: str, signature: str | None, identity: str, request: Request) -> dict[str, Any]:
    asked, issuer = request.body.get("reasoning") or {}, request.dialect.issuer
    item: dict[str, Any] = {"id": f"rs_{identity}", "type": "reasoning", "summary": []}
    if request.dialect.lean:
        return {**item, "content": [{"type": "reasoning_text", "text": text}], "status": "completed"}
    if text and (asked.get("summary") or asked.get("generate_summary")):
        item["summary"] = [{"type": "summary_text", "text": text}]
    if issuer == "mantle" or "reasoning.encrypted_content" in (request.body.get("include") or ()):
        item["encrypted_content"] = request.signatures.sign(issuer, text, signature)
    return item


def answer(request: Request, reply: Reply) -> dict[str, Any]:
    """The response to a request that isn't streamed, and what the last event of a stream carries."""
    reason = _incomplete_reason(reply)
    status = "incomplete" if reason else "completed"
    shown = _envelope(request, reply, status)
    shown["output"] = _output(request, reply, status)
    shown["usage"] = _usage(reply, request.dialect)
    if reason:
        shown["incomplete_details"] = {"reason": reason}
    elif not request.dialect.lean:
        shown["completed_at"] = reply.created
    if request.dialect.filters:
        shown["content_filters"] = [
            content_filter("prompt", openai_chat.prompt_filter({}), blocked=False),
            content_filter("completion", openai_chat.completion_filter(reply.filtered), blocked=bool(reply.filtered)),
        ]
    return shown


def _envelope(request: Request, reply: Reply, state: str) -> dict[str, Any]:
    """A response without its output: what the request asked for, and how far the answer is."""
    body, reasons = request.body, request.model.reasoning
    text, reasoning = body.get("text") or {}, body.get("reasoning") or {}
    temperature, top_p = body.get("temperature"), body.get("top_p")
    shown: dict[str, Any] = {
        "id": f"resp_{reply.id}{reply.id[:16]}",
        "object": "response",
        "created_at": reply.created,
        "status": state,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "model": reply.model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "service_tier": "default",
        "temperature": 1.0 if temperature is None else temperature,
        "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity") or "medium"},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [{"strict": True, "description": None, **tool} for tool in body.get("tools") or ()],
        "top_p": (0.98 if reasons else 1.0) if top_p is None else top_p,
        "truncation": body.get("truncation") or "disabled",
    }
    if request.dialect.lean:
        return shown
    effort = reasoning.get("effort") or ("medium" if reasons else None)
    shown |= {name: body.get(name) for name in _ECHOED}
    shown |= {
        "completed_at": None,
        "moderation": None,
        "usage": None,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
    }
    shown |= {
        "prompt_cache_retention": body.get("prompt_cache_retention") or "in_memory",
        "reasoning": {**reasoning, "effort": effort, "summary": reasoning.get("summary")},
        "store": request.stored,
        "top_logprobs": body.get("top_logprobs") or 0,
    }
    if request.dialect.billing:
        shown["billing"] = {"payer": "developer"}
    return shown


def _usage(reply: Reply, dialect: Dialect) -> dict[str, Any]:
    counts = reply.usage
    details = {"cached_tokens": counts.cached_tokens}
    if dialect.cache_writes:
        details["cache_write_tokens"] = counts.cache_write_tokens
    return {
        "input_tokens": counts.input_tokens,
        "input_tokens_details": details,
        "output_tokens": counts.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0 if dialect.lean else counts.reasoning_tokens},
        "total_tokens": counts.input_tokens + counts.output_tokens,
    }


def content_filter(source: str, results: Mapping[str, Any], *, blocked: bool) -> dict[str, Any]:
    """Azure's verdict on a prompt or a completion, as its Responses API shows it."""
    return {
        "blocked": blocked,
        "source_type": source,
        "content_filter_raw": [],
        "content_filter_results": dict(results),
        "content_filter_offsets": {"start_offset": 0, "end_offset": 0, "check_offset": 0},
    }


class Events:
    """One stream: its events are numbered, the one for an error too.

    Source: https://platform.openai.com/docs/api-reference/responses-streaming
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._number = 0
        self._reply: Reply | None = None

    def frames(self, reply: Reply) -> Iterator[bytes]:
        """The events of a whole answer."""
        self._reply = reply
        done = answer(self._request, reply)
        opening = _envelope(self._request, reply, "in_progress")
        yield self._event("response.created", response=opening)
        yield self._event("response.in_progress", response=opening)
        for index, item in enumerate(done["output"]):
            yield from self._item(item, index, reply)
        last = "response.incomplete" if _incomplete_reason(reply) else "response.completed"
        yield self._event(last, response=done)

    def error(self, refusal: Refusal) -> bytes:
        """An error in mid-stream, and the end of the response that it makes fail."""
        error = self._event("error", code=refusal.code, message=refusal.message, param=refusal.param)
        if self._reply is None:
            return error
        failed = _envelope(self._request, self._reply, "failed")
        failed["error"] = {"code": refusal.code or "server_error", "message": refusal.message}
        return error + self._event("response.failed", response=failed)

    def _item(self, item: Mapping[str, Any], index: int, reply: Reply) -> Iterator[bytes]:
        at = {"item_id": item["id"], "output_index": index}
        empty: dict[str, Any] = {name: [] for name in ("summary", "content") if name in item}
        if item["type"] != "reasoning":
            empty["status"] = "in_progress"
        if item["type"] == "function_call":
            empty["arguments"] = ""
        yield self._event("response.output_item.added", item={**item, **empty}, output_index=index)
        if item["type"] == "function_call":
            arguments, call = item["arguments"], "response.function_call_arguments"
            for piece in reply.pieces(arguments):
                yield self._event(f"{call}.delta", delta=piece, **at)
            yield self._event(f"{call}.done", arguments=arguments, name=item["name"], **at)
        for number, part in enumerate(item.get("summary") or ()):
            names = ("reasoning_summary_part", "reasoning_summary_text")
            yield from self._part(part, reply, names, {**at, "summary_index": number})
        for number, part in enumerate(item.get("content") or ()):
            logprobs: dict[str, Any] = {"logprobs": []} if part["type"] == "output_text" else {}
            names = ("content_part", part["type"])
            yield from self._part(part, reply, names, {**at, "content_index": number}, **logprobs)
        yield self._event("response.output_item.done", item=item, output_index=index)

    def _part(
        self, part: Mapping[str, Any], reply: Reply, names: tuple[str, str], at: Mapping[str, Any], **extra: Any
    ) -> Iterator[bytes]:
        holder, text = names
        yield self._event(f"response.{holder}.added", part={**part, "text": ""}, **at)
        for piece in reply.pieces(part["text"]):
            yield self._event(f"response.{text}.delta", delta=piece, **extra, **at)
        yield self._event(f"response.{text}.done", text=part["text"], **extra, **at)
        yield self._event(f"response.{holder}.done", part=part, **at)

    def _event(self, kind: str, **payload: Any) -> bytes:
        data = {"type": kind, "sequence_number": self._number, **payload}
        self._number += 1
        return event(data, kind)
