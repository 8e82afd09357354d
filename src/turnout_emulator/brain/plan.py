"""Which tools a request calls for, and with what arguments."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from turnout_emulator.answers import ToolCall
from turnout_emulator.brain.fill import Filler
from turnout_emulator.brain.found import Found
from turnout_emulator.brain.source import Source
from turnout_emulator.brain.words import sentences, stem, stems, words
from turnout_emulator.prompt import Prompt, Tool

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
_REFERS = re.compile(r"\b(?:it|its|that|this|there|they|their|them|those|these|result|outcome|same)\b", re.IGNORECASE)
_GENERIC = frozenset(
    stem(word) for word in ("get", "use", "tool", "function", "the", "find", "make", "call", "value", "run", "lookup")
)
_QUESTIONS = frozenset(stem(word) for word in ("query", "question", "input", "search", "text"))
_NUMBERED = re.compile(r"\d")
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
    wanted = [] if forced and done else _wanted(tools, request, results)
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


def _wanted(tools: Sequence[Tool], request: str, results: Sequence[str]) -> list[ToolCall]:
    """The calls that a request asks for; before any result, only those whose arguments it names."""
    calls: list[ToolCall] = []
    evidence: list[float] = []
    for clause in _clauses(request, tools):
        for tool, text in _in_turn(_meant(tools, clause), clause, results):
            if calls and not results and _waits(tool, clause):
                continue
            for part in _parts(tool, text):
                filled = _arguments_of(tool, part, clause, request, results)
                call = ToolCall(tool.name, dict(filled.value) if isinstance(filled.value, Mapping) else {})
                if call not in calls:
                    calls.append(call)
                    evidence.append(filled.evidence if tool.schema.get("required") else 1.0)
    if not calls and (asker := _searcher(tools, request)) is not None:
        return [ToolCall(asker.name, arguments(asker, request, request))]
    sure = [call for call, certain in zip(calls, evidence, strict=True) if certain >= 0.5]
    return sure if sure and not results else calls


def _waits(tool: Tool, clause: str) -> bool:
    """Whether a clause refers to what an earlier one will bring, and names nothing to call the tool with itself."""
    if not tool.schema.get("required") or _REFERS.search(clause) is None:
        return False
    return Filler(tool.schema, Source(clause), clause).fill().evidence < 0.5


def _searcher(tools: Sequence[Tool], request: str) -> Tool | None:
    """A tool that takes nothing but a question, for a question that no other tool fits."""
    if not request.rstrip().endswith("?") or len(set(stems(request))) < 2:
        return None
    for tool in tools:
        required = {stem(word) for name in tool.schema.get("required", ()) for word in words(name)}
        if required and required <= _QUESTIONS:
            return tool
    return None


def _in_turn(meant: Sequence[Tool], clause: str, results: Sequence[str]) -> list[tuple[Tool, str]]:
    """The tools of one clause with the text that their arguments come from.

    Of "the temperature of the capital of France", what stands next to the value comes first, and the rest works on what
    that gave back. A tool that lacks numbers waits for a result as well.
    """
    ordered = sorted(meant, key=lambda tool: -_position(tool, clause))
    turns = [(tool, clause if index == 0 else " ".join(results)) for index, tool in enumerate(ordered)]
    if results:
        return turns
    return [(tool, text) for tool, text in turns[:1] if not (_NUMBERED.search(text) and _lacks_numbers(tool, text))]


def _position(tool: Tool, clause: str) -> int:
    own = _own_words(tool)
    return max((match.start() for match in re.finditer(r"\w+", clause) if stem(match[0]) in own), default=-1)


def _meant(tools: Sequence[Tool], clause: str) -> list[Tool]:
    """The tool that a clause fits best, and those whose whole name it says besides."""
    ranked = sorted(tools, key=lambda tool: -_score(tool, clause, tools))
    if _score(ranked[0], clause, tools) < _ENOUGH:
        return []
    said = set(stems(clause))
    named = [tool for tool in ranked[1:] if (own := _own_words(tool)) and own <= said]
    return [ranked[0], *(tool for tool in named if not _own_words(tool) <= _own_words(ranked[0]))]


def _own_words(tool: Tool) -> set[str]:
    return {stem(word) for word in words(tool.name) if len(word) > 1} - _GENERIC


def _clauses(request: str, tools: Sequence[Tool]) -> list[str]:
    pieces = [piece for piece in _CLAUSES.split(request) if piece and piece.strip()]
    meant = [piece for piece in pieces if max(_score(tool, piece, tools) for tool in tools) >= _ENOUGH]
    return pieces if len(meant) > 1 else [request]


def _arguments_of(tool: Tool, part: str, clause: str, request: str, results: Sequence[str]) -> Found:
    if results and _lacks_numbers(tool, part):
        part = f"{part} {results[-1]}"
    filled = Filler(tool.schema, Source(part), clause).fill()
    wider_text = request if not results else " ".join([*results[::-1], request])
    if filled.evidence < 0.5 and part != wider_text:
        wider = Filler(tool.schema, Source(wider_text), clause).fill()
        if wider.evidence > filled.evidence:
            filled = wider
    return filled


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

    def worth(found: set[str], weight: float) -> float:
        return sum(weight * (0.4 if word in common else 1.0) * (0.15 if word in _GENERIC else 1.0) for word in found)

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
