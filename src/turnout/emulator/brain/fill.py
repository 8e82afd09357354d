"""Filling a JSON schema from a text, with a value of the right type for everything that is required."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout.emulator.brain.source import Source, Span, topic
from turnout.emulator.brain.words import sentences, stem, stems, words

Schema = Mapping[str, Any]

_DEPTH = 12
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
_NAMING = r"named|called|titled|entitled|for|name|name is|by"


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and how sure the text makes us of it: 0 made up, 0.5 the right kind, 1 named by the text."""

    value: Any
    evidence: float


class Filler:
    """Fills one schema from one text.

    Args:
        root: The schema, which `$ref` refers into.
        source: The text.
        request: What the user asked for, when the text is longer than that.
    """

    def __init__(self, root: Schema, source: Source, request: str | None = None) -> None:
        self._root = root
        self._source = source
        self._request = request if request is not None else source.text

    def fill(
        self, schema: Schema | bool | None = None, label: str = "", *, sure: bool = False, depth: int = 0
    ) -> Found:
        """A value for a schema.

        Args:
            schema: The schema; the root when left out.
            label: The property's name.
            sure: Whether only a value that the text names is wanted.
            depth: How deep this is nested.
        """
        schema = self._root if schema is None else schema
        if isinstance(schema, bool):
            return Found(self._string({}, label).value, 0.0)
        schema = self._resolve(schema)
        if "const" in schema:
            return Found(schema["const"], self._mentions(schema["const"]))
        if "enum" in schema:
            return self._enum(schema, label)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._any(schema[key], schema, label, sure=sure, depth=depth)
        kind = schema.get("type")
        if isinstance(kind, list):
            options = [{**schema, "type": one} for one in kind]
            return self._any(options, schema, label, sure=sure, depth=depth)
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, label, depth)
        if kind in ("integer", "number"):
            return self._number(schema, label, sure=sure)
        if kind == "boolean":
            return self._boolean(schema, label)
        if kind == "null":
            return Found(None, 0.0)
        return self._string(schema, label, sure=sure)

    def _resolve(self, schema: Schema) -> Schema:
        for _ in range(_DEPTH):
            if "$ref" in schema:
                target: Any = self._root
                for part in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                    target = target.get(part, {}) if part else target
                schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
            elif "allOf" in schema:
                merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    resolved = self._resolve(part)
                    merged = {
                        **resolved,
                        **merged,
                        "properties": {**resolved.get("properties", {}), **merged.get("properties", {})},
                        "required": [*resolved.get("required", []), *merged.get("required", [])],
                    }
                if not merged["properties"]:
                    del merged["properties"], merged["required"]
                schema = merged
            else:
                break
        return schema

    def _any(self, options: Sequence[Schema], around: Schema, label: str, *, sure: bool, depth: int) -> Found:
        resolved = [self._resolve(option) for option in options]
        nullable = any(option.get("type") == "null" for option in resolved)
        described = {"description": around["description"]} if "description" in around else {}
        real = [{**described, **option} for option in resolved if option.get("type") != "null"]
        if depth > _DEPTH:
            return Found(None, 0.0)
        best: Found | None = None
        for option in real:
            trial = Source(self._source.text)
            found = Filler(self._root, trial, self._request).fill(option, label, sure=sure or nullable, depth=depth + 1)
            if best is None or found.evidence > best.evidence:
                best = found
        if nullable and (best is None or best.evidence < 0.75):
            return Found(around.get("default"), 0.0)
        return best or Found(None, 0.0)

    def _mentions(self, value: Any) -> float:
        wanted = stems(str(value)) or words(str(value))
        present = {stem(word) for word in words(self._source.text)}
        return 1.0 if wanted and all(stem(word) in present for word in wanted) else 0.0

    def _enum(self, schema: Schema, label: str) -> Found:
        values = list(schema["enum"])
        named = self._source.labelled(words(label))
        for text in (named.value if named else "", self._source.text):
            hits = []
            for value in values:
                if isinstance(value, str) and value:
                    match = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE)
                    if match is None:
                        match = re.search(rf"(?<!\w){re.escape(value.replace('_', ' '))}", text, re.IGNORECASE)
                    if match is not None:
                        hits.append((match.start(), -len(value), value))
            if hits:
                return Found(min(hits, key=lambda hit: hit[:2])[2], 1.0)
        for value in values:
            if value is not None and self._mentions(value):
                return Found(value, 0.9)
        if "default" in schema and schema["default"] in values:
            return Found(schema["default"], 0.0)
        return Found(None if None in values else values[0], 0.0)

    def _object(self, schema: Schema, depth: int) -> Found:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        if depth > _DEPTH:
            return Found({}, 0.0)
        if not properties:
            return self._mapping(schema, depth)
        value: dict[str, Any] = {}
        evidence: list[float] = []
        for name in sorted(properties, key=lambda name: (self._rank(properties[name]), list(properties).index(name))):
            found = self.fill(properties[name], name, sure=name not in required, depth=depth + 1)
            if name in required:
                value[name] = found.value
                evidence.append(found.evidence)
            elif found.evidence >= 0.75:
                value[name] = found.value
        ordered = {name: value[name] for name in properties if name in value}
        return Found(ordered, sum(evidence) / len(evidence) if evidence else float(bool(value)))

    def _rank(self, schema: Schema) -> int:
        """What draws from the text first: the pickiest kinds, free text last."""
        schema = self._resolve(schema) if isinstance(schema, Mapping) else {}
        if "enum" in schema or "const" in schema or "format" in schema or "pattern" in schema:
            return 0
        return {"integer": 1, "number": 1, "boolean": 1, "string": 2}.get(str(schema.get("type")), 3)

    def _mapping(self, schema: Schema, depth: int) -> Found:
        inner = schema.get("additionalProperties")
        pairs: dict[str, Any] = {}
        if inner is not False and inner is not None:
            for match in re.finditer(r"[\"']?(\w[\w -]{0,40}?)[\"']?\s*[:=]\s*([^,;\n]+)", self._source.text):
                filler = Filler(self._root, Source(match[2]), match[2])
                pairs[match[1].strip()] = filler.fill(inner, depth=depth + 1).value
        return Found(pairs, 1.0 if pairs else 0.0)

    def _array(self, schema: Schema, label: str, depth: int) -> Found:
        if "prefixItems" in schema:
            parts = [self.fill(part, label, depth=depth + 1) for part in schema["prefixItems"]]
            return Found([part.value for part in parts], max((part.evidence for part in parts), default=0.0))
        items = schema.get("items", {})
        items = self._resolve(items) if isinstance(items, Mapping) else {}
        low = int(schema.get("minItems", 0))
        high = int(schema.get("maxItems", 50))
        if depth > _DEPTH:
            return Found([], 0.0)
        if items.get("type") == "object" or "properties" in items:
            values = self._objects(items, depth)
        else:
            values = self._several(items, label, depth)
        evidence = 1.0 if values else 0.0
        if schema.get("uniqueItems"):
            values = [value for index, value in enumerate(values) if value not in values[:index]]
        while len(values) < low:
            filler = Filler(self._root, Source(self._source.text), self._request)
            extra = filler.fill(items, label, depth=depth + 1).value
            if schema.get("uniqueItems") and extra in values:
                extra = f"{extra} {len(values) + 1}" if isinstance(extra, str) else extra
            values.append(extra)
        return Found(values[:high], evidence)

    def _several(self, items: Schema, label: str, depth: int) -> list[Any]:
        source = self._source
        if "enum" in items:
            return [value for value in items["enum"] if self._mentions(value)]
        if items.get("type") in ("integer", "number"):
            found = [source.take(span) for span in source.free(source.numbers)]
            return [_bounded(value, items) for value in found]
        named = source.labelled(words(label)) or source.labelled([stem(word) for word in words(label)])
        if named is not None:
            tail = re.match(r"[^.\n]+", source.text[named.start :])
            listed = _listed(tail[0] if tail else str(named.value))
            return [self._one(text, items, label, depth) for text in listed]
        spans = source.free(source.quoted) or source.free(source.names)
        if spans:
            return [self._one(str(source.take(span)), items, label, depth) for span in spans]
        after = re.search(r"(?::|\bof\b|\blike\b|\binclude\b)\s*([^.\n]+)", source.text)
        if after is not None and re.search(r",|\band\b", after[1]):
            return [self._one(text, items, label, depth) for text in _listed(after[1])]
        return []

    def _one(self, text: str, items: Schema, label: str, depth: int) -> Any:
        if items.get("type", "string") == "string" and not {"format", "pattern"} & set(items):
            return _shaped(text, items)
        return Filler(self._root, Source(text), text).fill(items, label, depth=depth + 1).value

    def _objects(self, items: Schema, depth: int) -> list[Any]:
        units = [unit for line in self._source.text.split("\n") for unit in sentences(line)]
        wanted = max(1, len(items.get("required", ()) or items.get("properties", {})))
        best: list[Any] = []
        best_score = 0.0
        for pattern in (None, r"\s*;\s*", r"\s*;\s*|,?\s+and\s+(?=[A-Z\d\"'])", r"\s*;\s*|,\s+and\s+|,\s+|\s+and\s+"):
            pieces = units if pattern is None else [piece for unit in units for piece in re.split(pattern, unit)]
            values, score = [], 0.0
            for piece in pieces:
                found = Filler(self._root, Source(piece), piece).fill(items, depth=depth + 1)
                if found.evidence >= 0.45 and found.value not in values:
                    values.append(found.value)
                    score += found.evidence * wanted - 0.5
            if score > best_score + 0.01:
                best, best_score = values, score
        return best

    def _number(self, schema: Schema, label: str, *, sure: bool) -> Found:
        source = self._source
        whole = schema.get("type") == "integer"
        spans = [span for span in source.free(source.numbers) if _fits(span.value, schema) and not self._in_date(span)]
        if whole:
            spans = [span for span in spans if isinstance(span.value, int)] or spans
        named = source.nearest(self._labels(label, schema), spans)
        if named is not None:
            return Found(_typed(source.take(named), schema, whole=whole), 1.0)
        if "year" in words(label):
            spans = [span for span in spans if 1000 <= span.value <= 2999]
            if spans:
                return Found(_typed(source.take(spans[0]), schema, whole=whole), 0.8)
        if spans and not sure:
            return Found(_typed(source.take(spans[0]), schema, whole=whole), 0.5)
        return Found(_typed(schema.get("default") or 0, schema, whole=whole), 0.0)

    def _in_date(self, span: Span) -> bool:
        return any(date.start <= span.start < date.end for date in self._source.dates)

    def _labels(self, label: str, schema: Schema) -> frozenset[str]:
        own = words(label)
        alike = [alias for word in own for alias in _ALIASES.get(word, "").split()]
        described = stems(str(schema.get("description", ""))) if len(own) == 1 and len(own[0]) < 3 else []
        return frozenset({stem(word) for word in [*own, *alike] if len(word) > 1} | set(described))

    def _boolean(self, schema: Schema, label: str) -> Found:
        wanted = [stem(word) for word in words(label) if word not in ("is", "has", "the", "a", "should", "use")]
        text = self._source.text
        named = self._source.labelled(words(label))
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

    def _string(self, schema: Schema, label: str, *, sure: bool = False) -> Found:
        source = self._source
        formatted = self._formatted(schema, label)
        if formatted is not None:
            return formatted
        span, evidence = self._named(schema, label)
        if span is None and not sure:
            kinds = set(map(stem, words(label)))
            if kinds & _WHOLE:
                return Found(_shaped(self._request.strip(), schema), 0.5)
            free = source.free(source.quoted) or source.free(source.names)
            if free:
                span, evidence = free[0], 0.5
        if span is not None:
            return Found(_shaped(str(source.take(span)), schema), evidence)
        if "default" in schema and isinstance(schema["default"], str):
            return Found(schema["default"], 0.0)
        return Found(_shaped(topic(self._request)[:300], schema), 0.0)

    def _named(self, schema: Schema, label: str) -> tuple[Span | None, float]:  # noqa: PLR0911
        source = self._source
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
        if "name" in kinds or kinds & {"person", "author", "user"}:
            names = source.free(source.names)
            if names:
                return names[0], 0.8
        return None, 0.0

    def _formatted(self, schema: Schema, label: str) -> Found | None:
        source = self._source
        form = schema.get("format")
        kinds = set(words(label))
        if "pattern" in schema:
            found = re.search(str(schema["pattern"]).removeprefix("^").removesuffix("$"), source.text)
            if found is not None and re.search(schema["pattern"], found[0]):
                return Found(found[0], 1.0)
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


def _listed(text: str) -> list[str]:
    parts = re.split(r"\s*(?:,|;|\band\b|\bor\b|&)\s*", text.strip(" .!?:"))
    return [part.strip(" .\"'") for part in parts if part.strip(" .\"'")]


def _shaped(text: str, schema: Schema) -> str:
    text = " ".join(text.split()) or "unknown"
    low, high = int(schema.get("minLength", 0)), schema.get("maxLength")
    if len(text) < low:
        text += "." * (low - len(text))
    return text[: int(high)] if high is not None else text


def _fits(value: float, schema: Schema) -> bool:
    return bool(_bounded(value, schema) == value)


def _typed(value: float, schema: Schema, *, whole: bool) -> float:
    value = _bounded(value, schema)
    return int(value) if whole else value


def _bounded(value: float, schema: Schema) -> float:
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
