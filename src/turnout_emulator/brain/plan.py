"""Which tools a request calls for, and with what arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout_emulator.answers import ToolCall
from turnout_emulator.brain.facts import Facts
from turnout_emulator.brain.fill import fill
from turnout_emulator.brain.words import sentences, stem, stems, words
from turnout_emulator.prompt import Prompt, Tool

_SYMBOLS = {r"\d\s*\*\s*\d": "multiply", r"\d\s*\+\s*\d": "add sum", r"\d\s+-\s+\d": "subtract"}
_CLAUSES = re.compile(r"(?<=[?!;.])\s+|,?\s+(?:and\s+)?then\s+|,\s+and\s+(?=[a-z])", re.IGNORECASE)
_GENERIC = frozenset(map(stem, ("get", "use", "tool", "function", "find", "make", "call", "value", "look")))
_QUESTIONS = frozenset(map(stem, ("query", "question", "input", "search", "text")))
_LIST = re.compile(r",?\s*(?:,|\band\b|\bor\b)\s*(?:(?:in|at|for|of)\s+)?")
_ENOUGH = 1.0  # score at which a tool is taken to be meant


def plan(prompt: Prompt, request: str, results: Sequence[str], done: Sequence[ToolCall]) -> list[ToolCall]:
    """The next calls that a request asks for, none when the answer is due.

    Args:
        prompt: The conversation with its tools.
        request: The last message of the user.
        results: What tools have returned since then.
        done: The calls made since then.
    """
    choice = prompt.tool_choice
    tools = [tool for tool in prompt.tools if choice in ("auto", "required", tool.name)]
    if not tools:
        return []
    forced = choice not in ("auto", "required")
    calls = [] if forced and done else _without(_wanted(tools, request, results), done)
    if not calls and choice != "auto":
        called = {call.name for call in done}
        best = max(tools, key=lambda tool: (tool.name not in called, _score(tool, request)))
        calls = [_call(best, "\n".join([*results, request]), request)[0]]
    return calls if prompt.parallel else calls[:1]


def _wanted(tools: Sequence[Tool], request: str, results: Sequence[str]) -> list[ToolCall]:
    """The calls that a request asks for; before any result, only those whose arguments it names."""
    calls: list[ToolCall] = []
    pieces = list(filter(None, map(str.strip, _CLAUSES.split(request))))
    several = sum(bool(_meant(tools, piece)) for piece in pieces) > 1
    for clause in pieces if several else [request]:
        for number, tool in enumerate(_meant(tools, clause)):
            for part in _parts(tool, clause) if number == 0 else [""]:
                call, evidence = _call(tool, part, clause)
                if evidence < 0.5 and results:
                    call, evidence = _call(tool, "\n".join([part, *reversed(results), request]), clause)
                if evidence >= 0.5 and call not in calls:
                    calls.append(call)
    if not calls and request.endswith("?") and len(set(stems(request))) > 1:
        searches = [tool for tool in tools if _required_words(tool) and _required_words(tool) <= _QUESTIONS]
        calls = [_call(tool, request, request)[0] for tool in searches[:1]]
    return calls


def _call(tool: Tool, text: str, request: str) -> tuple[ToolCall, float]:
    value, evidence = fill(tool.schema, text, request)
    numbers = [one for one in value.values() if isinstance(one, int | float)] if isinstance(value, dict) else []
    if len(Facts(text).numbers()) < len(numbers):
        evidence = 0.0  # a tool that lacks a number waits for what another brings
    call = ToolCall(tool.name, value if isinstance(value, dict) else {})
    return call, evidence if tool.schema.get("required") else 1.0


def _meant(tools: Sequence[Tool], clause: str) -> list[Tool]:
    """The tool that a clause fits best, and those whose name it says besides; what stands last in it comes first.

    Of "the weather in the capital of France", the capital has to be known before the weather.
    """
    best = max(tools, key=lambda tool: _score(tool, clause))
    if _score(best, clause) < _ENOUGH:
        return []
    mentioned = set(stems(clause))
    named = [tool for tool in tools if tool is best or (_own_words(tool) and _own_words(tool) <= mentioned)]
    return sorted(named, key=lambda tool: -_position(tool, clause))


def _own_words(tool: Tool) -> set[str]:
    return set(stems(tool.name)) - _GENERIC


def _properties(tool: Tool) -> dict[str, Mapping[str, Any]]:
    return {name: one for name, one in tool.schema.get("properties", {}).items() if isinstance(one, Mapping)}


def _required_words(tool: Tool) -> set[str]:
    return {stem(word) for name in tool.schema.get("required", ()) for word in words(name)}


def _position(tool: Tool, clause: str) -> int:
    own = _own_words(tool)
    return max((match.start() for match in re.finditer(r"\w+", clause) if stem(match[0]) in own), default=-1)


def _score(tool: Tool, text: str) -> float:
    """How many words a text shares with a tool's name, its description, and its parameters and their values."""
    if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", text, re.IGNORECASE):
        return 10.0
    mentioned = set(stems(text)) - _GENERIC
    mentioned |= {stem for symbol, meaning in _SYMBOLS.items() if re.search(symbol, text) for stem in stems(meaning)}
    properties = _properties(tool)
    values: list[Any] = [value for one in properties.values() for value in one.get("enum", ())]
    weights = [
        *((word, 0.4) for word in stems(" ".join(map(str, [*properties, *values])))),
        *((word, 0.55) for word in stems(" ".join(sentences(tool.description)[:2]))),
        *((word, 1.2) for word in stems(tool.name)),
    ]
    return sum(weight for word, weight in dict(weights).items() if word in mentioned)


def _parts(tool: Tool, clause: str) -> Iterator[str]:
    """A clause that lists several names for a tool's only string, taken apart: one part a name."""
    names, required = Facts(clause).names(), tool.schema.get("required", ())
    strings = [name for name, one in _properties(tool).items() if name in required and one.get("type") == "string"]
    listed = names[:1]
    for name in names[1:]:
        if not _LIST.fullmatch(clause[listed[-1].end : name.start]):
            break
        listed.append(name)
    if len(strings) != 1 or len(listed) < 2:
        yield clause
        return
    for name in listed:
        yield f"{clause[: listed[0].start]}{name.value}{clause[listed[-1].end :]}"


def _without(wanted: Sequence[ToolCall], done: Sequence[ToolCall]) -> list[ToolCall]:
    """The wanted calls less those made already, matched by their arguments first and by their name then."""
    made = [(call.name, call.arguments_dict()) for call in done]
    planned = [(call.name, call.arguments_dict()) for call in wanted]
    left = [call for call, known in zip(wanted, planned, strict=True) if known not in made]
    for name, _ in [call for call in made if call not in planned]:
        alike = next((call for call in left if call.name == name), None)
        if alike is not None:
            left.remove(alike)
    return left
