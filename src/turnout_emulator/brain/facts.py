"""What a text offers to fill a form with: names, numbers, quotations, dates and labelled values."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from turnout_emulator.brain.words import STOP_WORDS, words

_QUOTED = re.compile(
    r"\"([^\"\n]{1,300})\"|“([^”\n]{1,300})”|(?<!\w)'([^'\n]{1,300})'(?!\w)|‘([^’\n]{1,300})’|`([^`\n]{1,300})`"
)
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
PATTERNS = {
    "date": re.compile(r"\b\d{4}-\d{2}-\d{2}\b"),
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "uri": re.compile(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]"),
}
_VALUE_END = re.compile(r",\s|[.!](?:\s|$)|\sand\s")
_NAME_WORD = r"[A-ZÀ-ÞĀ-Ž][\w’'&.-]*\w|[A-Z]\b|[一-鿿぀-ヿ가-힯]+"
_NAME = re.compile(
    rf"(?:{_NAME_WORD})(?:(?: (?:of|de|da|van|von|the|la|du|del)\b)? (?:{_NAME_WORD}))*(?:, [A-Z]{{2}}\b)?"
)
_NO_NAME = STOP_WORDS | frozenset(
    words("use create add find get look search call order name list also hello hi thanks")
)

_OPENS_SENTENCE = re.compile(r"(?:^|[.!?:\n]\s*[\"'“‘]?)$")
_SUBJECT = re.compile(r"[ \t]*(?:$|\n|is\b|was\b|has\b|lives\b|works\b|,|:|'s|’s|and [A-Z])")


class Span(NamedTuple):
    """A value and where in the text it stands."""

    start: int
    end: int
    value: Any


class Facts:
    """A text to draw values from; what has been drawn is not offered again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._drawn: list[Span] = []

    def draw(self, spans: Sequence[Span]) -> Any:
        """The first value that hasn't been drawn yet; None if there is none."""
        for span in spans:
            if not any(span.start < other.end and other.start < span.end for other in self._drawn):
                self._drawn.append(span)
                return span.value
        return None

    def labelled(self, label: str) -> list[Span]:
        """The value behind `label:`, `label is` or `label =`, for a label of one or several words."""
        pattern = r"[\s_-]*".join(map(re.escape, words(label)))
        match = re.search(
            rf"(?<!\w){pattern}s?[\"'*`]*\s*(?::|=|\bis\b|\bare\b|\bwas\b)\s*(?P<value>[^\n;]+)",
            self.text,
            re.IGNORECASE,
        )
        if match is None or "?" in match["value"]:
            return []
        quoted = _QUOTED.match(match["value"])
        value = next(filter(None, quoted.groups())) if quoted else _VALUE_END.split(match["value"])[0].strip(" *`\"'")
        return [Span(match.start("value"), match.start("value") + len(value), value)] if value else []

    def beside(self, label: str, spans: Sequence[Span]) -> list[Span]:
        """Those of the spans that stand right behind the label, or right before it."""
        name = r"[\s_-]*".join(map(re.escape, words(label)))
        found: list[Span] = []
        for span in spans if name else ():
            before, after = self.text[: span.start], self.text[span.end :]
            if re.search(rf"(?<!\w){name}\W*$", before, re.IGNORECASE):
                found.insert(0, span)
            elif re.match(rf"\W*{name}(?!\w)", after, re.IGNORECASE):
                found.append(span)
        return found

    def numbers(self) -> list[Span]:
        """Numbers in figures."""
        found = ((match, float(match[0])) for match in _NUMBER.finditer(self.text))
        return [Span(match.start(), match.end(), int(value) if value.is_integer() else value) for match, value in found]

    def quoted(self) -> list[Span]:
        """Quoted texts, without their quotation marks."""
        return [
            Span(match.start(), match.end(), next(filter(None, match.groups())).strip())
            for match in _QUOTED.finditer(self.text)
        ]

    def formatted(self, form: str) -> list[Span]:
        """Dates, e-mail addresses or web addresses."""
        return [Span(match.start(), match.end(), match[0]) for match in PATTERNS[form].finditer(self.text)]

    def names(self) -> list[Span]:
        """Proper names: runs of capitalised words that no sentence's beginning explains."""
        found: list[Span] = []
        for match in _NAME.finditer(self.text):
            start, text = match.start(), match[0].rstrip(".'’")
            while text:
                first = text.split()[0]
                opens = _OPENS_SENTENCE.search(self.text[:start].rstrip(" ")) is not None
                ordinary = " " not in text and opens and not _SUBJECT.match(self.text[start + len(text) :])
                if first.rstrip(",.'’").lower() not in _NO_NAME and not ordinary:
                    break
                rest = text[len(first) :].lstrip()
                start, text = start + len(text) - len(rest), rest
            text = re.sub(r"['’]s$", "", text)
            if re.search(r"\w", text) and not re.match(r"\s*:(?!/)", self.text[start + len(text) :]):
                found.append(Span(start, start + len(text), text))
        return found


def topic(text: str) -> str:
    """What a request is about: the words behind `about`, `for`, `of` or `on`, else the request itself."""
    match = re.search(r"\b(?:about|regarding|concerning|on|for|of)\s+(?P<topic>[^.?!,;\n]+)", text, re.IGNORECASE)
    found = match["topic"].strip() if match else ""
    return found if any(word not in STOP_WORDS for word in words(found)) else text.strip()
