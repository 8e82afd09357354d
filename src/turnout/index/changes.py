"""A change to one collection of a named index: what has to be embedded, its vectors, and the write."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from turnout.embedding.embedder import Embedder
from turnout.embedding.invoke_bodies import Vector
from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk
from turnout.index.collections import Collections, CollectionSpec


@dataclass(slots=True)
class Change:
    """What one collection lacks of some chunks."""

    spec: CollectionSpec
    ids: tuple[str, ...]
    to_embed: list[Chunk]  # new, or with another text
    embedded: list[EmbeddedChunk]  # with other metadata alone, and the vector that the collection has
    origin: str | None = None
    vectors: Sequence[Vector] = field(default_factory=list)  # of `to_embed`, once they are there
    failed: Exception | None = None  # why they couldn't be embedded, or written

    def embed(self) -> None:
        """Embed what has to be; an error is kept in `failed`."""
        try:
            self.vectors = self._embedder.embed([chunk.text for chunk in self.to_embed]) if self.to_embed else []
        except Exception as error:  # noqa: BLE001 - the caller raises it, with what became of the others
            self.failed = error

    async def aembed(self) -> None:
        """`embed` without blocking the event loop."""
        try:
            self.vectors = await self._embedder.aembed([chunk.text for chunk in self.to_embed]) if self.to_embed else []
        except Exception as error:  # noqa: BLE001
            self.failed = error

    @property
    def _embedder(self) -> Embedder:
        return Embedder(self.spec.route, self.spec.config.all_settings)

    def use_vectors(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """Take vectors of this space that the caller has, by id; the other chunks are embedded."""
        self.embedded += [chunk.with_vector(vectors[chunk.id]) for chunk in self.to_embed if chunk.id in vectors]
        self.to_embed = [chunk for chunk in self.to_embed if chunk.id not in vectors]

    def chunks(self) -> list[EmbeddedChunk]:
        """What is to be written."""
        new = zip(self.to_embed, self.vectors, strict=True)
        return [*self.embedded, *(chunk.with_vector(vector) for chunk, vector in new)]


def embed_all(changes: Sequence[Change]) -> None:
    """Embed several changes at the same time."""
    if len(changes) == 1:
        changes[0].embed()
        return
    with ThreadPoolExecutor(len(changes), "turnout-index") as pool:
        list(pool.map(Change.embed, changes))


async def aembed_all(changes: Sequence[Change]) -> None:
    """`embed_all` without blocking the event loop."""
    await asyncio.gather(*(change.aembed() for change in changes))


def plan(spec: CollectionSpec, chunks: Sequence[Chunk], collections: Collections, origin: str | None) -> Change:
    """What a collection lacks of some chunks."""
    ids = tuple(chunk.id for chunk in chunks)
    versions = collections.manifest.versions(spec.name, ids)
    change = Change(spec, ids, [], [], origin)
    rewritten: list[Chunk] = []
    for chunk in chunks:
        before, wanted = versions.get(chunk.id), chunk.digests
        if before is None or before.text != wanted.text:
            change.to_embed.append(chunk)
        elif before.metadata != wanted.metadata:
            rewritten.append(chunk)
    if rewritten:
        collection = collections.open(spec)
        vectors = collection.vectors([chunk.id for chunk in rewritten]) if collection is not None else {}
        change.to_embed += rewritten
        change.use_vectors(vectors)
    return change


def write(change: Change, collections: Collections, *, wanted: bool) -> None:
    """Write a change, and note it in the manifest once it is there for good; `wanted` in all, or only here."""
    chunks = change.chunks()
    if not chunks:
        return
    ids = [chunk.id for chunk in chunks]
    name, manifest = change.spec.name, collections.manifest
    with collections.changing(change.spec) as collection:
        manifest.begin_write(name, ids)
        for start in range(0, len(chunks), PAGE):
            collection.write(chunks[start : start + PAGE])
        collection.flush()
        written = collection.get(ids).values()
        if wanted:
            manifest.note_written(name, written, origin=change.origin)
        else:
            manifest.note_copied(name, written)


def refuse_options(options: Mapping[str, object]) -> None:
    """Refuse what a framework's signature lets through to a change, and its stores understand differently."""
    if options:
        msg = f"a named index takes no {', '.join(sorted(options))}"
        raise TypeError(msg)
