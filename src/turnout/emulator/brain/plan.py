"""Which tools a request calls for, and with what arguments."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from turnout.emulator.answers import ToolCall
from turnout.emulator.brain.fill import Filler
from turnout.emulator.brain.source import Source
from turnout.emulator.brain.words import sentences, stem, stems, words
from turnout.emulator.prompt import Prompt, Tool

_SYMBOLS = (
    (r"(?<=\d)\s*[*×x]\s*(?=[\d-])", "multiply times product"),
    (r"(?<=\d)\s*\+\s*(?=[\d-])", "add plus sum"),
    (r"(?<=\d)\s+[-−]\s*(?=\d)", "subtract minus difference"),
    (r"(?<=\d)\s*[/÷]\s*(?=[\d-])", "divide quotient"),
)
_CLAUSES = re.compile(
    r"(?<=[?!;.])\s+|\s*;\s*|,?\s+(?:and then|then|and also|also|and after that|afterwards|as well as)\s+"
    r"|,?\s+and\s+(?=(?:what|who|where|when|how|which|is|are|find|get|look|search|tell|give|book|send|create|add|"
    r"multiply|divide|subtract|calculate|compute|convert|check|the)\b)",
    re.IGNORECASE,
)
_ENOUGH = 1.0  # score at which a tool is taken to be meant


def planned(prompt: Prompt, request: str, results: Sequence[str], done: Sequence[ToolCall]) -> list[ToolCall]:
    """The calls that a request still asks for.

    Args:
        prompt: The conversation with its tools.
        request: The last message of the user.
        results: What tools have given back since then.
        done: The calls made since then.

    Returns:
        The next calls; none when the answer is due.
    """
    if prompt.tool_choice == "none" or not prompt.tools:
        return []
    forced = prompt.tool_choice not in ("auto", "required")
    tools = [tool for tool in prompt.tools if tool.name == prompt.tool_choice] if forced else prompt.tools
    if not tools:
        return []
    wanted = [] if forced and done else _wanted(tools, request, results, parallel=prompt.parallel)
    left = _without(wanted, done)
    if not left and prompt.tool_choice != "auto":
        left = [_required(tools, request, results, done)]
    return left if prompt.parallel else left[:1]


def _required(tools: Sequence[Tool], request: str, results: Sequence[str], done: Sequence[ToolCall]) -> ToolCall:
    called = {call.name for call in done}
    fresh = [tool for tool in tools if tool.name not in called] or list(tools)
    best = max(fresh, key=lambda tool: _score(tool, request, tools))
    text = "\n".join([*results, request]) if results else request
    return ToolCall(best.name, arguments(best, text, request))


def _wanted(tools: Sequence[Tool], request: str, results: Sequence[str], *, parallel: bool) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for clause in _clauses(request, tools):
        best = max(tools, key=lambda tool: _score(tool, clause, tools))
        if _score(best, clause, tools) < _ENOUGH:
            continue
        for part in _parts(best, clause) if parallel or len(tools) > 0 else [clause]:
            call = ToolCall(best.name, _arguments_of(best, part, clause, request, results))
            if call not in calls:
                calls.append(call)
    return calls


def _clauses(request: str, tools: Sequence[Tool]) -> list[str]:
    pieces = [piece for piece in _CLAUSES.split(request) if piece and piece.strip()]
    meant = [piece for piece in pieces if max(_score(tool, piece, tools) for tool in tools) >= _ENOUGH]
    return pieces if len(meant) > 1 else [request]


def _arguments_of(tool: Tool, part: str, clause: str, request: str, results: Sequence[str]) -> dict[str, Any]:
    if results and _lacks_numbers(tool, part):
        part = f"{part} {results[-1]}"
    filled = Filler(tool.schema, Source(part), clause).fill()
    if filled.evidence < 0.5 and part != request:
        wider = Filler(tool.schema, Source(request), clause).fill()
        if wider.evidence > filled.evidence:
            filled = wider
    return dict(filled.value) if isinstance(filled.value, Mapping) else {}


def _lacks_numbers(tool: Tool, text: str) -> bool:
    properties = tool.schema.get("properties", {})
    needed = [name for name in tool.schema.get("required", ()) if _kind(properties.get(name)) in ("integer", "number")]
    return len(Source(text).numbers) < len(needed)


def _kind(schema: object) -> str:
    return str(schema.get("type", "")) if isinstance(schema, Mapping) else ""


def arguments(tool: Tool, text: str, request: str) -> dict[str, Any]:
    """The arguments for one call of a tool, drawn from a text."""
    value = Filler(tool.schema, Source(text), request).fill().value
    return dict(value) if isinstance(value, Mapping) else {}


def _parts(tool: Tool, clause: str) -> list[str]:
    """A clause that lists several values for a tool's only string, taken apart: one part a value."""
    required = list(tool.schema.get("required", ()))
    properties = tool.schema.get("properties", {})
    texts = [name for name in required if _kind(properties.get(name)) == "string" and "enum" not in properties[name]]
    if len(texts) != 1:
        return [clause]
    source = Source(clause)
    spans = source.quoted if len(source.quoted) > 1 else source.names
    run = [spans[0]] if spans else []
    for span in spans[1:]:
        between = clause[run[-1].end : span.start].strip(" \"'“”‘’`")
        if re.fullmatch(r",|,?\s*(?:and|or|&|as well as)(?:\s+(?:in|at|for|of))?|", between, re.IGNORECASE):
            run.append(span)
        elif len(run) == 1:
            run = [span]
        else:
            break
    if len(run) < 2:
        return [clause]
    before, after = clause[: run[0].start].rstrip("\"'“‘` "), clause[run[-1].end :].lstrip("\"'”’` ")
    return [f"{before} {clause[span.start : span.end]}{'' if after[:1] in '?.!,' else ' '}{after}" for span in run]


def _score(tool: Tool, text: str, tools: Sequence[Tool]) -> float:
    if re.search(rf"(?<![\w]){re.escape(tool.name)}(?![\w])", text, re.IGNORECASE):
        return 10.0
    said = set(stems(text))
    for symbol, meaning in _SYMBOLS:
        if re.search(symbol, text):
            said |= set(stems(meaning))
    name = {stem(word) for word in words(tool.name) if len(word) > 1}
    first = sentences(tool.description)[:2]
    description = set(stems(" ".join(first)))
    properties = tool.schema.get("properties", {})
    inside = set(stems(" ".join(properties)))
    values = {
        stem(word)
        for schema in properties.values()
        if isinstance(schema, Mapping)
        for value in schema.get("enum", ())
        for word in words(str(value))
    }
    common = {word for word in said if sum(word in stems(f"{other.name} {other.description}") for other in tools) > 1}
    generic = {stem(word) for word in ("get", "use", "tool", "function", "the", "find", "make", "call", "value")}

    def worth(found: set[str], weight: float) -> float:
        return sum(weight * (0.4 if word in common else 1.0) * (0.15 if word in generic else 1.0) for word in found)

    return (
        worth(said & name, 1.2)
        + worth((said & description) - name, 0.55)
        + worth((said & inside) - name - description, 0.4)
        + worth((said & values) - name - description, 0.4)
    )


def _without(wanted: Sequence[ToolCall], done: Sequence[ToolCall]) -> list[ToolCall]:
    """The wanted calls less those made already, told by their arguments first and by their name then."""
    left = list(wanted)
    unmatched = []
    for call in done:
        same = next(
            (one for one in left if one.name == call.name and one.arguments_dict() == call.arguments_dict()), None
        )
        if same is not None:
            left.remove(same)
        else:
            unmatched.append(call)
    for call in unmatched:
        alike = next((one for one in left if one.name == call.name), None)
        if alike is not None:
            left.remove(alike)
    return left
