"""From a prompt to an answer."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from turnout_emulator.answers import Answer, Block, Finish, Reasoning, Text, ToolCall
from turnout_emulator.brain.facts import topic
from turnout_emulator.brain.fill import fill
from turnout_emulator.brain.plan import plan
from turnout_emulator.brain.reading import NOT_FOUND, answer, question_in
from turnout_emulator.brain.words import count_tokens, truncate_tokens
from turnout_emulator.prompt import Prompt, Turn

NO_CONTEXT = (
    "I am the emulator's stand-in for a model. I answer from the context that I am given, "
    "and I was given none for this."
)
_FOLLOW_UP = re.compile(r"follow[ -]?up (?:message|input|question|query)>?\s*:?\s*(?P<text>[^\n<]+)", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|that|this|those|these|he|she|his|her)\b", re.IGNORECASE)
_VERBATIM = re.compile(
    r"\b(?:say|reply|respond|answer|repeat)\b(?: with)?(?: exactly| only| just)*(?: the)?(?: word| phrase)?\s*:?\s*"
    r"(?:[\"'“‘`](?P<quoted>[^\"'”’`]{1,300})[\"'”’`]"
    r"|(?<=exactly )(?!(?:one|two|three|\d+)\b)(?P<bare>[^\n.!?\"]{1,60})(?=[.!]?\s*$))",
    re.IGNORECASE,
)
_TOOL_ASKED_FOR = re.compile(
    r"\banswer by calling (?:one of the tools|the (?:tool|function)\s+[\"'`]?(?P<name>[\w-]+))", re.IGNORECASE
)
_JSON_ASKED_FOR = re.compile(r"\banswer with (?:one|a single) JSON object and nothing else\b", re.IGNORECASE)


def think(prompt: Prompt) -> Answer:
    """Answer a prompt from what it contains; the same prompt always gets the same answer."""
    system = "\n".join(turn.text for turn in prompt.turns if turn.role == "system")
    asked = _TOOL_ASKED_FOR.search(system) if prompt.tools and prompt.tool_choice == "auto" else None
    if asked is not None:
        prompt = replace(prompt, tool_choice=asked["name"] or "required")
    if prompt.schema is None and _JSON_ASKED_FOR.search(system) is not None:
        prompt = replace(prompt, json_mode=True)
    request, since, before = _request(prompt.turns)
    results = [result.text for turn in since for result in turn.results]
    calls = plan(prompt, request, results, [call for turn in since for call in turn.calls])
    if prompt.tool_choice == "auto":
        repeated = [(call.name, call.arguments_dict()) for call in before]
        calls = [call for call in calls if (call.name, call.arguments_dict()) not in repeated]
    about = f"The question is about: {topic(question_in(request))[:120]}. I look for the sentences that match it best."
    reason = f"The request calls for {', '.join(call.name for call in calls)}." if calls else about
    blocks: list[Block] = [Reasoning(reason)] if prompt.reasoning else []
    if calls:
        return Answer(blocks=[*blocks, *calls], finish="tool_calls")
    failed = any(result.error for turn in since for result in turn.results)
    text, finish, hit = _limited(_say(prompt, request, results, failed=failed), prompt)
    return Answer(blocks=[*blocks, Text(text)], finish=finish, stop_sequence=hit)


def _request(turns: Sequence[Turn]) -> tuple[str, Sequence[Turn], Sequence[ToolCall]]:
    """The last message of the user, the turns after it, and the calls whose results came in the same message."""
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.role == "user" and turn.results and turn.text.strip():
            after = [Turn("user", results=turn.results, media=turn.media), *turns[index + 1 :]]
            return turn.text.strip(), after, turns[index - 1].calls if index else []
        if turn.role == "user" and not turn.results and (turn.text.strip() or turn.media):
            return turn.text.strip(), turns[index + 1 :], []
    return next((turn.text for turn in turns if turn.role == "system"), "").strip(), turns, []


def _say(prompt: Prompt, request: str, results: Sequence[str], *, failed: bool) -> str:
    schema = prompt.schema if prompt.schema is not None or not prompt.json_mode else _schema_in(prompt, request)
    if schema is not None:
        # A short request may be about what the user said before.
        earlier = [turn.text for turn in prompt.turns if turn.role == "user" and turn.text.strip() != request]
        material = [request, *results] if results or len(request) > 80 else [request, *earlier[-3:]]
        return json.dumps(fill(schema, "\n".join(material), request).value, ensure_ascii=False)
    if any(result.strip() for result in results):
        text = _from_results(request, results, failed=failed)
    elif len(request) < 400 and (verbatim := _VERBATIM.search(request)) is not None:
        text = verbatim["quoted"] or verbatim["bare"]
    elif re.search(r"standalone (?:question|query)", request, re.IGNORECASE):
        text = _standalone(request)
    else:
        text = _from_context(prompt, request)
    return json.dumps({"answer": text}, ensure_ascii=False) if prompt.json_mode else text


def _from_context(prompt: Prompt, request: str) -> str:
    question, turns = question_in(request), prompt.turns
    context = [turn.text for turn in turns if turn.role == "system"]
    context += [turn.text for turn in turns if turn.role == "user" and turn.text.strip() != request]
    context += [turn.text for turn in turns if turn.role == "assistant"]
    context += [result.text for turn in turns for result in turn.results]
    context.append(request.replace(question, "\n") if len(question) < len(request) else "")
    attached = [text for turn in turns for text in turn.attached]
    context = [text for text in [*context, *attached] if text.strip() and text not in (NO_CONTEXT, NOT_FOUND)]
    found = answer(question, context) if context else NO_CONTEXT
    media = [seen for turn in turns for seen in turn.media]
    if found not in (NO_CONTEXT, NOT_FOUND) or not media:
        return found
    if attached:
        return answer(f"summary: {question}", attached)
    return f"I received {', '.join(media)}. I can't see or hear: I only report what arrived."


def _from_results(request: str, results: Sequence[str], *, failed: bool) -> str:
    if failed:
        return f"The tool reported an error: {' '.join(results)}"
    shown = [_plain(result) for result in results]
    joined = "\n".join(shown)
    found = answer(question_in(request), shown) if len(joined) > 400 else NOT_FOUND
    return joined if found == NOT_FOUND else found


def _plain(result: str) -> str:
    try:
        value = json.loads(result)
    except ValueError:
        return result
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_inline(one)}" for name, one in value.items())
    return ", ".join(map(_inline, value)) if isinstance(value, list) else _inline(value)


def _inline(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _schema_in(prompt: Prompt, request: str) -> Mapping[str, Any] | None:
    """A JSON schema written out in the prompt, or one of the keys that it names; None if it names none."""
    text = "\n".join([turn.text for turn in prompt.turns if turn.role == "system"] + [request])
    for match in re.finditer(r"\{", text):
        try:
            value, _ = json.JSONDecoder().raw_decode(text, match.start())
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            return value
    keys = re.findall(r"[\"'`](\w{1,40})[\"'`]", text) if re.search(r"\b(?:keys?|fields?|properties)\b", text) else []
    properties = {key: {"type": "string"} for key in keys}
    return {"type": "object", "properties": properties, "required": list(properties)} if properties else None


def _standalone(request: str) -> str:
    follow_up = _FOLLOW_UP.search(request)
    if follow_up is None:
        return question_in(request)
    question = follow_up["text"].strip()
    earlier = re.findall(r"(?:^|\n)\s*(?:user|human)\s*:\s*([^\n]+)", request, re.IGNORECASE)
    return f"{question} ({topic(earlier[-1])})" if earlier and _PRONOUN.search(question) else question


def _limited(text: str, prompt: Prompt) -> tuple[str, Finish, str | None]:
    """A text cut at the first stop sequence and at the token limit, why it ended, and the stop sequence."""
    finish: Finish = "stop"
    found = [(text.index(stop), stop) for stop in prompt.stop if stop and stop in text]
    at, hit = min(found, key=lambda pair: pair[0]) if found else (0, None)
    if hit is not None:
        text, finish = text[: at + (len(hit) if prompt.keep_stop else 0)], "stop_sequence"
    if prompt.max_tokens is not None and count_tokens(text) > prompt.max_tokens:
        text, finish = truncate_tokens(text, prompt.max_tokens), "length"
    return text, finish, hit
