"""A change to one collection of a named index: chunks that are added, or what it lacks and other collections have."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from turnout.embedding.embedder import Embedder
from turnout.embedding.requests import Vector
from turnout.errors import IndexBehindError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk
from turnout.index.collection import Collection
from turnout.index.collections import Collections, CollectionSpec
from turnout.index.config import DOCUMENTS, ITSELF
from turnout.index.manifest import Manifest
from turnout.index.stream import DRAIN, embed_chunks

_FILL_PAGE = 1024  # chunks that are read, embedded and written before the next


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
        change.to_embed += rewritten
        change.use_vectors(collection.vectors([chunk.id for chunk in rewritten]) if collection is not None else {})
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
        for start in range(0, len(chunks), collection.write_page):
            collection.write(chunks[start : start + collection.write_page])
        collection.flush()
        written = collection.get(ids).values()
        if wanted:
            manifest.note_written(name, written, origin=change.origin)
        else:
            manifest.note_copied(name, written)


def refuse_options(options: Iterable[object]) -> None:
    """Refuse options of a delete that may say what is deleted, which stores understand differently; a flag says how."""
    if any(not isinstance(option, bool | int | float | None) for option in options):
        raise UnsupportedError("a named index deletes by ids, and takes no other option that says what is deleted")


def fill(spec: CollectionSpec, collections: Collections) -> Collection:
    """Write what a collection lacks but for what its model refuses, with a warning; remove what it shouldn't have."""
    manifest = collections.manifest
    with collections.changing(spec) as collection:
        missed = manifest.missed(spec.name)
        _add(spec, collection, collections)
        remove_outdated(collection, manifest)
    if back := manifest.versions(spec.name, missed):
        _warn(
            f"{len(back)} chunks that were deleted from {spec.name!r} by other means are back from the other "
            "collections; delete them through the index",
            list(back),
        )
    return collection


def remove_outdated(collection: Collection, manifest: Manifest) -> int:
    """Remove what a collection should not have any more; how many chunks that were."""
    removed = 0
    while outdated := manifest.outdated(collection.name, PAGE):
        collection.delete(outdated)
        collection.flush()
        manifest.note_deleted(collection.name, outdated)
        removed += len(outdated)
    return removed


def _add(spec: CollectionSpec, collection: Collection, collections: Collections) -> None:
    manifest = collections.manifest
    readers: dict[str, Collection | None] = {}
    while ids := manifest.lacking(spec.name, _FILL_PAGE):
        chunks = _read_wanted(spec, ids, collections, readers)
        nowhere = [] if chunks else manifest.give_up_lost(spec.name)
        if nowhere:
            _warn(
                f"{len(nowhere)} chunks of the index {spec.config.name!r} are in no collection any more, as they were "
                "written, and are forgotten",
                nowhere,
            )
        if not chunks and not nowhere:
            return
        versions = manifest.versions(spec.name, [chunk.id for chunk in chunks])
        same = [one.id for one in chunks if one.id in versions and versions[one.id].text == one.text_digest]
        vectors = collection.vectors(same) if same else {}
        to_write = [chunk.with_vector(vectors[chunk.id]) for chunk in chunks if chunk.id in vectors]
        to_embed = [chunk for chunk in chunks if chunk.id not in vectors]
        skipped: dict[str, str] = {}
        failed: BaseException | None = None
        if to_embed:
            outcome = embed_chunks(Embedder(spec.route, spec.config.all_settings), to_embed, drain=DRAIN)
            to_write += outcome.embedded
            skipped, failed = dict(outcome.skipped), outcome.failed
        if to_write:
            collection.write(to_write)
            collection.flush()
            manifest.note_copied(spec.name, collection.get([chunk.id for chunk in to_write]).values())
        if skipped:
            manifest.note_skipped(spec.name, skipped)
            named = [f"{one} ({reason})" for one, reason in skipped.items()]
            _warn(f"{len(skipped)} chunks can't be embedded in {spec.space} and aren't found there", named)
        if failed is not None:  # what was paid for is kept
            raise failed
        if set(ids) == set(manifest.lacking(spec.name, _FILL_PAGE)):  # nothing that could be written helps
            return


def _warn(what: str, named: Sequence[str]) -> None:
    warnings.warn(f"{what}: {named[0]}" + (" and others" if len(named) > 1 else ""), stacklevel=2)


def _read_wanted(
    spec: CollectionSpec, ids: Sequence[str], collections: Collections, readers: dict[str, Collection | None]
) -> list[Chunk]:
    """The wanted version of chunks, from whichever collection has it; each is opened once."""
    manifest = collections.manifest
    spaces = manifest.collections()
    chunks: list[Chunk] = []
    for name, there in manifest.holders(ids).items():
        if name not in readers:
            readers[name] = collections.reader(spec.config, name, EmbeddingSpace.parse(spaces[name]))
        if (reader := readers[name]) is None:
            manifest.remove_collection(name)
            continue
        found = reader.get(there)
        chunks += found.values()
        note_edited(name, found, manifest)
        lost = [one for one in there if one not in found]
        if lost:
            manifest.note_lost(name, lost)
    return chunks


def note_edited(name: str, chunks: Mapping[str, Chunk], manifest: Manifest) -> None:
    """Note those chunks of a collection whose text was changed by other means than the index."""
    versions = manifest.versions(name, list(chunks))
    edited = [chunk for id_, chunk in chunks.items() if chunk.text_digest != versions[id_].text]
    if edited:
        manifest.note_edited(name, edited)


def behind_error(spec: CollectionSpec, manifest: Manifest, *, exists: bool) -> IndexBehindError:
    """The error of a collection that lacks chunks: how many, and which command helps."""
    name, documents, origin = spec.config.name, manifest.documents, _best_origin(spec, manifest)
    lacking = manifest.behind(spec.name) if exists else documents
    deleted = len(manifest.missed(spec.name)) if exists else 0
    command = f"turnout reindex {name} --to {spec.backend}"
    fix, accept = f"{command} --from {origin or ITSELF}", ""
    if exists:
        what = f"its collection {spec.name!r} is behind: of {documents:,} chunks, {lacking:,} are missing or old"
        what += f", {deleted:,} of them deleted by other means" if deleted else ""
    else:
        what = f"there is no collection {spec.name!r}, and the index has {documents:,} chunks"
    if origin is None:
        what += ", and no collection has them as they were written"
        remedy = f"Write them again, or go on without them: `{fix}`"
    else:
        remedy = f'Fill it with `{fix}`, or set fill = "on-the-way" in [index.{name}]'
        if deleted and manifest.count(spec.name):
            accept = f"{command} --from {ITSELF}"
            remedy += f". If they were deleted on purpose, go on without them: `{accept}`"
    where = f"the index {name!r} can't answer in {spec.space}, the embedding space of backend {spec.backend!r}"
    return IndexBehindError(
        f"{where}: {what}. {remedy}",
        index=name,
        collection=spec.name,
        space=spec.space,
        lacking=lacking,
        documents=documents,
        fix=fix,
        accept=accept,
    )


def _best_origin(spec: CollectionSpec, manifest: Manifest) -> str | None:
    """From where to fill a collection: the one that has most of what it lacks; None if nothing has any."""
    offers = manifest.offers(spec.name)
    spaces = manifest.collections()
    others = [name for name in spaces if name != spec.name and manifest.count(name)]
    if not others or (not offers and manifest.lacking(spec.name, 1)):
        return DOCUMENTS if spec.config.settings.source else None
    best = spaces[min(others, key=lambda name: (-offers.get(name, 0), manifest.behind(name), name))]
    return next((backend for backend, space in spec.config.spaces().items() if str(space) == best), best)
