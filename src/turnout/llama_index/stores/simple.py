"""`SimpleVectorStore`: the record is in each node's metadata there, and goes wherever the store is persisted.

A named index is a persisted `VectorStoreIndex` in a folder, with the record in a file beside it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import fsspec  # type: ignore[import-untyped]  # it ships no types
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]  # likewise
from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores import MetadataFilters
from llama_index.core.vector_stores.simple import SimpleVectorStore
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

from turnout.errors import UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import Chunk, EmbeddedChunk
from turnout.index.collection import cannot_embed
from turnout.index.files import (
    read_folder,
    recover_folder,
    remove_folder,
    replace_folder,
    staging_folder,
    version_of,
)
from turnout.index.guard.checks import spread
from turnout.index.guard.keepers import Sample, StoreState, first_record_entries, state_of_documents
from turnout.index.guard.records import SpaceRecord, with_record, would_replace
from turnout.index.locks import FileSystemLock, holding
from turnout.index.store_kinds import StoreKind
from turnout.llama_index.stores.base import NodeCollection, NodeKeeper, to_chunk
from turnout.llama_index.stores.simple_files import QuickVectorStore, files_of, read_context
from turnout.permissions import make_folder
from turnout.settings import IndexSettings

_RECORD = "turnout_space.json"  # in a persisted index's folder
_COUNT, _VERSION = "nodes", "files"  # in the record: how many nodes there are, and the files that have them
_FLUSH_EVERY = 5000  # nodes, at least, between two times that the whole index is persisted


class _SimpleKeeper(NodeKeeper):
    """Keeps the record of a store."""

    store: SimpleVectorStore
    unchecked: ClassVar[frozenset[str]] = frozenset({"get"})

    def __init__(self, store: SimpleVectorStore) -> None:
        super().__init__(store)
        self._records: set[tuple[EmbeddingSpace, str]] = set()  # those that it had, and may have been persisted with

    def state(self) -> StoreState:
        vectors, metadata = self.store.data.embedding_dict, self.store.data.metadata_dict or {}
        entries = ((metadata.get(node_id) or {}, len(vector)) for node_id, vector in vectors.items())
        state = state_of_documents(entries, index=self.index, what="nodes")
        if state.record is not None:
            self._records.add((state.record.space, state.record.made))
        return state

    def version(self) -> object:
        metadata = self.store.data.metadata_dict or {}
        return first_record_entries(self.store.data.embedding_dict, metadata.get)

    def write(self, record: SpaceRecord | None) -> None:
        metadata = self.store.data.metadata_dict or {}  # None where LlamaIndex persisted the store without metadata
        for node_id in self.store.data.embedding_dict:
            metadata[node_id] = with_record(metadata.get(node_id), record)
        self.store.data.metadata_dict = metadata

    def release(self) -> None:
        """Nothing: the record is on the nodes."""

    @contextmanager
    def persisting(self, path: str, fs: fsspec.AbstractFileSystem | None) -> Iterator[str]:
        """A file of this machine is written aside, and then put in its place, by one process at a time."""
        if not isinstance(fs or fsspec.filesystem("file"), LocalFileSystem):
            self._check_persisting(path, fs)
            yield path
            return
        file, aside = Path(path), Path(f"{path}.new")
        make_folder(file.parent)
        with holding(FileSystemLock(Path(f"{path}.lock")), path):
            self._check_persisting(path, fs)
            yield str(aside)
            aside.replace(file)

    def _check_persisting(self, path: str, fs: fsspec.AbstractFileSystem | None) -> None:
        """Refuse to persist the store over one of another space, which another process may have put there."""
        mine = self.state().record
        there = _persisted_record(path, fs) if mine is not None else None
        if mine is None or there is None or (there.space, there.made) in self._records:
            return
        if not there.space.fits(mine.space):
            raise would_replace(path, there.space, mine.space)

    @property
    def samples(self) -> bool:
        """With a docstore: the store itself has no texts."""
        return self.docstore is not None

    def sample(self, number: int) -> list[Sample]:
        """Texts of the docstore and their vectors, evenly over the store; none without a docstore."""
        if self.docstore is None:
            return []
        vectors = list(self.store.data.embedding_dict.items())
        sampled = dict(vectors[position] for position in spread(len(vectors), number))
        nodes = self.docstore.get_nodes(list(sampled), raise_error=False)
        return [(node.get_content(MetadataMode.EMBED), sampled[node.node_id]) for node in nodes]


def _persisted_record(path: str, fs: fsspec.AbstractFileSystem | None) -> SpaceRecord | None:
    """The record of a store that was persisted; None if there is none that can be read."""
    try:
        with (fs or fsspec.filesystem("file")).open(path, "rb") as file:
            metadata: dict[str, Any] = next(iter(json.load(file)["metadata_dict"].values()), {})
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return SpaceRecord.from_dict(metadata, index=path)


class _NoEmbedding(BaseEmbedding):
    """Refuses to embed: whoever has the index brings the vectors."""

    index: str

    def _get_text_embedding(self, text: str) -> NoReturn:
        del text
        loaded = "load_index_from_storage(…, embed_model=TurnoutEmbedding())"
        raise cannot_embed(self.index, f"open it with turnout.llama_index.TurnoutIndex, or with {loaded}")

    def _get_query_embedding(self, query: str) -> NoReturn:
        self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> NoReturn:
        self._get_text_embedding(query)


class PersistedIndex(NodeCollection):
    """A `VectorStoreIndex` with a `SimpleVectorStore`, persisted in a folder; fills `Source` and `Target`.

    Args:
        folder: Where it is, or will be. It is never half written.
        name: What to call it in reports and errors.

    Attributes:
        index: The index. It takes vectors, and can't embed.

    Raises:
        UnsupportedError: The index in the folder has another kind of vector store.
    """

    index: VectorStoreIndex
    vector_store: SimpleVectorStore
    adoptable: ClassVar[bool] = False  # the guard writes no file

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._record = None
        self._folder = folder
        self._version: list[list[int]] | None = None  # of the files that what is loaded was read from, or written to
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        """Load what is in the folder when it is first needed: how many nodes there are is known without that."""
        if name not in {"index", "vector_store", "keeper", "_context"}:
            raise AttributeError(name)
        with self._lock:
            if name not in vars(self):
                self._load()
        return vars(self)[name]

    def _load(self) -> None:
        model, folder = _NoEmbedding(index=self.name), self._folder
        recover_folder(folder, clean=False)  # it may be between the two steps in which it is replaced
        if folder.is_dir():
            self._version, context = read_folder(folder, lambda: (self._file_version(), read_context(folder)))
            index: Any = load_index_from_storage(context, embed_model=model)
        else:
            context = StorageContext.from_defaults(vector_store=QuickVectorStore())
            index = VectorStoreIndex([], storage_context=context, embed_model=model)
        store = context.vector_store
        if not isinstance(store, SimpleVectorStore):
            msg = f"the index in {folder} has a {type(store).__name__}, not a SimpleVectorStore"
            raise UnsupportedError(msg)
        self.index, self._context, self.keeper, self.vector_store = index, context, _SimpleKeeper(store), store

    def _file_version(self) -> list[list[int]] | None:
        return version_of(files_of(self._folder))

    def version(self) -> object:
        """Of the files that what is loaded is in; if nothing is, of those in the folder."""
        return self._version if "vector_store" in vars(self) else self._file_version()

    @property
    def flush_every(self) -> int:
        """As many as half of what there is: the whole index is persisted each time."""
        return max(_FLUSH_EVERY, self.count() // 2)

    def chunks(self) -> Iterator[Chunk]:
        """Every node."""
        for found in list(self.vector_store.data.embedding_dict):
            yield from self.get([found]).values()

    def count(self) -> int:
        """How many nodes there are; of a folder that isn't loaded, by its record if its files are as they were then."""
        if "vector_store" not in vars(self) and self._folder.is_dir():
            there = self._read_record()
            if there is not None and _COUNT in there and there.get(_VERSION) == (self._file_version() or ()):
                return int(there[_COUNT])
        return len(self.vector_store.data.embedding_dict)

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Those of the nodes that are there."""
        nodes = ((found, self._context.docstore.get_document(found, raise_error=False)) for found in ids)
        return {found: to_chunk(node) for found, node in nodes if node is not None}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        there = self.vector_store.data.embedding_dict
        return {found: there[found] for found in ids if found in there}

    def of_documents(self, ref_doc_ids: Sequence[str]) -> list[str]:
        """The ids of documents' nodes."""
        wanted = set(ref_doc_ids)
        return [found for found, ref in self.vector_store.data.text_id_to_ref_doc_id.items() if ref in wanted]

    def matching(self, filters: MetadataFilters, node_ids: list[str] | None) -> list[str]:
        """The ids of nodes with such metadata."""
        metadata = self.vector_store.data.metadata_dict
        fits = build_metadata_filter_fn(metadata.__getitem__, filters)
        return [found for found in node_ids or list(metadata) if found in metadata and fits(found)]

    def state(self) -> StoreState:
        """What it holds, with the record in its folder."""
        return StoreState(self._recorded(), empty=not self.count())

    def _recorded(self) -> SpaceRecord | None:
        file = self._folder / _RECORD
        return SpaceRecord.from_text(file.read_text(encoding="utf-8"), index=self.name) if file.is_file() else None

    def _read_record(self) -> dict[str, Any] | None:
        try:
            found = json.loads((self._folder / _RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def delete(self, ids: Sequence[str]) -> None:
        """Remove nodes; ids that aren't there are left out."""
        data = self.vector_store.data
        for found in ids:
            if data.embedding_dict.pop(found, None) is not None:
                data.text_id_to_ref_doc_id.pop(found, None)
                (data.metadata_dict or {}).pop(found, None)
                self.index.index_struct.nodes_dict.pop(found, None)
                self._context.docstore.delete_document(found, raise_error=False)

    def flush(self) -> None:
        """Persist the index beside the old one, then put it in its place, unless that has another space by now."""
        mine, there = self._record, self._recorded()
        if mine is not None and there is not None and not there.space.fits(mine.space):
            raise would_replace(str(self._folder), there.space, mine.space)
        made = staging_folder(self._folder)
        if mine is not None:
            self.keeper.write(mine)  # where the guard looks for it
        self._context.index_store.add_index_struct(self.index.index_struct)
        self._context.persist(str(made))
        if mine is not None:
            self._version = version_of(files_of(made))
            known = {_COUNT: self.count(), _VERSION: self._version}
            (made / _RECORD).write_text(json.dumps({**mine.to_dict(), **known}), encoding="utf-8")
        replace_folder(self._folder)

    def drop(self) -> None:
        """Remove the folder, for good."""
        remove_folder(self._folder)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        """In memory: the folder has the older version until `flush`."""
        self.delete([chunk.id for chunk in chunks])
        self.vector_store.add(nodes)
        # LlamaIndex's own way puts the whole index structure into its store each time; `flush` does, once.
        bare = [node.model_copy(update={"embedding": None}) for node in nodes]
        for node in bare:
            self.index.index_struct.add_node(node)
        self._context.docstore.add_documents(bare, allow_update=True)


def _open(index: IndexSettings, name: str, _: EmbeddingSpace, create: bool) -> PersistedIndex | None:
    folder = Path(index.path or ".") / name
    recover_folder(folder, clean=create)
    return PersistedIndex(folder, name) if create or folder.is_dir() else None


KIND = StoreKind(_SimpleKeeper, _open)
