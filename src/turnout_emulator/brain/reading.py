"""Answering from a text: which of its sentences share the most telling words with the question."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from turnout_emulator.brain.words import sentences, stems

NOT_FOUND = "I don't find that in the context I was given."

_QUESTION = re.compile(
    r"(?:^|\n)[ \t>*#]*(?:original |user |user's |the )?(?:question|query)(?: is as follows)?[ \t]*[*]*:[*]*[ \t]*"
    r"(?P<text>[^\n]+)",
    re.IGNORECASE,
)
_MARKER = re.compile(r"^\s*(?P<mark>\[[\w .:/#-]{1,60}\])\s*:?\s*(?!\()")
_SOURCE = re.compile(
    r"^\s*(?:<|\*\*)?(?P<key>source|file_path|file_name|file|document|doc|url|path|title|page_label|page)(?:\*\*)?"
    r"\s*[:=]\s*\"?(?P<name>[^\n\"<>]{1,200}?)\"?\s*>?\s*$",
    re.IGNORECASE,
)
_INSTRUCTION = re.compile(
    r"^(?:you are|you're|you will|your task|answer|use|using|given|do not|don't|if you|if the|based on|only|always|"
    r"never|please|respond|reply|context information|be concise|keep|cite|just say|we have|i want|here is|here are)\b",
    re.IGNORECASE,
)
_FENCE = re.compile(
    r"(?:[-=*_~]{3,}|```\w*|</?\w+>|(?:context|documents?|passages?|sources?|text|content):)", re.IGNORECASE
)
_ITEM = re.compile(r"^(?:[-*+•]|\d+[.)])\s+")
_SUMMARY = re.compile(r"\b(?:summar\w+|condense|key points|main points|tl;?dr|in short|overview of)\b", re.IGNORECASE)
_RELEVANT = 0.34  # share of the question's weight that a sentence must carry to count as an answer


class _Sentence(NamedTuple):
    text: str
    stems: frozenset[str]
    around: frozenset[str]  # of its block and the heading above it
    heading: frozenset[str]
    mark: str
    order: int


def question_in(text: str) -> str:
    """The question within a message: what a label names, else its last question, else its last paragraph."""
    labelled = list(_QUESTION.finditer(text))
    if labelled:
        return labelled[-1]["text"].strip()
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text.strip()) if part.strip()] or [""]
    first, last = paragraphs[0], paragraphs[-1]
    for paragraph in (last, first):
        asked = [sentence for sentence in sentences(paragraph) if sentence.rstrip("\"'”) ").endswith(("?", "？"))]
        if asked and len(paragraph) < 1200:
            return " ".join(asked)
    return first[:600] if len(first) < len(last) or len(last) > 600 else last


def answer(question: str, context: Sequence[str]) -> str:
    """The sentences of a context that answer a question best, or that none does."""
    found: list[_Sentence] = []
    for text in context:
        known = {one.text for one in found}
        found += [one._replace(order=len(found) + i) for i, one in enumerate(_read(text)) if one.text not in known]
    wanted = frozenset(stems(question))
    if not found or not wanted:
        return NOT_FOUND
    counts = Counter(word for sentence in found for word in sentence.stems)
    if _SUMMARY.search(question):
        return _summary(found, counts)
    weights = {word: math.log(1 + (len(found) + 1) / count) for word, count in counts.items()}
    total = sum(weights.get(word, max(weights.values(), default=1.0)) for word in wanted)

    def weigh(shared: frozenset[str]) -> float:
        return sum(weights.get(word, 0.0) for word in wanted & shared)

    def score(sentence: _Sentence) -> float:
        own = weigh(sentence.stems) + 0.25 * weigh(sentence.around - sentence.stems)
        own /= 1 + 0.012 * len(sentence.stems)
        if _INSTRUCTION.match(sentence.text):
            own *= 0.35
        return own * 0.4 if sentence.text.endswith("?") else own

    ranked = sorted(found, key=lambda sentence: (-score(sentence), sentence.order))
    best = ranked[0]
    if weigh(best.stems | best.heading) < _RELEVANT * total:
        return NOT_FOUND
    chosen, covered = [best], best.stems
    for sentence in ranked[1:12]:
        if len(chosen) < 3 and score(sentence) >= 0.55 * score(best) and weigh(sentence.stems - covered) > 0.3 * total:
            chosen.append(sentence)
            covered |= sentence.stems
    return _quote(sorted(chosen, key=lambda sentence: sentence.order))


def _summary(found: Sequence[_Sentence], counts: Counter[str]) -> str:
    """The few sentences that share the most with all the others."""
    candidates = [one for one in found if len(one.stems) >= 3 and not _INSTRUCTION.match(one.text)] or found

    def central(sentence: _Sentence) -> float:
        return sum(counts[word] - 1 for word in sentence.stems) / (len(sentence.stems) + 4)

    best = sorted(candidates, key=lambda sentence: (-central(sentence), sentence.order))[:3]
    return " ".join(sentence.text for sentence in sorted(best, key=lambda sentence: sentence.order))


def _read(text: str) -> Iterator[_Sentence]:
    """The sentences of a text, with the heading above each and the mark or the file that it is cited by."""
    mark, heading, in_code = "", frozenset[str](), False
    for block in re.split(r"\n\s*\n", text):
        lines: list[str] = []
        for raw in block.split("\n"):
            line = raw.strip()
            in_code ^= line.startswith("```")
            source, marker = _SOURCE.match(line), _MARKER.match(line)
            if _FENCE.fullmatch(line):
                continue
            if in_code:
                lines.append(f"- {line}")
            elif source is not None:
                if source["key"].lower() not in ("page_label", "page", "title"):
                    mark = f"({source['name'].strip()})"
                heading |= frozenset(stems(source["name"]))
            elif line.startswith("#"):
                heading = frozenset(stems(line))
            else:
                if marker is not None and not any(lines):
                    mark, heading, line = marker["mark"], frozenset(), line[marker.end() :]
                lines.append(re.sub(r"^(?:context|passage|document)\s*:\s+", "", line, flags=re.IGNORECASE))
        around = heading | frozenset(stems(" ".join(lines)))
        for piece in _pieces(lines):
            yield _Sentence(piece, frozenset(stems(piece)), around, heading, mark, 0)


def _pieces(lines: Sequence[str]) -> Iterator[str]:
    """Sentences of wrapped lines; list items and table rows are pieces of their own."""
    joined = [""]
    for line in lines:
        if not line or line.startswith("|") or _ITEM.match(line) or not joined[-1]:
            joined.append(line)
        else:
            joined[-1] += f" {line}"
    for text in joined:
        yield from (sentence for sentence in sentences(_ITEM.sub("", text)) if re.search(r"\w", sentence))


def _quote(chosen: Sequence[_Sentence]) -> str:
    parts: list[str] = []
    for index, sentence in enumerate(chosen):
        cited = sentence.mark and sentence.mark not in [one.mark for one in chosen[index + 1 : index + 2]]
        parts.append(f"{sentence.text} {sentence.mark}" if cited else sentence.text)
    return " ".join(parts)
