"""What a text offers to fill a form with: names, numbers, quotations, dates, addresses, labelled values."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from turnout_emulator.brain.words import STOP_WORDS, stem, words

_QUOTED = re.compile(
    r"\"([^\"\n]{1,300})\"|“([^”\n]{1,300})”|(?<!\w)'([^'\n]{1,300})'(?!\w)|‘([^’\n]{1,300})’|`([^`\n]{1,300})`"
)
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-+−]?)(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s?(?P<scale>thousand|million|billion|k|m|bn)\b)?(?!\w)",
    re.IGNORECASE,
)
_NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - a list of words
    )
}
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)
_SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "billion": 1e9, "bn": 1e9}
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(
    rf"\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTH})(?:,? \d{{4}})?\b"
    rf"|\b(?:{_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b(?:today|tomorrow|yesterday|tonight)\b"
    r"|\b(?:next |last |this )?(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_STREET = re.compile(
    r"\b\d+[a-z]?(?: [A-Z][\w.'-]*)+ "
    r"(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Ln|Lane|Dr|Drive|Way|Square|Place)\b"
)
_URL = re.compile(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]")
_NAME_WORD = r"[A-ZÀ-ÞĀ-Ž][\w’'&.-]*\w|[A-Z]\b|[一-鿿぀-ヿ가-힯]+"
_NAME = re.compile(
    rf"(?:{_NAME_WORD})(?:(?: (?:of|de|da|van|von|the|la|du|del)\b)? (?:{_NAME_WORD}))*(?:, [A-Z]{{2}}\b)?"
)
_UNIT = """
seconds? minutes? hours? days? weeks? months? years? percent degrees? euros? dollars? pounds? cents? met(?:re|er)s?
kilomet(?:re|er)s? miles? kg km cm mm grams? lit(?:re|er)s? times people am pm
"""
_JOINS = "and|or|at|for|to|from|in|on|with|is|are"
_COUNTED = re.compile(
    rf"\b(?:\d+|{'|'.join(_NUMBER_WORDS)})\s+(?:[x×]\s+)?(?!(?:{'|'.join(_UNIT.split())})\b)"
    rf"(?P<thing>[^\W\d_][\w-]*(?: (?!(?:{_JOINS})\b)[^\W\d_][\w-]*){{0,2}})",
    re.IGNORECASE,
)
_LEADING = """
use using call create add find get look search book order send extract write make generate give compute
calculate what's who's where's how's let's hello hi hey thanks also then first next finally i'm i'd monday
tuesday wednesday thursday friday saturday sunday return result json yes no ok okay given answer question
context date time describe list summarize summarise translate schedule remind set turn play read open check
compare tell
"""
_NOT_A_NAME = STOP_WORDS | frozenset(_LEADING.split())


@dataclass(frozen=True, slots=True)
class Span:
    """A value and where in the text it stands."""

    start: int
    end: int
    value: Any


class Source:
    """A text to draw values from; what has been drawn is not offered again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._used: list[tuple[int, int]] = []

    def take(self, span: Span) -> Any:
        """Draw a value."""
        self._used.append((span.start, span.end))
        return span.value

    def free(self, spans: Sequence[Span]) -> list[Span]:
        """Those of the spans that nothing has been drawn from."""
        return [span for span in spans if not any(span.start < end and start < span.end for start, end in self._used)]

    @cached_property
    def quoted(self) -> list[Span]:
        """Quoted texts, without their quotation marks."""
        return [
            Span(match.start(), match.end(), next(group for group in match.groups() if group is not None).strip())
            for match in _QUOTED.finditer(self.text)
        ]

    @cached_property
    def numbers(self) -> list[Span]:
        """Numbers in figures, and the small ones in words when there are none in figures."""
        found = []
        for match in _NUMBER.finditer(self.text):
            value: float = float(match["digits"].replace(",", ""))
            if match["scale"]:
                value *= _SCALES[match["scale"].lower()]
            if match["sign"] in ("-", "−") and not re.search(r"\w\s*$", self.text[: match.start()]):
                value = -value
            found.append(Span(match.start(), match.end(), int(value) if value.is_integer() else value))
        if not found:
            found = [
                Span(match.start(), match.end(), _NUMBER_WORDS[match[0].lower()])
                for match in _NUMBER_WORD.finditer(self.text)
            ]
        return found

    @cached_property
    def dates(self) -> list[Span]:
        """Dates and weekdays, as written."""
        return self._matches(_DATE)

    @cached_property
    def emails(self) -> list[Span]:
        """E-mail addresses."""
        return self._matches(_EMAIL)

    @cached_property
    def urls(self) -> list[Span]:
        """Web addresses."""
        return self._matches(_URL)

    @cached_property
    def streets(self) -> list[Span]:
        """Street addresses."""
        return self._matches(_STREET)

    @cached_property
    def counted(self) -> list[Span]:
        """What numbers count: the `bolts` of `3 bolts`."""
        return [
            Span(match.start("thing"), match.end("thing"), match["thing"]) for match in _COUNTED.finditer(self.text)
        ]

    @cached_property
    def names(self) -> list[Span]:
        """Proper names: runs of capitalised words that no sentence's beginning explains."""
        return list(self._names())

    def labelled(self, label: Sequence[str]) -> Span | None:
        """The value behind `label:`, `label is`, `label = `, for a label of one or several words."""
        if not label:
            return None
        pattern = r"[\s_-]*".join(re.escape(word) for word in label)
        match = re.search(
            rf"(?<![\w]){pattern}\w{{0,2}}[\"'*`]*\s*(?::|=|\bis\b|\bare\b|\bwas\b|\bto\b(?= be\b)|->)\s*(?:be\s+)?"
            r"(?P<value>[^\n]+)",
            self.text,
            re.IGNORECASE,
        )
        if match is None:
            return None
        start = match.start("value")
        value = match["value"]
        quoted = _QUOTED.match(value)
        if quoted is not None:
            text = next(group for group in quoted.groups() if group is not None)
            return Span(start, start + quoted.end(), text)
        end = re.search(r"\s*(?:[;,]\s|[.!?](?:\s|$)|$|\sand\s(?=\w+[\s:=]|their|his|her|its|the\b))", value)
        assert end is not None
        value = value[: end.start()].strip(" *`\"'")
        return Span(start, start + len(value), value) if value and "?" not in value else None

    def after(self, markers: str, spans: Sequence[Span]) -> Span | None:
        """The first free span that stands right after one of some words (a regular expression)."""
        for span in self.free(spans):
            if re.search(
                rf"\b(?:{markers})\s+(?:the\s+|a\s+|an\s+)?[\"'“‘`]?$", self.text[: span.start], re.IGNORECASE
            ):
                return span
        return None

    def nearest(self, label: frozenset[str], spans: Sequence[Span], reach: int = 40) -> Span | None:
        """The free span closest to a word with one of these stems; what follows the word wins."""
        best: tuple[float, Span] | None = None
        for match in re.finditer(r"[^\W\d_]+", self.text):
            if stem(match[0]) not in label:
                continue
            for span in self.free(spans):
                if span.start >= match.end():
                    distance = float(span.start - match.end())
                    between = self.text[match.end() : span.start]
                else:
                    distance = (match.start() - span.end) * 1.01 + 2
                    between = self.text[span.end : match.start()]
                if distance < 0 or distance > reach or re.search(r"[.;\n](?:\s|$)", between):
                    continue
                if best is None or distance < best[0]:
                    best = (distance, span)
        return best[1] if best else None

    def _matches(self, pattern: re.Pattern[str], value: Callable[[str], Any] = str) -> list[Span]:
        return [Span(match.start(), match.end(), value(match[0])) for match in pattern.finditer(self.text)]

    def _names(self) -> Iterator[Span]:
        for match in _NAME.finditer(self.text):
            start, text = match.start(), match[0].rstrip(".'’")
            while text:
                first = re.match(r"\S+", text)
                assert first is not None
                plain = first[0].rstrip(",.'’").lower()
                if plain not in _NOT_A_NAME and not (" " not in text and self._opens(start) and self._ordinary(text)):
                    break
                rest = text[first.end() :].lstrip()
                start += len(text) - len(rest)
                text = rest
            text = re.sub(r"['’]s$", "", text)
            if text and re.search(r"\w", text) and not re.match(r"\s*:(?!/)", self.text[start + len(text) :]):
                yield Span(start, start + len(text), text)

    def _opens(self, start: int) -> bool:
        return re.search(r"(?:^|[.!?:\n]\s*[\"'“‘]?)$", self.text[:start].rstrip(" ")) is not None

    def _ordinary(self, text: str) -> bool:
        """Whether a capitalised word at the beginning of a sentence may be any word."""
        following = self.text[self.text.find(text) + len(text) :].lstrip()
        return not re.match(r"(?:$|is|was|has|lives|works|,|:|-|born|wrote|moved|'s|’s|and [A-Z])", following)


def topic(text: str) -> str:
    """What a request is about: the words behind `about`, `for`, `of` or `on`, else the request itself."""
    match = re.search(r"\b(?:about|regarding|concerning|on|for|of)\s+(?P<topic>[^.?!,;\n]+)", text, re.IGNORECASE)
    found = match["topic"].strip() if match else ""
    if found and any(word not in STOP_WORDS for word in words(found)):
        return found
    return text.strip()
