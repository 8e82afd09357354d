"""What has to be done with each chunk of a source, by what the checkpoint and the target have of it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.facts.models import price_of
from turnout.index.chunks import Chunk, EmbeddedChunk, Source, Target, pages
from turnout.index.migration.checkpoint import Checkpoint, State
from turnout.index.migration.report import Estimate
from turnout.routing import Route


@dataclass(slots=True)
class _Planned:
    """What is to be done with a page of chunks."""

    to_embed: list[Chunk] = field(default_factory=list)  # new, or with another text
    resumed: list[EmbeddedChunk] = field(default_factory=list)  # with the vector that an earlier run saved
    rewritten: list[EmbeddedChunk] = field(default_factory=list)  # with the target's vector, but other metadata
    adopted: list[Chunk] = field(default_factory=list)  # in the target as they are, unknown to the checkpoint
    unchanged: list[Chunk] = field(default_factory=list)  # with `adopted`
    skipped: list[tuple[str, str]] = field(default_factory=list)  # they couldn't be embedded the last time: id, reason
    known: list[str] = field(default_factory=list)  # ids that the checkpoint has


class Plan:
    """Decides."""

    def __init__(self, target: Target, checkpoint: Checkpoint, *, retry_skipped: bool = False) -> None:
        self.target = target
        self.checkpoint = checkpoint
        self._retry = retry_skipped
        self._filled = target.count() > 0

    def of(self, page: Sequence[Chunk], *, with_vectors: bool = True) -> _Planned:
        """What is to be done with a page of chunks; without vectors, those that are known are empty."""
        ids = [chunk.id for chunk in page]
        earlier = self.checkpoint.find(ids)
        there = self.target.get(ids) if self._filled else {}
        planned = _Planned(known=list(earlier))
        resumed: list[Chunk] = []
        rewritten: list[Chunk] = []
        for chunk in page:
            before, digests = earlier.get(chunk.id), chunk.digests
            same = before is not None and before.text == digests.text
            if before is not None and same and before.state is State.SKIPPED and not self._retry:
                planned.skipped.append((chunk.id, before.reason or ""))
            elif before is not None and same and before.state is State.SAVED:
                resumed.append(chunk)
            elif before is not None and same and before.state is State.WRITTEN and chunk.id in there:
                (planned.unchanged if before.metadata == digests.metadata else rewritten).append(chunk)
            elif before is None and chunk.id in there and there[chunk.id].text == chunk.text:
                (planned.adopted if there[chunk.id].digests == digests else rewritten).append(chunk)
            else:
                planned.to_embed.append(chunk)
        planned.unchanged += planned.adopted
        if with_vectors:
            saved = self.checkpoint.vectors([chunk.id for chunk in resumed])
            stored = self.target.vectors([chunk.id for chunk in rewritten]) if rewritten else {}
        else:
            saved = {chunk.id: array("d") for chunk in resumed}
            stored = {chunk.id: () for chunk in rewritten}
        planned.resumed = [chunk.with_vector(saved[chunk.id]) for chunk in resumed if chunk.id in saved]
        planned.rewritten = [chunk.with_vector(stored[chunk.id]) for chunk in rewritten if chunk.id in stored]
        planned.to_embed += [chunk for chunk in resumed if chunk.id not in saved]
        planned.to_embed += [chunk for chunk in rewritten if chunk.id not in stored]
        return planned


def estimate(source: Source, plan: Plan, route: Route) -> Estimate:
    """Read through a source, and count what would be done."""
    chunks = to_embed = to_write = tokens = 0
    for page in pages(source.chunks()):
        planned = plan.of(page, with_vectors=False)
        chunks += len(page)
        to_embed += len(planned.to_embed)
        to_write += len(planned.resumed) + len(planned.rewritten)
        tokens += sum(about_tokens(chunk.text) for chunk in planned.to_embed)
    price, price_source = price_of(route.facts)
    return Estimate(chunks, to_embed, to_write, tokens, price, price_source)


def about_tokens(text: str) -> int:
    """About how many tokens a text has: one for each four bytes, as in English."""
    return len(text.encode("utf-8", "replace")) // 4 + 1
