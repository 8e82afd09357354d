"""A named index as the settings have it: its route, its spaces, its files, and the framework that opens it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from turnout.errors import IndexBrokenError, SettingsError
from turnout.facts.spaces import EmbeddingSpace, collection_name, space_of
from turnout.index import frameworks
from turnout.index.collection import Collection
from turnout.index.databases.places import Place
from turnout.index.databases.schema import PostgresSchema
from turnout.index.read_only import closed_error, is_read_only, read_only_error
from turnout.permissions import warn_if_others_read
from turnout.redaction import shown
from turnout.routing import Route, active_backend, resolve
from turnout.settings import IndexSettings, Settings, load_settings
from turnout.settings.problems import nearest

# What `origin` of a reindex says to read the source documents, and to take the collection as it is.
DOCUMENTS, ITSELF = "source", "itself"


class IndexConfig:
    """An index of the settings.

    Args:
        name: Its name.
        settings: Settings, or the path of a settings file; left out, they are found.

    Raises:
        SettingsError: There is no such index.
    """

    def __init__(self, name: str, settings: Settings | str | os.PathLike[str] | None = None) -> None:
        self.all_settings = settings if isinstance(settings, Settings) else load_settings(settings)
        if name not in self.all_settings.index:
            msg = f"{shown(name)} is no index{nearest(name, self.all_settings.index)}. Indexes are the [index.…] tables"
            raise SettingsError(msg)
        self.name = name
        self.settings: IndexSettings = self.all_settings.index[name]

    @property
    def active(self) -> str:
        """The backend that the settings embed with now."""
        return active_backend(self.all_settings, "embedding")

    def route(self, backend: str | None = None) -> Route:
        """Where its texts are embedded, on the active backend or another."""
        return resolve(self.settings.embedding, kind="embedding", backend=backend, settings=self.all_settings)

    def spaces(self) -> dict[str, EmbeddingSpace]:
        """Backend → the space that it gives the index, for each that its embedding route names."""
        backends = self.all_settings.embedding[self.settings.embedding]
        return {backend: space_of(self.route(backend)) for backend in backends}

    def space(self, text: str) -> EmbeddingSpace:
        """The space of a backend, or the one that a text names."""
        spaces = self.spaces()
        if text in spaces:
            return spaces[text]
        if "/" not in text:
            msg = f"{text!r} is no backend of the embedding route {self.settings.embedding!r}{nearest(text, spaces)}"
            raise SettingsError(msg)
        return EmbeddingSpace.parse(text)

    def collection_name(self, space: EmbeddingSpace) -> str:
        """The name of the collection of a space."""
        return collection_name(self.name, space)

    def open_collection(self, space: EmbeddingSpace, *, create: bool = False) -> Collection | None:
        """The collection of a space; None if there is none and it isn't to be made."""
        with self.opening(space):
            return frameworks.open_collection(self.settings, self.name, space, create=create)

    def check_writable(self) -> None:
        """Raise `IndexReadOnlyError` before anything is paid for, if the index is in a folder that can't be written."""
        if isinstance(self.manifest, Path) and is_read_only(self.manifest):
            raise read_only_error(self.manifest.parent)

    @contextmanager
    def opening(self, space: EmbeddingSpace) -> Iterator[None]:
        """What opens the collection of a space; files that can't be read are an error that says what makes it anew."""
        if self.settings.path is not None:
            warn_if_others_read(Path(self.settings.path), "an index")
        try:
            yield
        except PermissionError as error:
            raise closed_error(error.filename or self._folder, self.name) from error
        except IndexBrokenError as error:
            if error.whole and self.settings.source is None:
                fix = f"restore {self._folder} as it was, or remove it and add the texts again"
            else:
                backend = next((one for one, other in self.spaces().items() if other == space), None)
                fix = f"turnout reindex {self.name} --to {backend or self.active}"
                fix += f" --from {DOCUMENTS}" if error.whole else ""
            msg = f"the index {self.name!r} can't be opened in {space}: {error}. To mend it: `{fix}`"
            broken = IndexBrokenError(msg, index=self.name, collection=error.collection, whole=error.whole, fix=fix)
            raise broken from error

    def checkpoint(self, space: EmbeddingSpace) -> Path:
        """Where a reindex into a space remembers what it did: beside the index, or beside the settings file."""
        return self._folder / f"{self.collection_name(space)}.reindex.sqlite"

    def lock(self, space: EmbeddingSpace) -> Place:
        """The lock of whoever fills the collection of a space: a file beside its checkpoint, or in the database."""
        file = self.checkpoint(space)
        return file.with_name(f"{file.name}.lock") if isinstance(self.manifest, Path) else self.manifest

    @property
    def manifest(self) -> Place:
        """Where it is kept which chunks each collection has: in a database, its folder, or beside the settings."""
        file, is_in_database = self._folder / f"{self.name}.index.sqlite", self.settings.store == "pgvector"
        if is_in_database or self.settings.manifest is not None:
            return PostgresSchema.of(self.settings, self.name, file)
        return file

    @property
    def _folder(self) -> Path:
        file = Path(self.all_settings.source)
        return Path(self.settings.path) if self.settings.path else file.parent if file.is_file() else Path.cwd()
