"""A reindex by the names in the settings: an index, and the backends whose spaces it has collections for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from turnout.embedding.embedder import Embedder
from turnout.errors import EmbeddingSpaceError, IndexBrokenError, ReindexError, SettingsError
from turnout.facts.spaces import EmbeddingSpace, space_of
from turnout.index.changes import remove_outdated
from turnout.index.chroma import set_aside
from turnout.index.chunks import EmbeddedChunk, Source
from turnout.index.collection import Collection
from turnout.index.config import DOCUMENTS, ITSELF, IndexConfig
from turnout.index.databases.places import Place, copy_manifest
from turnout.index.locks import reindex_lock
from turnout.index.manifest import Manifest
from turnout.index.migration.engine import reindex
from turnout.index.migration.reconciliation import Reconciliation, forget, note_end
from turnout.index.migration.report import Estimate, ReindexReport
from turnout.settings import IndexSettings

Documents = Callable[[IndexSettings], Source]  # reads the source documents of an index


class _EmptyCollection:
    """Stands in for a collection that a dry run doesn't make."""

    flush_every = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def count(self) -> int:
        return 0

    def write(self, chunks: Sequence[EmbeddedChunk]) -> None:
        del chunks
        msg = f"the collection {self.name!r} isn't there to be written to: a dry run makes none. Leave out dry_run"
        raise ReindexError(msg)

    def _nothing(self, *_: object, **__: object) -> Any:
        return {}

    claim = get = vectors = search = delete = flush = _nothing


class NamedIndex(IndexConfig):
    """An index of the settings, whose collections are filled from each other or dropped; arguments as for its base."""

    def reindex(
        self,
        to: str | None = None,
        *,
        origin: str | None = None,
        documents: Documents | None = None,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> ReindexReport:
        """Fill a backend's collection.

        Args:
            to: The backend; left out, the active one.
            origin: From where: a backend or a space, whose collection is read, or `source` for the source documents.
                Left out, the active backend's collection if that isn't the one to fill, or else the only other one that
                has documents, or else the source documents. `itself` fills nothing: the index counts what the
                collection has, and no more what was deleted from it by other means.
            documents: Reads the source documents.
            checkpoint: The checkpoint's file; left out, beside the index.
            options: As for `turnout.reindex.reindex`.

        Raises:
            SettingsError: There is nothing to read from, or more than one choice.
            TurnoutError: As `turnout.reindex.reindex` says.
        """
        route = self.route(to or self.active)
        space = space_of(route)
        name = self.collection_name(space)
        dry = bool(options.get("dry_run"))
        if not dry:
            self.check_writable()
        if origin == ITSELF:
            return self._accept(space, dry=dry, confirm=options.get("confirm"))
        stamps = self._stamps()
        filled = self._filled()
        has_documents = filled.pop(space, None) is not None
        read = self._choose_origin(space, origin, filled, has_documents=has_documents)
        source: Source = read[0] if read is not None else self._documents(documents)
        old = read[0] if read is not None else next(iter(filled.values()), None)
        if not dry:
            self._set_aside_broken(space, whole=read is None)
        target = self.open_collection(space, create=not dry)
        with _opened_manifest(self.manifest, dry=dry) as manifest:
            if target is not None and not dry:  # from the start, so that a delete meanwhile holds for it too
                target.claim(space)
                manifest.add_collection(name, str(space))
            reconciliation: Reconciliation | None = None
            if read is not None:
                to_fill = (target, space) if target is not None else None
                source = reconciliation = Reconciliation(
                    manifest, self.open_collection, read, to_fill, stamps.get(read[0].name)
                )
            report = reindex(
                source,
                target or _EmptyCollection(name),
                Embedder(route, self.all_settings),
                checkpoint=checkpoint or self.checkpoint(space),
                lock=self.lock(space),
                old=old,
                state=reconciliation.state if reconciliation is not None else None,
                found=reconciliation.found if reconciliation is not None else None,
                unwanted=reconciliation.unwanted if reconciliation is not None else tuple,
                on_written=partial(manifest.note_copied, name) if reconciliation is not None else None,
                **options,
            )
            if reconciliation is not None and report.state == "estimated":
                report.forgotten = len(reconciliation.gone)
            elif reconciliation is not None and report.state == "done":
                reconciliation.note(report)
            elif report.state != "estimated" and target is not None:
                before = manifest.wanted_ids()
                manifest.scan(name, str(space), target.chunks(), wanted=report.state == "done")
                remove_outdated(target, manifest)
                manifest.note_skipped(name, dict(report.skipped))
                report.forgotten = len(before.difference(manifest.wanted_ids(), dict(report.skipped)))
            if report.state == "done" and (behind := manifest.behind(name)):
                report.behind, report.command = behind, f"turnout reindex {self.name} --to {route.backend}"
        return report

    def _accept(self, space: EmbeddingSpace, *, dry: bool, confirm: Callable[[Estimate], bool] | None) -> ReindexReport:
        """Take a collection as it is: nothing is embedded."""
        name = self.collection_name(space)
        target = self.open_collection(space, create=not dry)
        locked = nullcontext() if dry else reindex_lock(self.lock(space), name)
        with locked, _opened_manifest(self.manifest, dry=dry) as manifest:
            if target is None:
                return ReindexReport(ITSELF, name, str(space), Estimate(0, 0, 0, 0), state="estimated")
            target.claim(space, dry=True)
            estimate = Estimate(target.count(), 0, 0, 0)
            if estimate.chunks or manifest.stamp(name) is not None:
                manifest.scan(name, str(space), target.chunks())
            gone = manifest.missed(name) if estimate.chunks else []
            report = ReindexReport(ITSELF, name, str(space), estimate, unchanged=estimate.chunks)
            if dry or (confirm is not None and not confirm(estimate)):
                report.state, report.forgotten = "estimated", len(gone)
            else:
                note_end(manifest, target, report, forget(manifest, target, gone))
        return report

    def drop(self, text: str) -> EmbeddingSpace:
        """Remove a space's collection and its checkpoint, for good.

        Args:
            text: The space, or a backend whose space it is.

        Raises:
            EmbeddingSpaceError: It is the space in use, or there is no such collection.
            IndexBrokenError: No collection of its folder can be read.
        """
        self.check_writable()
        space = self.space(text)
        if space_of(self.route()).fits(space):
            fix = "switch the backend first"
            msg = f"the collection of {space} is the one that the index {self.name!r} answers from now; {fix}"
            raise EmbeddingSpaceError(msg, index=self.name, index_space=space, fix=fix)
        try:
            collection = self.open_collection(space)
        except IndexBrokenError as error:
            if error.whole:  # the other collections would go with it
                raise
            self._set_aside(space, error)
            return space
        if collection is None:
            there = ", ".join(str(found) for found in self._filled()) or "none"
            msg = f"the index {self.name!r} has no collection of {space}; it has {there}"
            raise EmbeddingSpaceError(msg, index=self.name, wanted_space=space)
        with reindex_lock(self.lock(space), collection.name):
            collection.drop()
        if self.manifest.exists():
            with _opened_manifest(self.manifest, dry=False) as manifest:
                manifest.remove_collection(collection.name)
        self._remove_checkpoint(space)
        return space

    def _remove_checkpoint(self, space: EmbeddingSpace) -> None:
        file = self.checkpoint(space)
        for path in file.parent.glob(f"{file.name}*"):
            path.unlink(missing_ok=True)

    def _set_aside_broken(self, space: EmbeddingSpace, *, whole: bool) -> None:
        """Make room for a collection whose files can't be read; of `whole` folders too, or else that is an error."""
        try:
            self.open_collection(space)
        except IndexBrokenError as error:
            if error.whole and not whole:
                raise
            self._set_aside(space, error)

    def _set_aside(self, space: EmbeddingSpace, error: IndexBrokenError) -> None:
        """Remove the collection whose files can't be read, or rename all that can't be, with what is known of it."""
        with (
            reindex_lock(self.lock(space), error.collection),
            _opened_manifest(self.manifest, dry=False) as manifest,
        ):
            set_aside(self.settings, error.collection, whole=error.whole)
            for gone in manifest.collections() if error.whole else [error.collection]:
                manifest.remove_collection(gone)
        self._remove_checkpoint(space)

    def _stamps(self) -> dict[str, int | None]:
        """The stamps of the collections that the manifest knows."""
        if not self.manifest.exists():
            return {}
        with _opened_manifest(self.manifest, dry=False) as manifest:
            return {name: manifest.stamp(name) for name in manifest.collections()}

    def _filled(self) -> dict[EmbeddingSpace, Collection]:
        """The collections that can be read and have documents, those of models that no backend gives any more too."""
        known: list[EmbeddingSpace] = []
        if self.manifest.exists():
            with _opened_manifest(self.manifest, dry=False) as manifest:
                known = [EmbeddingSpace.parse(text) for text in manifest.collections().values()]
        found = {}
        for space in dict.fromkeys([*self.spaces().values(), *known]):
            if space.dimensions is not None:
                with suppress(IndexBrokenError):
                    collection = self.open_collection(space)
                    if collection is not None and collection.count():
                        found[space] = collection
        return found

    def _choose_origin(
        self,
        target: EmbeddingSpace,
        origin: str | None,
        filled: dict[EmbeddingSpace, Collection],
        *,
        has_documents: bool,
    ) -> tuple[Collection, EmbeddingSpace] | None:
        """The collection to read from, and its space; None for the source documents."""
        if origin == DOCUMENTS:
            return None
        if origin is not None:
            space = self.space(origin)
            found = self.open_collection(space)
            if found is None or space == target:
                why = "it is the one to fill" if space == target else "there is no such collection"
                raise SettingsError(f"the index {self.name!r} can't be filled from {space}: {why}")
            return found, space
        active = space_of(self.route())
        if active in filled:
            return filled[active], active
        if filled and (has_documents or len(filled) > 1):
            choices = [*map(str, filled), *([DOCUMENTS] if self.settings.source else [])]
            raise SettingsError(f"say from where to fill the collection of {target}: --from {' or '.join(choices)}")
        return next(((collection, space) for space, collection in filled.items()), None)

    def _documents(self, documents: Documents | None) -> Source:
        if self.settings.source is None or documents is None:
            msg = (
                f"the index {self.name!r} has no other collection to read from, and no source documents: set source "
                f"in [index.{self.name}] to their folder"
            )
            raise SettingsError(msg)
        return documents(self.settings)


@contextmanager
def _opened_manifest(place: Place, *, dry: bool) -> Iterator[Manifest]:
    """The manifest of an index; a copy for a dry run."""
    with tempfile.TemporaryDirectory(prefix="turnout-") if dry else nullcontext() as folder:
        if folder is not None:
            copy = Path(folder) / "manifest.sqlite"
            copy_manifest(place, copy)
            place = copy
        with closing(Manifest(place)) as manifest:
            yield manifest
