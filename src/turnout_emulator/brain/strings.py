"""Strings for a form, drawn from a text: labelled, quoted, named, of a format, or the whole request."""

from __future__ import annotations

import re

from turnout_emulator.brain.found import Found, Schema
from turnout_emulator.brain.pattern import example
from turnout_emulator.brain.source import Source, Span, topic
from turnout_emulator.brain.words import stem, stems, words

_PLACE = frozenset(
    stem(word) for word in ("city", "location", "place", "country", "town", "region", "address", "where")
)
_STREET = frozenset({"street", stem("address")})
_WHOLE = frozenset(
    stem(word) for word in ("query", "question", "input", "text", "prompt", "message", "request", "task", "instruction")
)
_WHEN = frozenset(stem(word) for word in ("date", "day", "deadline", "due", "birthday", "when", "weekday"))
_FROM = frozenset(stem(word) for word in ("from", "origin", "departure", "sender", "start"))
_TO = frozenset(stem(word) for word in ("to", "destination", "arrival", "recipient", "target"))
_COUNTABLE = frozenset(
    stem(word) for word in ("name", "item", "product", "article", "ingredient", "part", "thing", "what", "title")
)
_NAMING = r"named|called|titled|entitled|for|name|name is"


def string(source: Source, request: str, schema: Schema, label: str, *, sure: bool = False) -> Found:
    """A string of the schema's form; `sure` takes only one that the text names."""
    formatted = _formatted(source, schema, label)
    if formatted is not None:
        return formatted
    span, evidence = _named(source, schema, label)
    if span is None and not sure:
        kinds = set(map(stem, words(label)))
        if kinds & _WHOLE:
            return Found(shaped(request.strip(), schema), 0.5)
        free = source.free(source.quoted) or source.free(source.names)
        if free:
            span, evidence = free[0], 0.5
    if span is not None:
        return Found(shaped(str(source.take(span)), schema), evidence)
    if "default" in schema and isinstance(schema["default"], str):
        return Found(schema["default"], 0.0)
    return Found(shaped(topic(request)[:300], schema), 0.0)


def _named(source: Source, schema: Schema, label: str) -> tuple[Span | None, float]:  # noqa: PLR0911 - one a rule
    own = words(label)
    kinds = {stem(word) for word in own}
    described = kinds | (set(stems(str(schema.get("description", "")))) if len(own) < 2 else set())
    span = source.labelled(own) or (source.labelled(own[-1:]) if len(own) > 1 and len(own[-1]) > 3 else None)
    if span is not None and source.free([span]):
        return span, 1.0
    if described & _WHEN and source.free(source.dates):
        return source.free(source.dates)[0], 0.9
    if kinds & _STREET and source.free(source.streets):
        return source.free(source.streets)[0], 1.0
    values = sorted([*source.quoted, *source.names], key=lambda one: (one.start, -one.end))
    if kinds & _FROM and (span := source.after("from|sender", values)):
        return span, 1.0
    if kinds & _TO and (span := source.after("to|for|towards", values)):
        return span, 1.0
    if described & _PLACE and (span := source.after("in|at|near|around|for|to|from|of|is|between|and", values)):
        return span, 0.9
    if kinds & {"name", "titl", "custom", "person"} and (span := source.after(_NAMING, values)):
        return span, 1.0
    if span := source.nearest(frozenset(kinds - {"name"}) or frozenset(kinds), values, reach=12):
        return span, 0.9
    if kinds & _COUNTABLE and not source.free(source.names) and (counted := source.free(source.counted)):
        return counted[0], 0.8
    if "name" in kinds or kinds & {"person", "author", "user"}:
        names = source.free(source.names)
        if names:
            return names[0], 0.8
    return None, 0.0


def _formatted(source: Source, schema: Schema, label: str) -> Found | None:
    form = schema.get("format")
    kinds = set(words(label))
    if "pattern" in schema:
        found = re.search(str(schema["pattern"]).removeprefix("^").removesuffix("$"), source.text)
        if found is not None and re.search(schema["pattern"], found[0]):
            return Found(found[0], 1.0)
        return Found(example(str(schema["pattern"])), 0.0)
    spans: list[Span] | None = None
    if form == "email" or "email" in kinds:
        spans = source.free(source.emails)
    elif form in ("uri", "url") or kinds & {"url", "link", "website"}:
        spans = source.free(source.urls)
    elif form in ("date", "date-time"):
        spans = [span for span in source.free(source.dates) if re.match(r"\d{4}-", span.value)]
    if spans:
        value = source.take(spans[0])
        return Found(f"{value}T00:00:00Z" if form == "date-time" else value, 1.0)
    made_up = {
        "email": "unknown@example.com",
        "uri": "https://example.com/",
        "date": "1970-01-01",
        "date-time": "1970-01-01T00:00:00Z",
        "time": "00:00:00Z",
        "uuid": "00000000-0000-4000-8000-000000000000",
    }
    return Found(made_up[form], 0.0) if form in made_up else None


def shaped(text: str, schema: Schema) -> str:
    """A text of the length that the schema allows."""
    text = " ".join(text.split()) or "unknown"
    low, high = int(schema.get("minLength", 0)), schema.get("maxLength")
    if len(text) < low:
        text += "." * (low - len(text))
    return text[: int(high)] if high is not None else text
