"""FAISS: the record is a file in the folder that the index is saved in."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from faiss import IndexFlatL2, read_index

from turnout.errors import EmbeddingSpaceError, SettingsError
from turnout.index.collection import chunk_refused
from turnout.index.files import (
    read_folder,
    recover_folder,
    remove_folder,
    replace_folder,
    staging_folder,
    version_of,
)
from turnout.index.guard.checks import spread
from turnout.index.guard.keepers import Sample, StoreState
from turnout.index.guard.records import SpaceRecord, reindex_command, would_replace
from turnout.index.locks import FileSystemLock, holding
from turnout.index.store_kinds import StoreKind
from turnout.langchain.stores import ListedCollection, SpaceKeeper
from turnout.langchain.stores.faiss_documents import documents as read_documents
from turnout.langchain.stores.faiss_documents import unreadable
from turnout.permissions import make_folder

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community's own, on being imported
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_core.embeddings import Embeddings

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.settings import IndexSettings

_DIGEST = "sha256"  # of the index's file: a record that was left beside another index is found out
_RECORD, _FOLDER, _EARLIER = "_turnout_space_record", "_turnout_folder", "_turnout_earlier_records"
_FLUSH_EVERY = 5000  # documents, at least, between two times that the whole index is saved


class _FaissKeeper(SpaceKeeper):
    """LangChain's `FAISS`: the record is on the object while it is in memory, and in a file once it is saved.

    The guard's `save_local` writes the file; `guarded(FAISS.load_local(folder, …), folder=folder)` reads it.
    """

    has_embeddings: ClassVar[bool] = False
    shared: ClassVar[bool] = False

    def __init__(self, store: FAISS) -> None:
        self.store = store

    @property
    def index(self) -> str:
        return str(vars(self.store).get(_FOLDER, "FAISS"))

    def state(self) -> StoreState:
        record: SpaceRecord | None = vars(self.store).get(_RECORD)
        count = int(self.store.index.ntotal)
        return StoreState(record, empty=count == 0, dimensions=int(self.store.index.d) if count else None)

    def version(self) -> object:
        return vars(self.store).get(_RECORD)

    def write(self, record: SpaceRecord | None) -> None:
        vars(self.store)[_RECORD] = record
        if record is not None:
            vars(self.store).setdefault(_EARLIER, set()).add((record.space, record.made))

    def sample(self, number: int) -> list[Sample]:
        store = self.store
        samples: list[Sample] = []
        for position in spread(int(store.index.ntotal), number):
            found = store.docstore.search(store.index_to_docstore_id[position])
            if isinstance(found, str):  # what the docstore says of an id that it doesn't have
                continue
            try:
                samples.append((found.page_content, store.index.reconstruct(position)))
            except RuntimeError:  # some kinds of index keep no vectors
                return []
        return samples

    def load(self, folder: str | os.PathLike[str], index_name: str = "index") -> None:
        """Read the record from the folder that the index was loaded from."""
        vars(self.store)[_FOLDER] = Path(folder)
        path = _record_path(folder, index_name)
        if (text := _read(path)) is None:
            return
        record = SpaceRecord.from_text(text, index=self.index)
        if json.loads(text).get(_DIGEST) != _digest(folder, index_name):
            fix = reindex_command(self.index)
            msg = (
                f"{path} is the record of another index than the one beside it, which was saved without the guard. "
                f"Embed it anew with `{fix}`; or delete the record, and adopt the index if you know what made it"
            )
            raise EmbeddingSpaceError(msg, index=self.index, index_space=None, fix=fix)
        self.write(record)

    def override(self, method: str) -> Callable[..., Any] | None:
        """Saving writes the record too, and merging asks for the other's."""
        overrides: dict[str, Callable[..., Any]] = {"save_local": self.save_local, "merge_from": self._merge_from}
        return overrides.get(method)

    def save_local(self, folder_path: str | os.PathLike[str], index_name: str = "index") -> None:
        path = _record_path(folder_path, index_name)
        make_folder(path.parent)
        with holding(FileSystemLock(path.with_suffix(".lock")), str(folder_path)):
            self.check_saving(folder_path, index_name)
            # A run that is killed in between leaves an index without a record, not with a wrong one.
            path.unlink(missing_ok=True)
            self.store.save_local(str(folder_path), index_name)
            record = self.state().record
            if record is None:
                return
            entries = {**record.to_dict(), _DIGEST: _digest(folder_path, index_name)}
            staging = path.with_suffix(".new")
            staging.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            staging.replace(path)

    def check_saving(self, folder: str | os.PathLike[str], index_name: str = "index") -> None:
        """Refuse to save over an index of another space, which another process may have put there."""
        path = _record_path(folder, index_name)
        if (text := _read(path)) is None:
            return
        record = self.state().record
        there = SpaceRecord.from_text(text, index=str(path.parent))
        earlier = (there.space, there.made) in vars(self.store).get(_EARLIER, ())
        if record is not None and not earlier and not there.space.fits(record.space):
            raise would_replace(str(path.parent), there.space, record.space)

    def _merge_from(self, target: Any) -> None:
        other: FAISS = getattr(target, "store", target)
        own, theirs = self.state().record, _FaissKeeper(other).state().record
        if own is None or theirs is None:
            fix = "give both indexes a record first: guarded(…, adopt='verify')"
            msg = f"only indexes whose spaces are known can be merged; {fix}"
            raise EmbeddingSpaceError(msg, index=self.index, fix=fix)
        theirs.check(own.space, index=_FaissKeeper(other).index)
        self.store.merge_from(other)


def _relevance(distance: float) -> float:
    """The cosine, from the squared distance of vectors of length 1."""
    return 1 - distance / 2


# A store that compares by cosine, as models whose vectors aren't of length 1 are compared by.
_BY_COSINE: dict[str, Any] = {"normalize_L2": True, "relevance_score_fn": _relevance}


class _FaissCollection(ListedCollection[FAISS]):
    """An index in memory, saved as a whole: in its folder, never half written, or by the application if it has none."""

    def __init__(
        self, store: FAISS, keeper: SpaceKeeper, name: str, folder: Path | None = None, version: object = None
    ) -> None:
        super().__init__(store, keeper, name)
        self._folder = folder
        self._version = version

    def version(self) -> object:
        """Of the files that it was read from, or saved to."""
        return self._version

    @property
    def flush_every(self) -> int:
        """As many as half of what there is: the whole index is saved each time."""
        return max(_FLUSH_EVERY, self.count() // 2)

    def ids(self) -> list[str]:
        return list(self.store.index_to_docstore_id.values())

    def count(self) -> int:
        return int(self.store.index.ntotal)

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        found = {one: self.store.docstore.search(one) for one in ids}
        # A string is what the docstore says of an id that it doesn't have.
        documents = {one: document for one, document in found.items() if not isinstance(document, str)}
        return {one: self._chunk(one, document.page_content, document.metadata) for one, document in documents.items()}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        wanted = set(ids)
        places = {found: place for place, found in self.store.index_to_docstore_id.items() if found in wanted}
        try:
            return {found: self.store.index.reconstruct(place) for found, place in places.items()}
        except RuntimeError:  # some kinds of index keep no vectors
            return {}

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        """Refuse what can't be saved and read again: LangChain pickles it."""
        for key, value in metadata.items():
            if (why := unreadable(value)) is not None:
                raise chunk_refused(chunk, self.name, str(key), why)

    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        self.delete([chunk.id for chunk in chunks])
        pairs: Any = [(chunk.text, chunk.vector) for chunk in chunks]  # FAISS makes an array of them
        self.store.add_embeddings(pairs, metadatas, ids=[chunk.id for chunk in chunks])

    def drop(self) -> None:
        if self._folder is None:
            super().drop()
        else:
            remove_folder(self._folder)

    def flush(self) -> None:
        """Save the index beside the old one, then put it in its place."""
        if self._folder is None:
            return
        keeper = _FaissKeeper(self.store)
        keeper.check_saving(self._folder)
        made = staging_folder(self._folder)
        keeper.save_local(made)
        self._version = _version(made)
        replace_folder(self._folder)


def _load(folder: Path, embeddings: Any) -> FAISS:
    """Load an index with its record.

    `FAISS.load_local` would run whatever is in the pickle.
    """
    docstore, ids = read_documents(folder / "index.pkl")
    store = FAISS(embeddings, read_index(str(folder / "index.faiss")), docstore, ids, **_BY_COSINE)
    _FaissKeeper(store).load(folder)
    return store


def _open(
    index: IndexSettings, name: str, space: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> _FaissCollection | None:
    folder = Path(index.path or ".") / name
    if (create or folder.is_dir()) and not index.allow_pickle:
        raise SettingsError(
            f"the documents of a faiss index are in a pickle, {folder / 'index.pkl'}, and whoever can write to that "
            f"file may have put code into it. If nobody but you can, say allow_pickle = true beside path = "
            f"{index.path!r} in the [index.…] table of turnout.toml. Chroma and pgvector need no pickle"
        )
    recover_folder(folder, clean=create)
    if folder.is_dir():
        version, store = read_folder(folder, lambda: (_version(folder), _load(folder, embeddings)))
    elif create:
        version, store = (
            None,
            FAISS(embeddings, IndexFlatL2(space.dimensions or 0), InMemoryDocstore(), {}, **_BY_COSINE),
        )
    else:
        return None
    return _FaissCollection(store, _FaissKeeper(store), name, folder, version)


def _version(folder: Path) -> object:
    return version_of([folder / "index.faiss", folder / "index.pkl"])


def _record_path(folder: str | os.PathLike[str], index_name: str) -> Path:
    return Path(folder) / f"{index_name}.space.json"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _digest(folder: str | os.PathLike[str], index_name: str) -> str:
    with Path(folder, f"{index_name}.faiss").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


KIND = StoreKind(_FaissKeeper, _open, _FaissCollection)
