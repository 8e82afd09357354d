"""Filling a JSON schema from a text, with a value of the right type for everything that is required."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from turnout_emulator.brain.figures import boolean, bounded, number
from turnout_emulator.brain.found import Found, Schema
from turnout_emulator.brain.source import Source
from turnout_emulator.brain.strings import shaped, string
from turnout_emulator.brain.words import sentences, stem, stems, words

_DEPTH = 12


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
        schema = {} if isinstance(schema, bool) else self._resolve(schema)
        if "const" in schema:
            return Found(schema["const"], self._mentions(schema["const"]))
        if "enum" in schema:
            return self._enum(schema, label)
        options = schema.get("anyOf") or schema.get("oneOf")
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        if options is None and isinstance(kind, list):
            options = [{**schema, "type": one} for one in kind]
        if options is not None:
            return self._any(options, schema, label, sure=sure, depth=depth)
        return self._typed(str(kind), schema, label, sure=sure, depth=depth)

    def _typed(self, kind: str, schema: Schema, label: str, *, sure: bool, depth: int) -> Found:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, label, depth)
            case "integer" | "number":
                return number(self._source, schema, label, sure=sure)
            case "boolean":
                return boolean(self._source, schema, label)
            case "null":
                return Found(None, 0.0)
        return string(self._source, self._request, schema, label, sure=sure)

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
        schema = self._resolve(schema)
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
            values = self._objects(items, label, depth)
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
        if items.get("type") not in ("string", "integer", "number") or "const" in items:
            found_one = self.fill(items, label, depth=depth + 1) if items else Found(None, 0.0)
            return [found_one.value] if found_one.evidence >= 0.75 else []
        if items.get("type") in ("integer", "number"):
            found = [source.take(span) for span in source.free(source.numbers)]
            return [bounded(value, items) for value in found]
        return [self._one(text, items, label, depth) for text in self._texts(label)]

    def _texts(self, label: str) -> list[str]:
        """Several strings: listed behind a label, quoted, proper names, or listed behind a word like `of`."""
        source = self._source
        named = source.labelled(words(label)) or source.labelled([stem(word) for word in words(label)])
        if named is not None:
            tail = re.match(r"[^.\n]+", source.text[named.start :])
            return _listed(tail[0] if tail else str(named.value))
        spans = source.free(source.quoted) or source.free(source.names)
        if spans:
            return [str(source.take(span)) for span in spans]
        after = re.search(r"(?::|\bof\b|\blike\b|\binclude\b)\s*([^.\n]+)", source.text)
        if after is not None and re.search(r",|\band\b", after[1]):
            return _listed(after[1])
        return []

    def _one(self, text: str, items: Schema, label: str, depth: int) -> Any:
        if items.get("type", "string") == "string" and not {"format", "pattern"} & set(items):
            return shaped(text, items)
        return Filler(self._root, Source(text), text).fill(items, label, depth=depth + 1).value

    def _objects(self, items: Schema, label: str, depth: int) -> list[Any]:
        """One object for each part of the text that fills one, however the text is best taken apart."""
        text = self._source.text
        headed = re.search(rf"(?<!\w){re.escape(label.replace('_', ' '))}\s*:\s*(.+)", text, re.IGNORECASE | re.DOTALL)
        if label and headed is not None:
            text = headed[1]
        units = [unit for line in text.split("\n") for unit in sentences(line)]
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


def _listed(text: str) -> list[str]:
    parts = re.split(r"\s*(?:,|;|\band\b|\bor\b|&)\s*", text.strip(" .!?:"))
    return [part.strip(" .\"'") for part in parts if part.strip(" .\"'")]
