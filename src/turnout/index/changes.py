"""A change to one collection of a named index: what has to be embedded, its vectors, and the write."""

from __future__ import annotations

import asyncio
from array import array
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from turnout.embedding.embedder import Embedder
from turnout.index.chunks import Embedded
from turnout.index.manifest import Digests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.embedding.invoke_bodies import Vector
    from turnout.index.chunks import Item
    from turnout.index.collections import Collections, Place
    from turnout.index.manifest import Manifest

_PAGE = 256  # chunks written at once


@dataclass(slots=True)
class Change:
    """What one collection lacks of some chunks.

    Attributes:
        place: The collection.
        ids: All of the chunks.
        to_embed: Those that are new, or have another text.
        known: Those with other metadata alone, with the vector that the collection has.
        origin: What the chunks belong to.
        vectors: The vectors of `to_embed`, once they are had.
        failed: Why they can't be had, or written.
    """

    place: Place
    ids: tuple[str, ...]
    to_embed: list[Item]
    known: list[Embedded]
    origin: str | None = None
    vectors: Sequence[Vector] = field(default_factory=list)
    failed: Exception | None = None

    @property
    def embedder(self) -> Embedder:
        """Embeds in the collection's space."""
        return Embedder(self.place.route, self.place.index.all)

    def embed(self) -> None:
        """Have the vectors."""
        try:
            self.vectors = self.embedder.embed([item.text for item in self.to_embed]) if self.to_embed else []
        except Exception as error:  # noqa: BLE001 - the caller raises it, with what became of the others
            self.failed = error

    async def aembed(self) -> None:
        """`embed` without blocking the event loop."""
        try:
            self.vectors = await self.embedder.aembed([item.text for item in self.to_embed]) if self.to_embed else []
        except Exception as error:  # noqa: BLE001
            self.failed = error

    @staticmethod
    def embed_all(changes: Sequence[Change]) -> None:
        """Have the vectors of several changes, at the same time."""
        if len(changes) == 1:
            changes[0].embed()
            return
        with ThreadPoolExecutor(len(changes), "turnout-index") as pool:
            list(pool.map(Change.embed, changes))

    @staticmethod
    async def aembed_all(changes: Sequence[Change]) -> None:
        """`embed_all` without blocking the event loop."""
        await asyncio.gather(*(change.aembed() for change in changes))

    def give(self, vectors: Mapping[str, Vector]) -> None:
        """Take vectors that the caller has: id → vector, of this space. The others are embedded."""
        had = [item for item in self.to_embed if item.id in vectors]
        self.known += [Embedded(item, array("d", vectors[item.id])) for item in had]
        self.to_embed = [item for item in self.to_embed if item.id not in vectors]

    def chunks(self) -> list[Embedded]:
        """What is to be written."""
        made = zip(self.to_embed, self.vectors, strict=True)
        return [*self.known, *(Embedded(item, array("d", vector)) for item, vector in made)]


def plan(
    place: Place, items: Sequence[Item], manifest: Manifest, collections: Collections, origin: str | None
) -> Change:
    """What a collection lacks of some chunks.

    Args:
        place: The collection.
        items: The chunks.
        manifest: What the collections have.
        collections: The collections.
        origin: What the chunks belong to.
    """
    ids = tuple(item.id for item in items)
    held = manifest.held(place.called, ids)
    to_embed: list[Item] = []
    rewritten: list[Item] = []
    for item in items:
        before, wanted = held.get(item.id), Digests.of(item)
        if before is None or before.text != wanted.text:
            to_embed.append(item)
        elif before.metadata != wanted.metadata:
            rewritten.append(item)
    change = Change(place, ids, to_embed, [], origin)
    if rewritten:
        opened = collections.open(place)
        vectors = opened.home.vectors([item.id for item in rewritten]) if opened is not None else {}
        change.to_embed += [item for item in rewritten if item.id not in vectors]
        change.known += [Embedded(item, array("d", vectors[item.id])) for item in rewritten if item.id in vectors]
    return change


def write(change: Change, manifest: Manifest, collections: Collections, *, wanted: bool) -> None:
    """Write a change, and note it once it is there for good.

    Args:
        change: The change, with its vectors.
        manifest: Is told.
        collections: The collections; its collection is made if there is none.
        wanted: Whether every collection of the index should have these chunks.

    Raises:
        EmbeddingSpaceError: The collection has vectors of another space.
        ReindexLockedError: A reindex is filling it.
    """
    chunks = change.chunks()
    if not chunks:
        return
    called = change.place.called
    with collections.changing(change.place) as opened:
        manifest.begin(called, [chunk.item.id for chunk in chunks])
        for start in range(0, len(chunks), _PAGE):
            opened.home.write(chunks[start : start + _PAGE])
        opened.home.flush()
        there = opened.home.get([chunk.item.id for chunk in chunks])
        if wanted:
            manifest.wrote(called, there.values(), origin=change.origin)
        else:
            manifest.copied(called, there.values())


def refuse_options(options: Mapping[str, object]) -> None:
    """Refuse what a framework's signature lets through to a change, and its stores understand differently.

    Raises:
        TypeError: There is something.
    """
    if options:
        msg = f"a named index takes no {', '.join(sorted(options))}"
        raise TypeError(msg)
