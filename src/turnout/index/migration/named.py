"""A reindex by the names in the settings: an index, and the backends whose spaces it has collections for."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from turnout.embedding.embedder import Embedder
from turnout.errors import EmbeddingSpaceError, ReindexError, SettingsError
from turnout.facts.spaces import EmbeddingSpace, collection_name, space_of
from turnout.index.lock import locked
from turnout.index.migration.agreeing import Agreement, Part, opened, remove_outdated
from turnout.index.migration.engine import reindex
from turnout.index.migration.report import Estimate, ReindexReport
from turnout.redaction import shown
from turnout.routing import active_backend, resolve
from turnout.settings import Settings, load_settings
from turnout.settings.problems import nearest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from turnout.index.chunks import Embedded, Item, Source
    from turnout.index.manifest import Manifest
    from turnout.routing import Route
    from turnout.settings import IndexSettings

DOCUMENTS = "source"
"""What `origin` says to read the source documents."""

ITSELF = "itself"
"""What `origin` says to take the collection as it is."""


class Side(Protocol):
    """What a framework's side has for named indexes."""

    def open_collection(
        self, index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool = False
    ) -> Any | None:
        """The collection of a space, or None."""
        ...

    def drop_collection(self, index: IndexSettings, name: str, space: EmbeddingSpace) -> bool:
        """Remove it; whether there was one."""
        ...


class Nothing:
    """Stands in for a collection that a dry run doesn't make."""

    flush_every = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        """It would be made."""

    def count(self) -> int:
        """None."""
        return 0

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """None of them."""
        del ids
        return {}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """None of them."""
        del ids
        return {}

    def search(self, vector: Sequence[float], k: int) -> list[Item]:
        """None."""
        del vector, k
        return []

    def write(self, chunks: Sequence[Embedded]) -> None:
        """Refused: there is nowhere to write to.

        Raises:
            ReindexError: Always.
        """
        del chunks
        msg = f"the collection {self.name!r} isn't there to be written to: a dry run makes none. Leave out dry_run"
        raise ReindexError(msg)

    def delete(self, ids: Sequence[str]) -> None:
        """None of them is there."""

    def flush(self) -> None:
        """Nothing was written."""


class NamedIndex:
    """An index of the settings.

    Args:
        name: Its name.
        settings: Settings, or the path of a settings file; left out, they are found.

    Raises:
        SettingsError: There is no such index.
    """

    def __init__(self, name: str, settings: Settings | str | os.PathLike[str] | None = None) -> None:
        self.all = settings if isinstance(settings, Settings) else load_settings(settings)
        if name not in self.all.index:
            msg = f"{shown(name)} is no index{nearest(name, self.all.index)}. Indexes are the [index.…] tables"
            raise SettingsError(msg)
        self.name = name
        self.settings: IndexSettings = self.all.index[name]

    @property
    def side(self) -> Side:
        """The framework's side that opens its collections."""
        side: Side = import_module(f"turnout.{self.settings.opened_with}.reindexing")
        return side

    @property
    def active(self) -> str:
        """The backend that the settings embed with now."""
        return active_backend(self.all, "embedding")

    def route(self, backend: str | None = None) -> Route:
        """Where its texts are embedded, on the active backend or another."""
        return resolve(self.settings.embedding, kind="embedding", backend=backend, settings=self.all)

    def spaces(self) -> dict[str, EmbeddingSpace]:
        """Backend → the space that it gives the index, for each that its embedding route names."""
        return {backend: space_of(self.route(backend)) for backend in self.all.embedding[self.settings.embedding]}

    def space(self, said: str) -> EmbeddingSpace:
        """The space of a backend, or the one that a text names.

        Raises:
            SettingsError: It is neither.
        """
        spaces = self.spaces()
        if said in spaces:
            return spaces[said]
        if "/" not in said:
            msg = f"{said!r} is no backend of the embedding route {self.settings.embedding!r}{nearest(said, spaces)}"
            raise SettingsError(msg)
        return EmbeddingSpace.parse(said)

    def called(self, space: EmbeddingSpace) -> str:
        """The name of the collection of a space."""
        return collection_name(self.name, space)

    def checkpoint(self, space: EmbeddingSpace) -> Path:
        """Where a reindex into a space remembers what it did: beside the index, or beside the settings file."""
        return self._folder / f"{self.called(space)}.reindex.sqlite"

    @property
    def manifest(self) -> Path:
        """Where it is kept which chunks each collection has; in the same folder."""
        return self._folder / f"{self.name}.index.sqlite"

    @property
    def _folder(self) -> Path:
        file = Path(self.all.source)
        return Path(self.settings.path) if self.settings.path else file.parent if file.is_file() else Path.cwd()

    def reindex(
        self,
        to: str | None = None,
        *,
        origin: str | None = None,
        documents: Callable[[IndexSettings], Source] | None = None,
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
        backend = to or self.active
        route = self.route(backend)
        space = space_of(route)
        dry = bool(options.get("dry_run"))
        if origin == ITSELF:
            return self._accept(space, dry=dry, confirm=options.get("confirm"))
        source, old, read = self._source(space, origin, documents)
        target = self.side.open_collection(self.settings, self.name, space, create=not dry)
        standard = self.checkpoint(space)
        with opened(self.manifest, dry=dry) as manifest:
            agreement = None
            if read is not None:
                filled = Part(self.called(space), space, target)
                agreement = Agreement(manifest, Part(self.called(read), read, source), filled)
                agreement.look()
            report = reindex(
                agreement.source(self._reader(manifest)) if agreement is not None else source,
                target or Nothing(self.called(space)),
                Embedder(route, self.all),
                checkpoint=checkpoint or standard,
                lock=standard.with_name(f"{standard.name}.lock"),
                old=old,
                unwanted=agreement.unwanted if agreement is not None else (),
                **options,
            )
            if agreement is not None and report.state == "estimated":
                report.forgotten = len(agreement.gone)
            elif agreement is not None and report.state == "done":
                agreement.note(report)
            elif report.state != "estimated" and target is not None:
                called = self.called(space)
                manifest.look(called, str(space), target.items(), wanted=report.state == "done")
                remove_outdated(target, called, manifest)
                manifest.skipped(called, dict(report.skipped))
        return report

    def _reader(self, manifest: Manifest) -> Callable[[str], Any]:
        """Opens a collection by its name in the manifest, once."""

        @cache
        def reader(called: str) -> Any:
            space = EmbeddingSpace.parse(manifest.collections()[called])
            return self.side.open_collection(self.settings, self.name, space)

        return reader

    def _accept(self, space: EmbeddingSpace, *, dry: bool, confirm: Callable[[Estimate], bool] | None) -> ReindexReport:
        """Take a collection as it is: nothing is embedded."""
        called = self.called(space)
        target = self.side.open_collection(self.settings, self.name, space, create=not dry) or Nothing(called)
        standard = self.checkpoint(space)
        lock = standard.with_name(f"{standard.name}.lock")
        with nullcontext() if dry else locked(lock, called), opened(self.manifest, dry=dry) as manifest:
            target.claim(space, dry=True)
            part = Part(called, space, target)
            agreement = Agreement(manifest, part, part)
            agreement.look()
            count = target.count()
            estimate = Estimate(count, 0, 0, 0)
            report = ReindexReport(ITSELF, called, str(space), estimate, unchanged=count)
            if dry or (confirm is not None and not confirm(estimate)):
                report.state = "estimated"
                report.forgotten = len(agreement.gone)
            else:
                agreement.note(report)
        return report

    def drop(self, said: str) -> EmbeddingSpace:
        """Remove a space's collection and its checkpoint, for good.

        Args:
            said: The space, or a backend whose space it is.

        Raises:
            EmbeddingSpaceError: It is the space in use, or there is no such collection.
        """
        space = self.space(said)
        if space_of(self.route()).fits(space):
            fix = "switch the backend first"
            msg = f"the collection of {space} is the one that the index {self.name!r} answers from now; {fix}"
            raise EmbeddingSpaceError(msg, index=self.name, index_space=space, fix=fix)
        if not self.side.drop_collection(self.settings, self.name, space):
            there = ", ".join(str(found) for found in self._filled()) or "none"
            msg = f"the index {self.name!r} has no collection of {space}; it has {there}"
            raise EmbeddingSpaceError(msg, index=self.name, wanted_space=space)
        file = self.checkpoint(space)
        for path in file.parent.glob(f"{file.name}*"):
            path.unlink(missing_ok=True)
        return space

    def _filled(self) -> dict[EmbeddingSpace, Any]:
        """The spaces of which it has a collection with documents."""
        found = {}
        for space in dict.fromkeys(self.spaces().values()):
            if space.dimensions is not None:
                collection = self.side.open_collection(self.settings, self.name, space)
                if collection is not None and collection.count():
                    found[space] = collection
        return found

    def _source(
        self, target: EmbeddingSpace, origin: str | None, documents: Callable[[IndexSettings], Source] | None
    ) -> tuple[Source, Any, EmbeddingSpace | None]:
        """Where to read from, what to compare with, and the space of the collection that is read, if it is one."""
        filled = {space: found for space, found in self._filled().items() if space != target}
        if origin == DOCUMENTS:
            return self._documents(documents), next(iter(filled.values()), None), None
        if origin is not None:
            space = self.space(origin)
            found = self.side.open_collection(self.settings, self.name, space)
            if found is None or space == target:
                why = "it is the one to fill" if space == target else "there is no such collection"
                msg = f"the index {self.name!r} can't be filled from {space}: {why}"
                raise SettingsError(msg)
            return found, found, space
        active = space_of(self.route())
        if active in filled:
            return filled[active], filled[active], active
        own = self.side.open_collection(self.settings, self.name, target)
        has_documents = own is not None and own.count() > 0
        if filled and (has_documents or len(filled) > 1):
            choices = [*map(str, filled), *([DOCUMENTS] if self.settings.source else [])]
            msg = f"say from where to fill the collection of {target}: --from {' or '.join(choices)}"
            raise SettingsError(msg)
        if filled:
            space, only = next(iter(filled.items()))
            return only, only, space
        return self._documents(documents), None, None

    def _documents(self, documents: Callable[[IndexSettings], Source] | None) -> Source:
        if self.settings.source is None or documents is None:
            msg = (
                f"the index {self.name!r} has no other collection to read from, and no source documents: set source "
                f"in [index.{self.name}] to their folder"
            )
            raise SettingsError(msg)
        return documents(self.settings)
