"""Answering from a text: which of its sentences share the most telling words with the question."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from turnout_emulator.brain.words import sentences, stems

NOT_FOUND = "I don't find that in the context I was given."

_QUESTION = re.compile(
    r"(?:^|\n)[ \t>*#]*(?:original |user |user's |the )?(?:question|query)(?: is as follows)?[ \t]*[*]*:[*]*[ \t]*"
    r"(?P<text>[^\n]+)",
    re.IGNORECASE,
)
_MARKER = re.compile(r"^\s*(?P<mark>\[[\w .:/#-]{1,60}\])\s*:?\s*")
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
_SUMMARY = re.compile(r"\b(?:summar\w+|condense|key points|main points|tl;?dr|in short|overview of)\b", re.IGNORECASE)
# What kind of thing a question word asks for.
_EXPECTED = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(kind))
    for asked, kind in (
        (r"\bwho(?:se|m)?\b", r"\bby\b|\b[Tt]eams?\b|(?<=\s)[A-Z]\w+"),
        (r"\bwhen\b|\bhow (?:long|often|many|much|far|fast|large|old)\b|\bwhat (?:time|year|date)\b", r"\d|o'clock"),
        (r"\bwhere\b", r"\b(?:in|at|on|near|under)\b"),
        (r"\bwhy\b", r"\b(?:because|since|so that|in order)\b"),
    )
)
_RELEVANT = 0.34  # share of the question's weight that a sentence must carry to count as an answer


@dataclass(slots=True)
class _Sentence:
    text: str
    stems: frozenset[str]
    passage: int
    order: int
    instruction: bool


@dataclass(slots=True)
class _Passage:
    stems: frozenset[str]
    heading: frozenset[str]
    mark: str


def question_in(text: str) -> str:
    """The question within a message: what a label names, else its last question, else its last paragraph."""
    labelled = list(_QUESTION.finditer(text))
    if labelled:
        return labelled[-1]["text"].strip()
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    if not paragraphs:
        return ""
    for paragraph in (paragraphs[-1], paragraphs[0]):
        asked = [sentence for sentence in sentences(paragraph) if sentence.rstrip("\"'”) ").endswith(("?", "？"))]
        if asked and len(paragraph) < 1200:
            return " ".join(asked)
    first, last = paragraphs[0], paragraphs[-1]
    return first[:600] if len(first) < len(last) or len(last) > 600 else last


def answer(question: str, context: Sequence[str]) -> str:
    """The sentences of a context that answer a question best, or that none does."""
    found, passages = _read(context)
    if not found:
        return NOT_FOUND
    if _SUMMARY.search(question):
        return summary(found)
    wanted = frozenset(stems(question))
    if not wanted:
        return NOT_FOUND
    weight = _weights(found)
    rarest = max(weight.values(), default=1.0)
    total = sum(weight.get(word, rarest) for word in wanted)
    expected = next((kind for asked, kind in _EXPECTED if asked.search(question)), None)
    scored = sorted(
        ((_score(sentence, passages[sentence.passage], wanted, weight, expected), sentence) for sentence in found),
        key=lambda pair: (-pair[0], pair[1].order),
    )
    best_score, best = scored[0]
    passage = passages[best.passage]
    carried = sum(weight[word] for word in wanted & (best.stems | passage.heading))
    if carried < _RELEVANT * total:
        return NOT_FOUND
    chosen = [best]
    covered = wanted & best.stems
    for score, sentence in scored[1:12]:
        if len(chosen) == 3 or score < 0.55 * best_score:
            break
        fresh = (wanted & sentence.stems) - covered
        if sum(weight[word] for word in fresh) > 0.3 * total:
            chosen.append(sentence)
            covered |= wanted & sentence.stems
    return _quote(chosen, passages)


def summary(found: Sequence[_Sentence]) -> str:
    """The few sentences that share the most with all the others."""
    counts = Counter(word for sentence in found for word in sentence.stems)
    candidates = [sentence for sentence in found if len(sentence.stems) >= 3 and not sentence.instruction] or list(
        found
    )

    def central(sentence: _Sentence) -> float:
        return sum(counts[word] - 1 for word in sentence.stems) / (len(sentence.stems) + 4)

    best = sorted(candidates, key=lambda sentence: (-central(sentence), sentence.order))[:3]
    return " ".join(sentence.text for sentence in sorted(best, key=lambda sentence: sentence.order))


def _read(context: Sequence[str]) -> tuple[list[_Sentence], list[_Passage]]:
    found: list[_Sentence] = []
    passages: list[_Passage] = []
    seen: set[str] = set()
    for text in context:
        mark = ""
        heading: frozenset[str] = frozenset()
        in_code = False
        for block in re.split(r"\n\s*\n", text):
            kept: list[str] = []
            opened = False
            for raw in block.split("\n"):
                line = raw.strip()
                in_code ^= line.startswith("```")
                if _FENCE.fullmatch(line):
                    continue
                if in_code:
                    kept.append(f"- {line}")
                    continue
                source = _SOURCE.match(line)
                if source is not None:
                    if source["key"].lower() not in ("page_label", "page", "title"):
                        mark = f"({source['name'].strip()})"
                    heading |= frozenset(stems(source["name"]))
                    continue
                marker = _MARKER.match(line)
                if marker is not None and not opened and line[marker.end() : marker.end() + 1] != "(":
                    mark, heading, line = marker["mark"], frozenset(), line[marker.end() :]
                if line.startswith("#"):
                    heading = frozenset(stems(line))
                    continue
                line = re.sub(r"^(?:context|passage|document)\s*:\s+", "", line, flags=re.IGNORECASE)
                opened = opened or bool(line)
                kept.append(line)
            number = len(passages)
            added = [piece for piece in _pieces(kept) if piece not in seen]
            seen.update(added)
            for piece in added:
                is_instruction = _INSTRUCTION.match(piece) is not None
                found.append(_Sentence(piece, frozenset(stems(piece)), number, len(found), is_instruction))
            passages.append(_Passage(frozenset(stems(" ".join(kept))), heading, mark))
    return found, passages


def _pieces(lines: Sequence[str]) -> list[str]:
    """Sentences of wrapped lines; list items and table rows are pieces of their own."""
    joined: list[str] = []
    for line in lines:
        item = re.match(r"(?:[-*+•]|\d+[.)])\s+|\|", line)
        if item or not joined or not line:
            joined.append(line)
        else:
            joined[-1] = f"{joined[-1]} {line}" if joined[-1] else line
    pieces = []
    for text in joined:
        bare = re.sub(r"^(?:[-*+•]|\d+[.)])\s+", "", text)
        pieces += [sentence for sentence in sentences(bare) if re.search(r"\w", sentence)]
    return pieces


def _weights(found: Sequence[_Sentence]) -> dict[str, float]:
    counts = Counter(word for sentence in found for word in sentence.stems)
    return {word: math.log(1 + (len(found) + 1) / count) for word, count in counts.items()}


def _score(
    sentence: _Sentence,
    passage: _Passage,
    wanted: frozenset[str],
    weight: dict[str, float],
    expected: re.Pattern[str] | None,
) -> float:
    own = sum(weight[word] for word in wanted & sentence.stems)
    around = sum(weight.get(word, 0.0) for word in (wanted & (passage.stems | passage.heading)) - sentence.stems)
    score = (own + 0.25 * around) / (1 + 0.012 * len(sentence.stems))
    if expected is not None and expected.search(sentence.text):
        score *= 1.15
    if sentence.text.endswith("?"):
        score *= 0.4
    return score * (0.35 if sentence.instruction else 1.0)


def _quote(chosen: Sequence[_Sentence], passages: Sequence[_Passage]) -> str:
    parts: list[str] = []
    ordered = sorted(chosen, key=lambda sentence: sentence.order)
    for index, sentence in enumerate(ordered):
        mark = passages[sentence.passage].mark
        following = ordered[index + 1] if index + 1 < len(ordered) else None
        last_of_mark = following is None or passages[following.passage].mark != mark
        parts.append(f"{sentence.text} {mark}" if mark and last_of_mark else sentence.text)
    return " ".join(parts)
