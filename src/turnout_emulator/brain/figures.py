"""Numbers and truth values for a form, drawn from a text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from turnout_emulator.brain.found import Found, Schema
from turnout_emulator.brain.source import Source, Span
from turnout_emulator.brain.words import stem, stems, words

_ALIASES: Mapping[str, str] = {
    "age": "old years aged",
    "birth": "born",
    "price": "cost costs priced usd dollars euros",
    "cost": "price costs usd dollars euros",
    "amount": "total sum usd dollars euros",
    "population": "people inhabitants residents",
    "quantity": "count number units pieces",
    "count": "number times",
    "duration": "minutes hours seconds days",
    "rating": "rated stars score",
    "weight": "weighs kg",
    "height": "tall cm",
    "job": "works profession",
    "occupation": "works profession",
}


def number(source: Source, schema: Schema, label: str, *, sure: bool) -> Found:
    """A number within the schema's bounds; `sure` takes only one that the text names."""
    whole = schema.get("type") == "integer"
    spans = [span for span in source.free(source.numbers) if _fits(span.value, schema) and not _in_date(source, span)]
    if whole:
        spans = [span for span in spans if isinstance(span.value, int)] or spans
    named = source.nearest(_labels(label, schema), spans)
    if named is not None:
        return Found(_typed(source.take(named), schema, whole=whole), 1.0)
    if "year" in words(label):
        spans = [span for span in spans if 1000 <= span.value <= 2999]
        if spans:
            return Found(_typed(source.take(spans[0]), schema, whole=whole), 0.8)
    if spans and not sure:
        return Found(_typed(source.take(spans[0]), schema, whole=whole), 0.5)
    return Found(_typed(schema.get("default") or 0, schema, whole=whole), 0.0)


def _in_date(source: Source, span: Span) -> bool:
    return any(date.start <= span.start < date.end for date in source.dates)


def _labels(label: str, schema: Schema) -> frozenset[str]:
    own = words(label)
    alike = [alias for word in own for alias in _ALIASES.get(word, "").split()]
    described = stems(str(schema.get("description", ""))) if len(own) == 1 and len(own[0]) < 3 else []
    return frozenset({stem(word) for word in [*own, *alike] if len(word) > 1} | set(described))


def boolean(source: Source, schema: Schema, label: str) -> Found:
    """Whether the text says so of the label."""
    wanted = [stem(word) for word in words(label) if word not in ("is", "has", "the", "a", "should", "use")]
    text = source.text
    named = source.labelled(words(label))
    if named is not None:
        return Found(not re.match(r"(?:no|false|off|not|never|none)\b", str(named.value), re.IGNORECASE), 1.0)
    for match in re.finditer(r"[^\W\d_]+", text):
        if stem(match[0]) in wanted:
            before = text[max(0, match.start() - 25) : match.start()]
            denied = re.search(
                r"\b(?:not|no|without|never|isn't|aren't|don't|doesn't|non)\b[^.,;]*$", before, re.IGNORECASE
            )
            return Found(denied is None, 0.9)
    return Found(bool(schema.get("default", False)), 0.0)


def _fits(value: float, schema: Schema) -> bool:
    return bool(bounded(value, schema) == value)


def _typed(value: float, schema: Schema, *, whole: bool) -> float:
    value = bounded(value, schema)
    return int(value) if whole else value


def bounded(value: float, schema: Schema) -> float:
    """The nearest number that the schema allows."""
    whole = schema.get("type") == "integer"
    if whole and not isinstance(value, int):
        value = round(value)
    step = schema.get("multipleOf")
    if step:
        value = round(value / step) * step
    unit = step or (1 if whole else 1e-6)
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and value < low:
        value = math.ceil(low / step) * step if step else low
    if above is not None and value <= above:
        value = above + unit
    if high is not None and value > high:
        value = math.floor(high / step) * step if step else high
    if below is not None and value >= below:
        value = below - unit
    return value
