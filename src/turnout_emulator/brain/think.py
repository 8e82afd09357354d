"""From a prompt to an answer."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from turnout_emulator.answers import Answer, Block, Finish, Reasoning, Text, ToolCall
from turnout_emulator.brain import reading
from turnout_emulator.brain.fill import Filler
from turnout_emulator.brain.plan import planned
from turnout_emulator.brain.source import Source, topic
from turnout_emulator.brain.words import count_tokens, truncate_tokens
from turnout_emulator.prompt import Prompt, Turn

NO_CONTEXT = (
    "I am the emulator's stand-in for a model. I answer from the context that I am given, "
    "and I was given none for this."
)
_STANDALONE = re.compile(r"standalone (?:question|query)", re.IGNORECASE)
_FOLLOW_UP = re.compile(
    r"(?:follow[ -]?up (?:message|input|question|query)>?|latest user (?:question|input))\s*:?\s*(?P<text>[^\n<]+)",
    re.IGNORECASE,
)
_VERBATIM = re.compile(
    r"\b(?:say|reply|respond|answer|repeat|echo|return)\b(?: with)?(?: exactly| only| just| back)*\s*"
    r"(?:(?:the )?(?:single |one |following )*(?:word|words|phrase|text|sentence)?\s*:?\s*"
    r"[\"'“‘`](?P<quoted>[^\"'”’`]{1,300})[\"'”’`]|the (?:single |one )?word:?\s+(?P<word>\w+)(?=[.!]?\s*$)"
    r"|(?<=exactly )(?!(?:one|two|three|four|five|\d+)\b)(?P<bare>[^\s\"'“‘`][^\n.!?\"]{0,60})(?=[.!]?\s*$))",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"\banswer by calling (?:one of the tools|the (?:tool|function)\s+[\"'`]?(?P<name>[\w-]+))", re.IGNORECASE
)
_JSON_ALONE = re.compile(r"\banswer with (?:one|a single) JSON object and nothing else\b", re.IGNORECASE)


def think(prompt: Prompt) -> Answer:
    """Answer a prompt from what it contains; the same prompt always gets the same answer."""
    prompt = _obedient(prompt)
    request, since, before = _request(prompt.turns)
    results = [result.text for turn in since for result in turn.results]
    failed = any(result.error for turn in since for result in turn.results)
    done = [call for turn in since for call in turn.calls]
    calls = [call for call in planned(prompt, request, results, done) if not _repeats(call, before, prompt)]
    blocks: list[Block] = []
    if prompt.reasoning:
        blocks.append(Reasoning(_reason(request, calls, results)))
    if calls:
        return Answer(blocks=[*blocks, *calls], finish="tool_calls")
    text, finish, hit = _limited(_say(prompt, request, results, failed=failed), prompt)
    return Answer(blocks=[*blocks, Text(text)], finish=finish, stop_sequence=hit)


def _obedient(prompt: Prompt) -> Prompt:
    """The prompt with what its system messages tell the model to do, as a model does it that is not made to."""
    told = "\n".join(turn.text for turn in prompt.turns if turn.role == "system")
    if prompt.schema is None and _JSON_ALONE.search(told) is not None:
        prompt = replace(prompt, json_mode=True)
    asked = _TOLD.search(told)
    if asked is None or prompt.tool_choice != "auto" or not prompt.tools:
        return prompt
    return replace(prompt, tool_choice=asked["name"] or "required")


def _repeats(call: ToolCall, before: Sequence[ToolCall], prompt: Prompt) -> bool:
    """Whether a call was made already by the message that the user's own words came with the results of."""
    if prompt.tool_choice != "auto":
        return False
    return any(one.name == call.name and one.arguments_dict() == call.arguments_dict() for one in before)


def _request(turns: Sequence[Turn]) -> tuple[str, list[Turn], list[ToolCall]]:
    """The last message of the user, the turns after it, and calls whose results came in the same message."""
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.role == "user" and (turn.text.strip() or turn.media) and not turn.results:
            return turn.text.strip(), list(turns[index + 1 :]), []
        if turn.role == "user" and turn.results and turn.text.strip():
            after = [Turn("user", results=turn.results, media=turn.media), *turns[index + 1 :]]
            return turn.text.strip(), after, turns[index - 1].calls if index else []
    return next((turn.text for turn in turns if turn.role == "system"), "").strip(), list(turns), []


def _say(prompt: Prompt, request: str, results: Sequence[str], *, failed: bool) -> str:
    if prompt.schema is not None:
        return json.dumps(_structured(prompt.schema, prompt, request, results), ensure_ascii=False)
    if prompt.json_mode:
        return json.dumps(_some_json(prompt, request, results), ensure_ascii=False)
    if any(result.strip() for result in results):
        return _from_results(request, results, failed=failed)
    verbatim = _VERBATIM.search(request) if len(request) < 400 else None
    if verbatim is not None:
        return verbatim["quoted"] or verbatim["word"] or verbatim["bare"]
    if _STANDALONE.search(request):
        return _standalone(request)
    return _from_context(prompt, request)


def _from_context(prompt: Prompt, request: str) -> str:
    question = reading.question_in(request)
    rest = request.replace(question, "\n") if question and len(question) < len(request) else ""
    turns = prompt.turns
    attached = [text for turn in turns for text in turn.attached]
    context = [turn.text for turn in turns if turn.role == "system"]
    context += [turn.text for turn in turns if turn.role == "user" and turn.text.strip() != request]
    context += [turn.text for turn in turns if turn.role == "assistant"]
    context += [result.text for turn in turns for result in turn.results]
    told = [
        text for text in [*context, rest, *attached] if text.strip() and text not in (NO_CONTEXT, reading.NOT_FOUND)
    ]
    found = reading.answer(question, told) if told else NO_CONTEXT
    if found not in (NO_CONTEXT, reading.NOT_FOUND):
        return found
    if attached:
        return reading.answer(f"summary: {question}", attached)
    media = [seen for turn in turns for seen in turn.media]
    if media:
        return f"I received {', '.join(media)}. I can't see or hear: I only report what arrived."
    return found


def _from_results(request: str, results: Sequence[str], *, failed: bool) -> str:
    if failed:
        return f"The tool reported an error: {' '.join(results)}"
    shown = [_plain(result) for result in results]
    joined = "\n".join(shown)
    if len(joined) > 400:
        found = reading.answer(reading.question_in(request), shown)
        if found != reading.NOT_FOUND:
            return found
    return joined if joined.strip() else "The tool gave nothing back."


def _plain(result: str) -> str:
    try:
        value = json.loads(result)
    except ValueError:
        return result
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_inline(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(_inline(one) for one in value)
    return str(value) if isinstance(value, str) else result


def _inline(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _structured(schema: Mapping[str, Any], prompt: Prompt, request: str, results: Sequence[str]) -> Any:
    text = _material(prompt, request, results)
    return Filler(schema, Source(text), request).fill().value


def _material(prompt: Prompt, request: str, results: Sequence[str]) -> str:
    """The text to fill a form from: the request, what tools found, and the user's earlier messages if it is short."""
    text = "\n".join([request, *results])
    if len(request) < 80 and not results:
        earlier = [turn.text for turn in prompt.turns if turn.role == "user" and turn.text.strip() != request]
        text = "\n".join([text, *earlier[-3:]])
    return text


def _some_json(prompt: Prompt, request: str, results: Sequence[str]) -> dict[str, Any]:
    told = "\n".join([turn.text for turn in prompt.turns if turn.role == "system"] + [request])
    schema = _schema_in(told)
    if schema is not None:
        filled = _structured(schema, prompt, request, results)
        return filled if isinstance(filled, dict) else {"result": filled}
    keys = re.findall(r"[\"'`](\w{1,40})[\"'`](?=[^\n.]*\b(?:keys?|fields?|propert)|\s*:)", told)
    if not keys and re.search(r"\b(?:keys?|fields?|properties)\b", told):
        keys = re.findall(r"[\"'`](\w{1,40})[\"'`]", told)
    properties = {key: {"type": "string"} for key in dict.fromkeys(keys)} or {"answer": {"type": "string"}}
    if list(properties) == ["answer"]:
        return {"answer": _from_results(request, results, failed=False) if results else _from_context(prompt, request)}
    filled = _structured(
        {"type": "object", "properties": properties, "required": list(properties)}, prompt, request, results
    )
    return dict(filled)


def _schema_in(text: str) -> dict[str, Any] | None:
    """A JSON schema written out in the text, as prompts for structured output have it."""
    decoder = json.JSONDecoder()
    for match in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, match.start())
        except ValueError:
            continue
        if isinstance(value, dict) and "properties" in value and isinstance(value["properties"], dict):
            return value
    return None


def _standalone(request: str) -> str:
    follow_up = _FOLLOW_UP.search(request)
    if follow_up is None:
        return reading.question_in(request)
    question = follow_up["text"].strip()
    earlier = re.findall(r"(?:^|\n)\s*(?:user|human)\s*:\s*([^\n]+)", request, re.IGNORECASE)
    if earlier and re.search(
        r"\b(?:it|its|they|them|their|that|this|those|these|he|she|his|her)\b", question, re.IGNORECASE
    ):
        return f"{question} ({topic(earlier[-1])})"
    return question


def _reason(request: str, calls: Sequence[ToolCall], results: Sequence[str]) -> str:
    if calls:
        return f"The request calls for {', '.join(call.name for call in calls)}."
    if results:
        return "The tools have answered; I report what they gave back."
    subject = topic(reading.question_in(request))[:120] or "nothing in particular"
    return f"The question is about: {subject}. I look for the sentences that match it best."


def _limited(text: str, prompt: Prompt) -> tuple[str, Finish, str | None]:
    """A text cut at the first stop sequence and at the token limit, why it ended, and the stop sequence."""
    finish: Finish = "stop"
    hit: str | None = None
    at = min((text.find(stop) for stop in prompt.stop if stop and stop in text), default=-1)
    if at >= 0:
        hit = next(stop for stop in prompt.stop if stop and text.startswith(stop, at))
        text, finish = text[: at + (len(hit) if prompt.keep_stop else 0)], "stop_sequence"
    if prompt.max_tokens is not None and count_tokens(text) > prompt.max_tokens:
        text, finish = truncate_tokens(text, prompt.max_tokens), "length"
    return text, finish, hit
