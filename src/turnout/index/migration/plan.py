"""What has to be done with each chunk of a source, by what the checkpoint and the target have of it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from turnout.facts.models import price_of
from turnout.index.chunks import Embedded
from turnout.index.migration.checkpoint import State
from turnout.index.migration.report import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.index.chunks import Item, Source, Target
    from turnout.index.migration.checkpoint import Checkpoint
    from turnout.routing import Route


@dataclass(slots=True)
class Planned:
    """What is to be done with a page of chunks.

    Attributes:
        to_embed: They are new, or have another text.
        resumed: An earlier run saved their vector.
        rewritten: The target has their vector, but other metadata.
        adopted: The target has them as they are, and the checkpoint doesn't know it.
        unchanged: Nothing is to be done; with `adopted`.
        skipped: They couldn't be embedded the last time: id and reason.
        known: Ids that the checkpoint has.
    """

    to_embed: list[Item] = field(default_factory=list)
    resumed: list[Embedded] = field(default_factory=list)
    rewritten: list[Embedded] = field(default_factory=list)
    adopted: list[Item] = field(default_factory=list)
    unchanged: list[Item] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


class Plan:
    """Decides.

    Args:
        target: What is filled.
        book: What was done before.
        retry_skipped: Whether chunks that couldn't be embedded are tried again.
    """

    def __init__(self, target: Target, book: Checkpoint, *, retry_skipped: bool = False) -> None:
        self.target = target
        self.book = book
        self._retry = retry_skipped
        self._filled = target.count() > 0

    def of(self, page: Sequence[Item], *, with_vectors: bool = True) -> Planned:
        """What is to be done with a page of chunks.

        Args:
            page: The chunks.
            with_vectors: Whether vectors that are known are looked up; without, they are empty.
        """
        ids = [item.id for item in page]
        kept = self.book.kept(ids)
        there = self.target.get(ids) if self._filled else {}
        planned = Planned(known=list(kept))
        resumed: list[Item] = []
        rewritten: list[Item] = []
        for item in page:
            before = kept.get(item.id)
            same = before is not None and before.text == item.text_digest
            if before is not None and same and before.state is State.SKIPPED and not self._retry:
                planned.skipped.append((item.id, before.reason or ""))
            elif before is not None and same and before.state is State.SAVED:
                resumed.append(item)
            elif before is not None and same and before.state is State.WRITTEN and item.id in there:
                unchanged = before.metadata == item.metadata_digest
                (planned.unchanged if unchanged else rewritten).append(item)
            elif before is None and item.id in there and there[item.id].text == item.text:
                alike = there[item.id].metadata_digest == item.metadata_digest
                (planned.adopted if alike else rewritten).append(item)
            else:
                planned.to_embed.append(item)
        planned.unchanged += planned.adopted
        saved = self.book.vectors([item.id for item in resumed]) if with_vectors else None
        stored = self.target.vectors([item.id for item in rewritten]) if with_vectors and rewritten else None
        self._with(resumed, saved, planned.resumed, planned.to_embed)
        packed = None if stored is None else {found: array("d", vector) for found, vector in stored.items()}
        self._with(rewritten, packed if with_vectors else None, planned.rewritten, planned.to_embed)
        return planned

    @staticmethod
    def _with(
        items: Sequence[Item],
        vectors: dict[str, array[float]] | None,
        into: list[Embedded],
        lacking: list[Item],
    ) -> None:
        for item in items:
            if vectors is not None and item.id not in vectors:
                lacking.append(item)
            else:
                into.append(Embedded(item, array("d") if vectors is None else vectors[item.id]))


def estimate(source: Source, plan: Plan, route: Route, page_size: int) -> Estimate:
    """Read through a source, and count what would be done."""
    chunks = to_embed = to_write = tokens = 0
    for page in pages(source.items(), page_size):
        planned = plan.of(page, with_vectors=False)
        chunks += len(page)
        to_embed += len(planned.to_embed)
        to_write += len(planned.resumed) + len(planned.rewritten)
        tokens += sum(about_tokens(item.text) for item in planned.to_embed)
    price, price_source = price_of(route.facts)
    return Estimate(chunks, to_embed, to_write, tokens, price, price_source)


def pages(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Items in lists of a size."""
    while page := list(islice(items, size)):
        yield page


def about_tokens(text: str) -> int:
    """About how many tokens a text has: one for each four bytes, as in English."""
    return len(text.encode("utf-8", "replace")) // 4 + 1
