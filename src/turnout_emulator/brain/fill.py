"""Filling a JSON schema from a text, with a placeholder of the right type for what the text doesn't name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from turnout_emulator.brain.facts import PATTERNS, Facts, topic
from turnout_emulator.brain.words import sentences, stem, words

Schema = Mapping[str, Any]
_DEEPEST = 12
_NAMED = 0.75  # evidence from which a value that isn't required is taken
_WHOLE = frozenset(map(stem, ("query", "question", "input", "text", "prompt", "message", "request", "task")))
_PLACEHOLDERS = {
    "email": "unknown@example.com",
    "uri": "https://example.com/",
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class Found(NamedTuple):
    """A value, and how sure the text makes us of it: 0 made up, 0.5 the right kind, 1 named by the text."""

    value: Any
    evidence: float


def fill(schema: Schema, text: str, request: str | None = None) -> Found:
    """A value for a schema, from a text; `request` is what the user asked for, when the text is longer than that."""
    return _Filler(schema, text, text if request is None else request).fill(schema, "")


class _Filler:
    def __init__(self, root: Schema, text: str, request: str) -> None:
        self._root = root
        self._text = text
        self._request = request
        self._facts = Facts(text)

    def fill(self, schema: Schema | bool, label: str, depth: int = 0, *, named: bool = False) -> Found:
        """A value for a part of the schema; with `named`, only one that the text names is looked for."""
        schema = self._resolve(schema)
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        options = schema.get("anyOf") or schema.get("oneOf")
        if options is None and isinstance(kind, list):
            options = [{**schema, "type": one} for one in kind]
        if "const" in schema or "enum" in schema:
            found = self._enum(schema.get("enum", [schema.get("const")]), schema.get("default"))
        elif depth > _DEEPEST or kind == "null":
            found = Found({"object": {}, "array": []}.get(str(kind)), 0.0)
        elif options is not None:
            found = self._any(options, schema, label, depth, named=named)
        elif kind == "object":
            found = self._object(schema, depth)
        elif kind == "array":
            found = self._array(schema, label, depth)
        elif kind in ("integer", "number"):
            found = self._number(schema, label, named=named)
        elif kind == "boolean":
            found = self._boolean(schema, label)
        else:
            found = self._string(schema, label, named=named)
        return found

    def _resolve(self, schema: Schema | bool) -> Schema:
        schema = schema if isinstance(schema, Mapping) else {}
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                target: Any = self._root
                for part in filter(None, str(schema["$ref"]).removeprefix("#").split("/")):
                    target = target.get(part) if isinstance(target, Mapping) else None
                target = target if isinstance(target, Mapping) else {}
            elif "allOf" in schema:
                target = {name: value for part in schema["allOf"] for name, value in self._resolve(part).items()}
            else:
                break
            schema = {**target, **{name: value for name, value in schema.items() if name not in ("$ref", "allOf")}}
        return schema

    def _any(self, options: Sequence[Schema], around: Schema, label: str, depth: int, *, named: bool) -> Found:
        resolved = [self._resolve(option) for option in options]
        nullable = any(option.get("type") == "null" for option in resolved)
        trials = [
            _Filler(self._root, self._text, self._request).fill(option, label, depth + 1, named=named or nullable)
            for option in resolved
            if option.get("type") != "null"
        ]
        best = max(trials, key=lambda found: found.evidence, default=Found(None, 0.0))
        return Found(around.get("default"), 0.0) if nullable and best.evidence < _NAMED else best

    def _mentions(self, value: Any) -> float:
        wanted = {stem(word) for word in words(str(value))}
        return float(bool(wanted) and wanted <= {stem(word) for word in words(self._text)})

    def _enum(self, values: Sequence[Any], default: Any) -> Found:
        named = next((value for value in values if value is not None and self._mentions(value)), None)
        if named is not None:
            return Found(named, 1.0)
        return Found(default if default in values else None if None in values else values[0], 0.0)

    def _object(self, schema: Schema, depth: int) -> Found:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        if not properties:
            return self._mapping(schema.get("additionalProperties"), depth)
        filled: dict[str, Any] = {}
        evidence = [0.0]
        for name in sorted(properties, key=lambda name: self._order(properties[name])):
            found = self.fill(properties[name], name, depth + 1, named=name not in required)
            if name in required or found.evidence >= _NAMED:
                filled[name] = found.value
                evidence.append(found.evidence)
        ordered = {name: filled[name] for name in properties if name in filled}
        return Found(ordered, sum(evidence) / max(1, len(evidence) - 1))

    def _order(self, schema: Schema) -> int:
        """What draws from the text first: the pickiest kinds, free text last."""
        schema = self._resolve(schema)
        if {"enum", "const", "format"} & schema.keys():
            return 0
        return {"integer": 1, "number": 1, "boolean": 1, "string": 2}.get(str(schema.get("type")), 3)

    def _mapping(self, inner: Schema | bool | None, depth: int) -> Found:
        found = re.finditer(r"(\w[\w -]{0,40}?)\s*[:=]\s*([^,;.\n]+)", self._text) if inner else ()
        pairs = {one[1]: _Filler(self._root, one[2], one[2]).fill(inner or {}, "", depth + 1).value for one in found}
        return Found(pairs, float(bool(pairs)))

    def _array(self, schema: Schema, label: str, depth: int) -> Found:
        items = self._resolve(schema.get("items", {}))
        values = self._items(items, label, depth)
        evidence = float(bool(values))
        while len(values) < schema.get("minItems", 0):
            values.append(_Filler(self._root, self._text, self._request).fill(items, label, depth + 1).value)
        return Found(values[: schema.get("maxItems")], evidence)

    def _items(self, items: Schema, label: str, depth: int) -> list[Any]:
        if "enum" in items:
            return [value for value in items["enum"] if self._mentions(value)]
        if items.get("type") in ("integer", "number"):
            return [_bounded(span.value, items) for span in self._facts.numbers()]
        listed = re.search(
            rf"(?<!\w){re.escape(label.replace('_', ' '))}s?\s*:\s*(?P<list>[^\n]+)", self._text, re.IGNORECASE
        )
        if items.get("type") == "string" and not {"format", "const"} & items.keys():
            parts = re.split(r",|;|\band\b", listed["list"].partition(". ")[0]) if label and listed else []
            texts = [part.strip(" .") for part in parts] or [span.value for span in self._facts.quoted()]
            return [_shaped(text, items) for text in texts if text]
        text = listed["list"] if label and listed else self._text
        pieces = re.split(r"\s*;\s*|\n", text) if ";" in text or "\n" in text else sentences(text)
        found = [_Filler(self._root, piece, piece).fill(items, label, depth + 1) for piece in pieces if piece]
        return [one.value for one in found if one.evidence >= 0.5]

    def _number(self, schema: Schema, label: str, *, named: bool) -> Found:
        facts = self._facts
        spans = [span for span in facts.numbers() if _bounded(span.value, schema) == span.value]
        for found, evidence in ((facts.beside(label, spans), 1.0), ([] if named else spans, 0.5)):
            value = facts.draw(found)
            if value is not None:
                return Found(value, evidence)
        return Found(_bounded(schema.get("default") or 0, schema), 0.0)

    def _boolean(self, schema: Schema, label: str) -> Found:
        name = " ".join(word for word in words(label) if word not in ("is", "has"))
        if not name or not self._mentions(name):
            return Found(bool(schema.get("default", False)), 0.0)
        denied = re.search(
            rf"\b(?:not?|without|never)\b[^.,;]*{name}|{name}\W*(?:no|false)\b", self._text, re.IGNORECASE
        )
        return Found(denied is None, 0.9)

    def _string(self, schema: Schema, label: str, *, named: bool) -> Found:
        facts = self._facts
        form = str(schema.get("format") or next((name for name in PATTERNS if name in words(label)), ""))
        if form in PATTERNS:
            value = facts.draw(facts.formatted(form))
            return Found(value or _PLACEHOLDERS[form], float(value is not None))
        if form in _PLACEHOLDERS:
            return Found(_PLACEHOLDERS[form], 0.0)
        names = [*facts.quoted(), *facts.names()]
        whole = bool({stem(word) for word in words(label)} & _WHOLE)
        sources = [(facts.labelled(label), 1.0), (facts.beside(label, names), 0.9)]
        if not named and not whole:
            sources.append((names, 0.8 if "name" in words(label) else 0.5))
        for spans, evidence in sources:
            value = facts.draw(spans)
            if value is not None:
                return Found(_shaped(value, schema), evidence)
        if isinstance(schema.get("default"), str):
            return Found(schema["default"], 0.0)
        return Found(_shaped(self._request if whole else topic(self._request)[:300], schema), 0.5 if whole else 0.0)


def _shaped(text: str, schema: Schema) -> str:
    """A text of the length that the schema allows."""
    text = " ".join(text.split()) or "unknown"
    return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]


def _bounded(value: float, schema: Schema) -> float:
    """The nearest number that the schema allows."""
    whole = schema.get("type") == "integer"
    step = schema.get("multipleOf", 1 if whole else 0)
    unit = step or 1e-6
    low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf) + unit)
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf) - unit)
    value = min(max(value, low), high)
    if step:
        value = step * (round(value / step) + (round(value / step) * step < low))
    return int(value) if whole else value
