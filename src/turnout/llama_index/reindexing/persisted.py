"""A persisted index with `SimpleVectorStore` in a reindex."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NoReturn

from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import VectorStoreQuery

from turnout.errors import UnsupportedError
from turnout.index.collection import cannot_embed
from turnout.index.files import replace_folder, staging_folder
from turnout.index.guard.keepers import StoreState
from turnout.index.guard.records import SpaceRecord, would_replace
from turnout.llama_index.reindexing.collection import NodeCollection
from turnout.llama_index.reindexing.nodes import item_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llama_index.core.schema import BaseNode

    from turnout.index.chunks import Chunk, EmbeddedChunk

RECORD = "turnout_space.json"
"""The file in a persisted index's folder that says its embedding space."""

_FLUSH_EVERY = 5000  # nodes between two times that the whole index is persisted


class _NoEmbedding(BaseEmbedding):
    """Stands in where vectors are always given.

    Attributes:
        index: The index that has it.
    """

    index: str

    def _get_query_embedding(self, query: str) -> list[float]:
        self._refuse(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        self._refuse(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        self._refuse(text)

    def _refuse(self, _: str) -> NoReturn:
        remedy = (
            "open it with turnout.llama_index.TurnoutIndex, or with "
            "load_index_from_storage(…, embed_model=TurnoutEmbedding())"
        )
        raise cannot_embed(self.index, remedy)


class PersistedIndex(NodeCollection[SimpleVectorStore]):
    """A `VectorStoreIndex` with a `SimpleVectorStore`, persisted in a folder; fills `Source` and `Target`.

    Args:
        folder: Where it is, or will be. It is never half written.
        name: What to call it in reports and errors.

    Attributes:
        index: The index. It takes vectors, and can't embed.

    Raises:
        UnsupportedError: The index in the folder has another kind of vector store.
    """

    flush_every: ClassVar[int] = _FLUSH_EVERY
    adoptable: ClassVar[bool] = False  # the guard writes no file

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        model = _NoEmbedding(index=name)
        if folder.is_dir():
            context = StorageContext.from_defaults(persist_dir=str(folder))
            self.index = load_index_from_storage(context, embed_model=model)
        else:
            context = StorageContext.from_defaults(vector_store=SimpleVectorStore())
            self.index = VectorStoreIndex([], storage_context=context, embed_model=model)
        vectors = context.vector_store
        if not isinstance(vectors, SimpleVectorStore):
            msg = f"the index in {folder} has a {type(vectors).__name__}, not a SimpleVectorStore"
            raise UnsupportedError(msg)
        self._context = context
        super().__init__(vectors, name)

    def ids(self) -> list[str]:
        """The ids of all nodes."""
        return list(self.vector_store.data.embedding_dict)

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Those of the nodes that are there."""
        nodes = ((found, self._context.docstore.get_document(found, raise_error=False)) for found in ids)
        return {found: item_of(node) for found, node in nodes if node is not None}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        there = self.vector_store.data.embedding_dict
        return {found: there[found] for found in ids if found in there}

    def of_document(self, ref_doc_id: str) -> list[str]:
        """The ids of a document's nodes."""
        return [found for found, ref in self.vector_store.data.text_id_to_ref_doc_id.items() if ref == ref_doc_id]

    def search(self, vector: Sequence[float], k: int) -> list[Chunk]:
        """The nearest nodes, nearest first."""
        query = VectorStoreQuery(query_embedding=[float(x) for x in vector], similarity_top_k=k)
        return list(self.get(self.vector_store.query(query).ids or []).values())

    def state(self) -> StoreState:
        """What it holds, with the record in its folder."""
        return StoreState(self._recorded(), empty=not self.count())

    def _recorded(self) -> SpaceRecord | None:
        file = self._folder / RECORD
        return SpaceRecord.from_text(file.read_text(encoding="utf-8"), index=self.name) if file.is_file() else None

    def delete(self, ids: Sequence[str]) -> None:
        """Remove nodes; ids that aren't there are left out."""
        there = [found for found in ids if found in self.vector_store.data.embedding_dict]
        if there:
            self.index.delete_nodes(there, delete_from_docstore=True)

    def flush(self) -> None:
        """Persist the index beside the old one, then put it in its place.

        Raises:
            EmbeddingSpaceError: Another process put one of another space there.
        """
        there = self._recorded()
        if self._record is not None and there is not None and not there.space.fits(self._record.space):
            raise would_replace(str(self._folder), there.space, self._record.space)
        if self._record is not None:
            self.keeper.write(self._record)  # where the guard looks for it
        made = staging_folder(self._folder)
        self._context.persist(str(made))
        if self._record is not None:
            (made / RECORD).write_text(self._record.to_text(), encoding="utf-8")
        replace_folder(self._folder)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        """In memory: the folder has the older version until `flush`."""
        self.delete([chunk.id for chunk in chunks])
        self.index.insert_nodes(nodes)
