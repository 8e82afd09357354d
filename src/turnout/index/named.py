"""A named index: the collection of the settings' space for every search, and every listed one for each change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout import runtime
from turnout.errors import IndexBehindError, IndexReadOnlyError, PartialWriteError, ReindexLockedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.changes import Change, behind_error, embed_all, fill, plan, remove_outdated, write
from turnout.index.chunks import Chunk
from turnout.index.collection import Collection
from turnout.index.collections import PATIENCE, Collections, CollectionSpec, Opener
from turnout.index.config import IndexConfig
from turnout.index.manifest import Manifest
from turnout.settings import Settings, load_settings
from turnout.settings.fields import portable_settings

_BUSY = (ReindexLockedError, IndexReadOnlyError)  # who only reads goes on with the collection as it is


@dataclass(frozen=True, slots=True)
class Status:
    """How far one of an index's collections is.

    Attributes:
        backends: The backends that give its space; none of a model that the settings don't have any more.
        space: The space.
        collection: Its name.
        exists: Whether there is one.
        documents: How many chunks it has.
        lacking: How many it lacks, has in another version, or should not have any more.
    """

    backends: tuple[str, ...]
    space: EmbeddingSpace
    collection: str
    exists: bool
    documents: int
    lacking: int


class Index:
    """A named index of the settings; may be used by several threads.

    Args:
        name: Its name.
        opener: Opens its collections with a framework.
        settings: Settings, or the path of a settings file; left out, they are found anew for each call.
        backend: Another backend than the active one.
    """

    def __init__(
        self, name: str, opener: Opener, settings: Settings | Path | str | None = None, backend: str | None = None
    ) -> None:
        self.name = name
        self._opener = opener
        self._settings = settings
        self._backend = backend
        self._lock = threading.RLock()
        self._collections: Collections | None = None
        self._scanned: set[str] = set()  # collections that the manifest was compared with
        self._distrusted: set[str] = set()  # those that must be gone through, changed by other means
        runtime.renewed_in_child(self)

    def renew(self) -> None:
        """Nobody is at work on it, in a forked child."""
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """Its arguments, without the settings' secrets: on the other side it opens its collections for itself."""
        settings = portable_settings(self._settings)
        return {"name": self.name, "opener": self._opener, "settings": settings, "backend": self._backend}

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        """Begin anew."""
        Index.__init__(self, **arguments)

    @property
    def manifest(self) -> Manifest:
        """Which chunks each collection has."""
        return self._collections_of(self.config).manifest

    @property
    def config(self) -> IndexConfig:
        """The index as the settings have it now."""
        return self.spec().config

    def spec(self, space: EmbeddingSpace | None = None) -> CollectionSpec:
        """Which collection is searched, as the settings are now: of the active space, or that of a query's vector."""
        settings = self._settings if isinstance(self._settings, Settings) else load_settings(self._settings)
        config = IndexConfig(self.name, settings)
        spec = CollectionSpec.of(config, self._backend or config.active)
        if space is None or space == spec.space or self._backend is not None:
            return spec
        others = [backend for backend, other in config.spaces().items() if other == space]
        return CollectionSpec.of(config, others[0]) if others else spec

    def _written_specs(self) -> list[CollectionSpec]:
        """Which collections are written: the active one first, then those of `also`, each space once."""
        active = self.spec()
        listed = [active, *(CollectionSpec.of(active.config, backend) for backend in active.config.settings.also)]
        return list({spec.name: spec for spec in reversed(listed)}.values())[::-1]

    def ready_collection(self, space: EmbeddingSpace | None = None) -> Collection | None:
        """`collection`, if it takes no more than a look at the manifest."""
        spec = self.spec(space)
        collections = self._collections_of(spec.config)
        if spec.name not in self._scanned:
            return None
        stamp, is_behind = collections.manifest.status(spec.name)
        return None if is_behind else collections.opened(spec.name, spec.config.all_settings, stamp)

    def collection(self, space: EmbeddingSpace | None = None) -> Collection:
        """The collection to search, of the active space or that of a query's vector; filled before, or refused."""
        return self.ready_collection(space) or self._complete_collection(space)

    async def acollection(self, space: EmbeddingSpace | None = None) -> Collection:
        """`collection` without blocking the event loop."""
        if not self.manifest.is_remote and (found := self.ready_collection(space)) is not None:
            return found
        return await asyncio.to_thread(self.collection, space)

    def distrust(self) -> None:
        """Open every collection anew, and go through it: one was changed by other means than the index."""
        collections = self._collections_of(self.config)
        with self._lock:
            self._distrusted |= self._scanned
            for name in self._scanned:
                collections.close(name)
            self._scanned.clear()

    def _complete_collection(self, space: EmbeddingSpace | None) -> Collection:
        """A space's collection, with all that the index should have."""
        spec = self.spec(space)
        with self._lock:
            collections = self._collections_of(spec.config)
            manifest = collections.manifest
            self._scan_others(spec)
            collection = self._scan(spec, patience=0)
            if collection is None and not manifest.documents:
                return collections.create(spec)
            if collection is not None and not manifest.is_behind(spec.name):
                return collection
            if collection is not None and not manifest.lacking(spec.name, 1):
                # What was deleted through the index is still there: its process is at it, was killed, or failed.
                with suppress(*_BUSY), collections.changing(spec, patience=0) as changed:
                    remove_outdated(changed, manifest)
                return collection
            if collection is not None and not manifest.lacks_unwritten(spec.name):
                return collection  # another process is writing the rest now
            if collection is None:
                self._forget_gone(collections, spec)
            if spec.config.settings.fill != "on-the-way":
                raise behind_error(spec, manifest, exists=collection is not None)
            return self._fill(spec)

    def _forget_gone(self, collections: Collections, spec: CollectionSpec) -> None:
        """Note which other collections aren't there any more, so that none of them is offered to read from."""
        for name, space in collections.manifest.collections().items():
            if collections.reader(spec.config, name, EmbeddingSpace.parse(space)) is None:
                collections.manifest.remove_collection(name)

    def _scan(self, spec: CollectionSpec, *, patience: float = PATIENCE) -> Collection | None:
        """A collection, gone through if the manifest may not know all that it has.

        That takes the collection's lock, or what another process is writing would be taken for lost. Who has no
        patience gets the collection as it is while another process writes: before that change or after it.
        """
        collections = self._collections_of(spec.config)
        collection = self._opened(spec)
        if self._is_known(spec, collection):
            self._scanned.add(spec.name)
            return collection
        try:
            with collections.writing(spec, patience=patience):
                collection = self._opened(spec)
                if collection is None:
                    collections.manifest.remove_collection(spec.name)
                    return None
                collections.settle(spec.name, collection)
                if not self._is_known(spec, collection):
                    collection.claim(spec.space, dry=True)  # what is of another space isn't the index's
                    chunks = collection.chunks() if collection.count() else ()
                    collections.manifest.scan(spec.name, str(spec.space), chunks)
                collections.note_change(spec.name)
        except _BUSY:
            if patience:
                raise
            return collection
        self._scanned.add(spec.name)
        self._distrusted.discard(spec.name)
        return collection

    def _opened(self, spec: CollectionSpec) -> Collection | None:
        """A collection as it is now; None if there is none."""
        collections = self._collections_of(spec.config)
        collection = collections.open(spec)
        if collection is not None and collections.manifest.count(spec.name) and collection.is_lost():
            collections.close(spec.name)
            collection = collections.open(spec)
        return collection

    def _is_known(self, spec: CollectionSpec, collection: Collection | None) -> bool:
        """Whether the manifest has what a collection has, as far as a look at both tells."""
        manifest = self._collections_of(spec.config).manifest
        if collection is None:
            return manifest.stamp(spec.name) is None
        unknown = spec.name in self._distrusted or manifest.stamp(spec.name) is None
        return not (
            unknown
            or manifest.writing(spec.name)
            or manifest.is_behind(spec.name)
            or collection.count() != manifest.count(spec.name)
        )

    def _scan_others(self, active: CollectionSpec) -> None:
        """Learn what there is from the collections, if the manifest knows of none: the largest has the last word."""
        collections = self._collections_of(active.config)
        manifest = collections.manifest
        if manifest.collections() and not manifest.has_unread():
            return
        found = {}
        for space in active.config.spaces().values():
            if space.dimensions is not None:
                name = active.config.collection_name(space)
                collection = collections.reader(active.config, name, space)
                if collection is not None and (count := collection.count()):
                    found[-count, name] = space, collection
        for (_, name), (space, collection) in sorted(found.items(), key=lambda one: one[0]):
            with suppress(IndexReadOnlyError):
                manifest.scan(name, str(space), collection.chunks())

    def prepare(self, chunks: Iterable[Chunk], origin: str | None = None) -> list[Change]:
        """What has to be embedded and written, and where, to add chunks; what is there already isn't.

        Of chunks with one id, the last is taken; `origin` is what they belong to, for `absent`.
        """
        listed = list({chunk.id: chunk for chunk in chunks}.values())
        specs = self._written_specs()
        collections = self._collections_to_change(specs[0].config)
        listed = self._collection_to_write(specs[0], listed).normalize(listed)
        return [plan(spec, listed, collections, origin) for spec in specs]

    def _collection_to_write(self, active: CollectionSpec, chunks: Sequence[Chunk]) -> Collection:
        """The active collection; refused if it lacks documents, unless no collection has some of these any more."""
        collections = self._collections_of(active.config)
        try:
            collection = self.collection()
            if not collections.manifest.count(active.name) or not collection.is_lost():
                return collection
            self.distrust()
            return self.collection()
        except IndexBehindError:
            if not collections.manifest.nowhere([chunk.id for chunk in chunks]):
                raise
            return collections.create(active)

    def commit(self, changes: Sequence[Change]) -> None:
        """Write chunks that were embedded: all or none to the active collection, and what can be to the others."""
        active, *others = changes
        if active.failed is not None:
            raise active.failed
        with self._lock, ExitStack() as held:
            collections = self._collections_of(active.spec.config)
            self._hold_all(changes, collections, held)
            write(active, collections, wanted=True)
            self._scanned.add(active.spec.name)
            for change in others:
                try:
                    if change.failed is None:
                        write(change, collections, wanted=False)
                except Exception as error:  # noqa: BLE001 - it is raised below, with what became of the others
                    change.failed = error
        self._raise_if_partial("added to", [(change.spec, change.failed) for change in changes], active.ids)

    def _hold_all(self, changes: Sequence[Change], collections: Collections, held: ExitStack) -> None:
        """Lock every collection of a change, and note what comes, so that no reader is told that one lacks it."""
        for change in sorted(changes, key=lambda one: one.spec.name):
            try:
                if change.failed is None:
                    held.enter_context(collections.writing(change.spec))
            except ReindexLockedError as error:
                if change is changes[0]:
                    raise
                change.failed = error
        for change in changes[1:]:
            if change.failed is None:
                collections.manifest.begin_write(change.spec.name, change.ids)

    def add(self, chunks: Iterable[Chunk], origin: str | None = None) -> int:
        """Add chunks to the collections of all listed spaces, each embedded by its own backend; errors as for `commit`.

        Returns:
            How many were embedded for the active space; those that were there already aren't.
        """
        changes = self.prepare(chunks, origin)
        embed_all(changes)
        self.commit(changes)
        return len(changes[0].to_embed)

    def delete(self, ids: Iterable[str] | None = None) -> None:
        """Delete chunks, all of them without ids, from every collection; those that aren't there are left out."""
        active = self.spec()
        with self._lock:
            manifest = self._collections_to_change(active.config).manifest
            self._scan_others(active)
            self._scan(active)
            listed = manifest.all_ids() if ids is None else list(dict.fromkeys(ids))
            manifest.note_unwanted(listed)
            outcomes: list[tuple[CollectionSpec, Exception | None]] = []
            for name, space in manifest.collections().items():
                spec = active if name == active.name else _spec_of(active.config, name, space)
                failed: Exception | None = None
                try:
                    self._delete_from(spec, listed)
                except ReindexLockedError as error:
                    # What fills another collection removes from it, when it ends, what the index shouldn't have.
                    failed = error if name == active.name else None
                except Exception as error:  # noqa: BLE001 - it is raised below, with what became of the others
                    failed = error
                outcomes.append((spec, failed))
        self._raise_if_partial("deleted from", outcomes, tuple(listed))

    def _delete_from(self, spec: CollectionSpec, ids: Sequence[str]) -> None:
        collections = self._collections_of(spec.config)
        manifest = collections.manifest
        there = list(manifest.versions(spec.name, ids))
        with collections.writing(spec):
            collection = collections.open(spec)
            if collection is None:
                manifest.remove_collection(spec.name)
                return
            try:
                if there:
                    collection.claim(spec.space)
                    collection.delete(there)
                    collection.flush()
            except BaseException:
                collections.close(spec.name)
                raise
            manifest.note_deleted(spec.name, ids)
            collections.note_change(spec.name)

    def absent(self, origin: str, ids: Iterable[str]) -> list[str]:
        """Ids that came from somewhere, and aren't there any more."""
        return sorted(self.manifest.of_origin(origin).difference(ids))

    def fill(self) -> None:
        """Fill the active collection from the others, with what it lacks alone; what was done until an error stays."""
        with self._lock:
            spec = self.spec()
            self._collections_to_change(spec.config)
            self._scan_others(spec)
            self._scan(spec)
            self._fill(spec)

    def _fill(self, spec: CollectionSpec) -> Collection:
        collections = self._collections_of(spec.config)
        collection = fill(spec, collections)
        self._scanned.add(spec.name)
        if collections.manifest.is_behind(spec.name):
            raise behind_error(spec, collections.manifest, exists=True)
        return collection

    def status(self) -> list[Status]:
        """How far each space's collection is, of every backend of the embedding route, and of models it had before."""
        active = self.spec()
        with self._lock:
            manifest = self._collections_of(active.config).manifest
            self._scan_others(active)
            backends: dict[EmbeddingSpace, list[str]] = {}
            for backend, space in active.config.spaces().items():
                if space.dimensions is not None:
                    backends.setdefault(space, []).append(backend)
            specs = [CollectionSpec.of(active.config, names[0]) for names in backends.values()]
            listed = {spec.name for spec in specs}
            specs += [
                _spec_of(active.config, name, space)
                for name, space in manifest.collections().items()
                if name not in listed
            ]
            scanned = [(spec, self._scan(spec, patience=0)) for spec in specs]
            found = []  # counted after all were looked at: a look at one may show what another lacks
            for spec, collection in scanned:
                lacking = manifest.behind(spec.name) if collection else manifest.documents
                count = collection.count() if collection else 0
                names = tuple(backends.get(spec.space, ()))  # none of a model that no backend has any more
                found.append(Status(names, spec.space, spec.name, collection is not None, count, lacking))
            return found

    def _raise_if_partial(
        self, done: str, outcomes: Sequence[tuple[CollectionSpec, Exception | None]], ids: tuple[str, ...]
    ) -> None:
        failed = {spec.space: error for spec, error in outcomes if error is not None}
        if not failed:
            return
        written = tuple(spec.space for spec, error in outcomes if error is None)
        why = "; ".join(f"{space} ({type(error).__name__}: {error})" for space, error in failed.items())
        backends = [spec.backend for spec, error in outcomes if error is not None]
        fixes = " and ".join(f"`turnout reindex {self.name} --to {backend}`" for backend in backends)
        msg = (
            f"{len(ids):,} chunks of the index {self.name!r} were {done} {', '.join(map(str, written)) or 'nothing'}, "
            f"and not {why}. That is known as behind: the same call again, or {fixes}, fills it"
        )
        raise PartialWriteError(msg, index=self.name, ids=ids, written=written, behind=failed)

    def _collections_to_change(self, config: IndexConfig) -> Collections:
        """`_collections_of`; raises `IndexReadOnlyError` if the index can't be written."""
        config.check_writable()
        return self._collections_of(config)

    def _collections_of(self, config: IndexConfig) -> Collections:
        """The collections beside the manifest that the settings name now."""
        collections, place = self._collections, config.manifest
        if collections is None or collections.manifest.place != place:
            with self._lock:
                collections = self._collections
                if collections is None or collections.manifest.place != place:
                    collections = self._collections = Collections(self._opener, place)
                    self._scanned.clear()
        return collections


def _spec_of(config: IndexConfig, name: str, space_text: str) -> CollectionSpec:
    """A collection that the manifest knows, and whose space no backend may give any more."""
    space = EmbeddingSpace.parse(space_text)
    backend = next((one for one, other in config.spaces().items() if other == space), config.active)
    return CollectionSpec(config, backend, config.route(backend), space, name)
