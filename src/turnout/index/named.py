"""A named index: the collection of the settings' space for every search, and every listed one for each change."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout import runtime
from turnout.errors import IndexBehindError, PartialWriteError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.behind import behind
from turnout.index.changes import Change, plan, write
from turnout.index.chunks import Item
from turnout.index.collections import Collections, Home, Opened, Opener, Place
from turnout.index.filling import fill
from turnout.index.manifest import Manifest
from turnout.index.migration.agreeing import remove_outdated
from turnout.index.migration.named import NamedIndex
from turnout.settings import Settings, load_settings
from turnout.settings.fields import portable_settings


@dataclass(frozen=True, slots=True)
class Status:
    """How far one of an index's collections is.

    Attributes:
        backends: The backends that give its space.
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
        opener: The framework's side.
        settings: Settings, or the path of a settings file; left out, they are found anew for each call.
        backend: Another backend than the active one.
    """

    def __init__(
        self,
        name: str,
        opener: Opener,
        settings: Settings | Path | str | None = None,
        backend: str | None = None,
    ) -> None:
        self.name = name
        self._opener = opener
        self._settings = settings
        self._backend = backend
        self._lock = threading.RLock()
        self._now: tuple[Settings, Place] | None = None
        self._kept: tuple[Manifest, Collections] | None = None
        self._looked: set[str] = set()
        self._distrusted: set[str] = set()
        runtime.renewed_in_child(self)

    def renew(self) -> None:
        """Nobody is at work on it, in a forked child."""
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """What it was given, without the settings' secrets: on the other side it opens its collections for itself."""
        settings = portable_settings(self._settings)
        return {"name": self.name, "opener": self._opener, "settings": settings, "backend": self._backend}

    def __setstate__(self, given: dict[str, Any]) -> None:
        """Begin anew."""
        Index.__init__(self, **given)

    @property
    def manifest(self) -> Manifest:
        """Which chunks each collection has."""
        return self._keeping(self.place().index)[0]

    # --- which collection

    def place(self, space: EmbeddingSpace | None = None) -> Place:
        """Where searches go, as the settings are now.

        Args:
            space: The space of a query that is embedded already; left out, the active backend's.

        Raises:
            SettingsError: There is no such index, or the backend has no embedding target for it.
        """
        settings = self._settings if isinstance(self._settings, Settings) else load_settings(self._settings)
        now = self._now
        if now is None or now[0] is not settings:
            index = NamedIndex(self.name, settings)
            now = self._now = settings, Place.of(index, self._backend or index.active)
        active = now[1]
        if space is None or space == active.space or self._backend is not None:
            return active
        others = [backend for backend, given in active.index.spaces().items() if given == space]
        return Place.of(active.index, others[0]) if others else active

    def places(self) -> list[Place]:
        """Where changes go: the active place first, then those of `also`, each space once."""
        active = self.place()
        backends = active.index.settings.also
        listed = [active, *(Place.of(active.index, backend) for backend in backends)]
        return list({place.called: place for place in reversed(listed)}.values())[::-1]

    def at_hand(self, space: EmbeddingSpace | None = None) -> Home | None:
        """The collection to search, if that takes no more than a look at the manifest; arguments as for `home`."""
        place = self.place(space)
        manifest, collections = self._keeping(place.index)
        if place.called not in self._looked:
            return None
        stamp, is_behind = manifest.standing(place.called)
        found = None if is_behind else collections.at_hand(place, stamp)
        return None if found is None else found.home

    def home(self, space: EmbeddingSpace | None = None) -> Home:
        """The collection to search; filled before, if the settings say so.

        Args:
            space: The space of a query that is embedded already; left out, the active backend's.

        Raises:
            IndexBehindError: It lacks documents that the index has.
            EmbeddingSpaceError: It has vectors of another space.
        """
        return self.at_hand(space) or self._current(space).home

    def distrust(self) -> None:
        """Open every collection anew, and look through it: one was changed by other means than the index."""
        _, collections = self._keeping(self.place().index)
        with self._lock:
            self._distrusted |= self._looked
            for called in self._looked:
                collections.close(called)
            self._looked.clear()

    def _current(self, space: EmbeddingSpace | None) -> Opened:
        """A space's collection, with all that the index should have."""
        place = self.place(space)
        with self._lock:
            manifest, collections = self._keeping(place.index)
            self._look_at_others(place)
            opened = self._seen(place)
            if opened is None and not manifest.documents:
                opened = collections.open(place, create=True)
                assert opened is not None
                return opened
            if opened is not None and not manifest.is_behind(place.called):
                return opened
            if opened is not None and not manifest.lacking(place.called, 1):
                self._finish_deleting(place)
                return opened
            if place.index.settings.fill != "on-the-way":
                raise behind(place, manifest, exists=opened is not None)
            return self.fill(place)

    def _finish_deleting(self, place: Place) -> None:
        """Remove what was deleted through the index, and is still there because the process was killed, or failed."""
        manifest, collections = self._keeping(place.index)
        with collections.changing(place) as opened:
            remove_outdated(opened.home, place.called, manifest)

    def _seen(self, place: Place) -> Opened | None:
        """The collection of a place, looked through if the manifest may not know all that it has."""
        manifest, collections = self._keeping(place.index)
        opened = collections.open(place)
        if opened is not None and manifest.holding(place.called) and opened.home.is_lost():
            collections.close(place.called)
            opened = collections.open(place)
        if opened is None:
            manifest.forget(place.called)
            return None
        collections.settle_if_free(opened)
        known = (
            place.called not in self._distrusted
            and manifest.stamp(place.called) is not None
            and opened.home.count() == manifest.holding(place.called)
        )
        if not known or manifest.is_behind(place.called):
            opened.home.claim(place.space, dry=True)  # what is of another space isn't the index's
            if opened.home.count():
                manifest.look(place.called, str(place.space), opened.home.items())
            else:
                manifest.look(place.called, str(place.space), ())
            collections.note(opened)
        self._looked.add(place.called)
        self._distrusted.discard(place.called)
        return opened

    def _look_at_others(self, active: Place) -> None:
        """Learn what there is from the collections, if the manifest knows of none: the largest has the last word."""
        manifest, collections = self._keeping(active.index)
        if manifest.collections():
            return
        found = []
        for backend, space in active.index.spaces().items():
            if space.dimensions is None:
                continue
            place = Place.of(active.index, backend)
            home = collections.reader(active.index, place.called, space)
            if home is not None and home.count():
                found.append((home.count(), place.called, str(space), home))
        for _, called, said, home in sorted(found, key=lambda one: (-one[0], one[1])):
            if manifest.stamp(called) is None:
                manifest.look(called, said, home.items())

    # --- changes

    def prepare(self, items: Iterable[Item], origin: str | None = None) -> list[Change]:
        """What has to be embedded and written, and where, to add chunks; what is there already isn't.

        Args:
            items: The chunks; of those with one id, the last.
            origin: What they belong to, for `absent`.

        Raises:
            IndexBehindError: The active collection lacks documents that the index has.
            ChunkRefusedError: The store can't hold a chunk as it is.
        """
        listed = list({item.id: item for item in items}.values())
        places = self.places()
        manifest, collections = self._keeping(places[0].index)
        listed = self._to_write(places[0], listed).fit(listed)
        return [plan(place, listed, manifest, collections, origin) for place in places]

    def _to_write(self, active: Place, items: Sequence[Item]) -> Home:
        """The active collection, as it is there now.

        One that lacks documents is refused, unless some of these are among those that no collection has any more: they
        are written again.
        """
        manifest, collections = self._keeping(active.index)
        try:
            home = self.home()
            if not manifest.holding(active.called) or not home.is_lost():
                return home
            self.distrust()
            return self.home()
        except IndexBehindError:
            if not manifest.nowhere([item.id for item in items]):
                raise
            opened = collections.open(active, create=True)
            assert opened is not None
            return opened.home

    def commit(self, changes: Sequence[Change]) -> None:
        """Write chunks that were embedded.

        Raises:
            TurnoutError: The active collection's chunks couldn't be embedded or written; nothing was written.
            PartialWriteError: Another collection's couldn't be.
        """
        active, *others = changes
        if active.failed is not None:
            raise active.failed
        with self._lock:
            manifest, collections = self._keeping(active.place.index)
            write(active, manifest, collections, wanted=True)
            self._looked.add(active.place.called)
            for change in others:
                try:
                    if change.failed is None:
                        write(change, manifest, collections, wanted=False)
                except Exception as error:  # noqa: BLE001 - it is raised below, with what became of the others
                    change.failed = error
        self._say_partial("added to", [(change.place, change.failed) for change in changes], active.ids)

    def add(self, items: Iterable[Item], origin: str | None = None) -> int:
        """Add chunks to the collections of all listed spaces, each embedded by its own backend.

        Returns:
            How many were embedded for the active space; those that were there already aren't.

        Raises:
            TurnoutError: As `prepare` and `commit` say.
        """
        changes = self.prepare(items, origin)
        Change.embed_all(changes)
        self.commit(changes)
        return len(changes[0].to_embed)

    def delete(self, ids: Iterable[str] | None = None) -> None:
        """Delete chunks from every collection that the index has.

        Args:
            ids: Their ids; those that aren't there are left out. None for all.

        Raises:
            PartialWriteError: A collection couldn't be changed.
        """
        place = self.place()
        with self._lock:
            manifest, _ = self._keeping(place.index)
            self._look_at_others(place)
            self._seen(place)
            listed = manifest.every_id() if ids is None else list(dict.fromkeys(ids))
            manifest.unwanted(listed)
            outcomes: list[tuple[Place, BaseException | None]] = []
            for called, said in manifest.collections().items():
                space = EmbeddingSpace.parse(said)
                at = place if called == place.called else self._place_of(place.index, called, space)
                try:
                    self._delete_from(at, listed)
                except Exception as error:  # noqa: BLE001 - it is raised below, with what became of the others
                    outcomes.append((at, error))
                else:
                    outcomes.append((at, None))
        self._say_partial("deleted from", outcomes, tuple(listed))

    def _delete_from(self, place: Place, ids: Sequence[str]) -> None:
        manifest, collections = self._keeping(place.index)
        there = list(manifest.held(place.called, ids))
        with collections.writing(place.index, place.called, place.space):
            opened = collections.open(place)
            if opened is None:
                manifest.forget(place.called)
                return
            try:
                if there:
                    opened.home.claim(place.space)
                    opened.home.delete(there)
                    opened.home.flush()
            except BaseException:
                collections.close(place.called)
                raise
            manifest.deleted(place.called, ids)
            collections.note(opened)

    @staticmethod
    def _place_of(index: NamedIndex, called: str, space: EmbeddingSpace) -> Place:
        backends = [backend for backend, given in index.spaces().items() if given == space]
        backend = backends[0] if backends else index.active
        return Place(index, backend, index.route(backend), space, called)

    def absent(self, origin: str, ids: Iterable[str]) -> list[str]:
        """Ids that came from somewhere, and aren't there any more."""
        manifest, _ = self._keeping(self.place().index)
        return sorted(manifest.of_origin(origin).difference(ids))

    def fill(self, place: Place | None = None) -> Opened:
        """Fill a place's collection from the others, with what it lacks alone.

        Args:
            place: The place; left out, the active one.

        Raises:
            IndexBehindError: The text of some chunks couldn't be had from any collection.
            ModelCallError: The service failed; what was done is kept.
        """
        place = place or self.place()
        with self._lock:
            manifest, collections = self._keeping(place.index)
            self._look_at_others(place)
            self._seen(place)
            opened = fill(place, manifest, collections)
            self._looked.add(place.called)
            if manifest.is_behind(place.called):
                raise behind(place, manifest, exists=True)
            return opened

    def status(self) -> list[Status]:
        """How far each space's collection is, those of `also` and of every backend of the embedding route."""
        active = self.place()
        with self._lock:
            manifest, _ = self._keeping(active.index)
            self._look_at_others(active)
            backends: dict[EmbeddingSpace, list[str]] = {}
            for backend, space in active.index.spaces().items():
                if space.dimensions is not None:
                    backends.setdefault(space, []).append(backend)
            seen = []
            for space, names in backends.items():
                place = Place.of(active.index, names[0])
                seen.append((tuple(names), space, place.called, self._seen(place)))
            found = []
            for listed, space, called, opened in seen:  # a look at one may have shown what another lacks
                lacking = manifest.behind(called) if opened else manifest.documents
                count = opened.home.count() if opened else 0
                found.append(Status(listed, space, called, opened is not None, count, lacking))
            return found

    def _say_partial(
        self, done: str, outcomes: Sequence[tuple[Place, BaseException | None]], ids: tuple[str, ...]
    ) -> None:
        failed = {place.space: error for place, error in outcomes if error is not None}
        if not failed:
            return
        written = tuple(place.space for place, error in outcomes if error is None)
        why = "; ".join(f"{space} ({type(error).__name__}: {error})" for space, error in failed.items())
        backends = [place.backend for place, error in outcomes if error is not None]
        fixes = " and ".join(f"`turnout reindex {self.name} --to {backend}`" for backend in backends)
        msg = (
            f"{len(ids):,} chunks of the index {self.name!r} were {done} {', '.join(map(str, written)) or 'nothing'}, "
            f"and not {why}. That is known as behind: the same call again, or {fixes}, fills it"
        )
        raise PartialWriteError(msg, index=self.name, ids=ids, written=written, behind=failed)

    def _keeping(self, index: NamedIndex) -> tuple[Manifest, Collections]:
        kept = self._kept
        if kept is None or kept[0].path != index.manifest:
            with self._lock:
                kept = self._kept
                if kept is None or kept[0].path != index.manifest:
                    manifest = Manifest(index.manifest)
                    kept = self._kept = manifest, Collections(self._opener, manifest)
                    self._looked.clear()
        return kept
