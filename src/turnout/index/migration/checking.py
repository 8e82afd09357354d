"""A look at the new index: is every chunk there, are the vectors the model's own, is found what the old one found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.index.guard.checks import ALIKE, cosine
from turnout.index.migration.checkpoint import State
from turnout.index.migration.report import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.embedding.embedder import Embedder
    from turnout.index.chunks import Searchable, Target
    from turnout.index.migration.checkpoint import Checkpoint

NEIGHBOURS = 10


def check_target(
    target: Target, checkpoint: Checkpoint, embedder: Embedder, old: Searchable | None, *, sample: int
) -> Check:
    """Compare a target with what was written to it."""
    expected, found = checkpoint.count(State.WRITTEN), target.count()
    chunks = target.get(checkpoint.sample(sample))
    chunks = {id_: chunk for id_, chunk in chunks.items() if chunk.text.strip()}
    if not chunks:
        return Check(expected, found)
    ids = list(chunks)
    stored = target.vectors(ids)
    texts = [chunks[id_].text for id_ in ids]
    anew = embedder.embed(texts)
    cosines = [cosine(stored[id_], vector) for id_, vector in zip(ids, anew, strict=True)]
    k = min(NEIGHBOURS, found)
    hits = [[hit.text for hit in target.search(vector, k)] for vector in embedder.embed(texts, "query")]
    own = sum(text in found_texts for text, found_texts in zip(texts, hits, strict=True))
    return Check(
        expected,
        found,
        sampled=len(ids),
        alike=sum(value >= ALIKE for value in cosines),
        lowest=min(cosines),
        k=k,
        recall=None if old is None else _recall(old, target, ids, k),
        own=own / len(ids),
    )


def _recall(old: Searchable, new: Searchable, ids: Sequence[str], k: int) -> float | None:
    """Overlap of the k nearest, by text: with the vector that each index has for the same chunk as the query."""
    before, after = old.vectors(ids), new.vectors(ids)
    shares = []
    for id_ in ids:
        if id_ not in before or id_ not in after:
            continue
        wanted = {chunk.text for chunk in old.search(before[id_], k)}
        got = {chunk.text for chunk in new.search(after[id_], k)}
        if wanted:
            shares.append(len(wanted & got) / len(wanted))
    return sum(shares) / len(shares) if shares else None
