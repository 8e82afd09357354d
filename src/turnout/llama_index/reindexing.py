"""LlamaIndex's stores in a reindex: a persisted index with `SimpleVectorStore`, and any docstore as a source."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore.utils import doc_to_json, json_to_doc
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import VectorStoreQuery

from turnout.errors import UnsupportedError
from turnout.llama_index.stores import keeper_of
from turnout.reindex import Item
from turnout.reindex.folders import beside, recover, replace
from turnout.space_keepers import Held, claimed
from turnout.space_records import SpaceRecord
from turnout.spaces import collection_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llama_index.core.schema import BaseNode
    from llama_index.core.storage.docstore.types import BaseDocumentStore

    from turnout.llama_index.indexes.collection import AnyCollection
    from turnout.reindex import Embedded
    from turnout.settings import IndexSettings
    from turnout.spaces import EmbeddingSpace

RECORD = "turnout_space.json"
"""The file in a persisted index's folder that says its embedding space."""

_FLUSH_EVERY = 5000  # nodes between two times that the whole index is persisted


def item_of(node: BaseNode) -> Item:
    """A node as a chunk: its text is what LlamaIndex embeds, its metadata are the whole node."""
    return Item(node.node_id, node.get_content(metadata_mode=MetadataMode.EMBED), doc_to_json(node))


def node_of(item: Item) -> BaseNode:
    """The node of a chunk, as it was."""
    return json_to_doc(item.metadata)


def chunk_of(node: BaseNode, source: str, made: str) -> Item:
    """A chunk of a source document: a node under an id of its own, with the document as its only relationship."""
    kept = TextNode(
        id_=made,
        text=node.get_content(),
        metadata=node.metadata,
        excluded_embed_metadata_keys=node.excluded_embed_metadata_keys,
        excluded_llm_metadata_keys=node.excluded_llm_metadata_keys,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )
    return item_of(kept)


class DocstoreSource:
    """The nodes of a docstore.

    Args:
        docstore: The docstore.
        name: What to call it in reports.
    """

    def __init__(self, docstore: BaseDocumentStore, name: str = "docstore") -> None:
        self._docstore = docstore
        self.name = name

    def items(self) -> Iterator[Item]:
        """Every node."""
        for node in self._docstore.docs.values():
            yield item_of(node)

    def count(self) -> int | None:
        """How many nodes there are."""
        return len(self._docstore.docs)


class _NoEmbedding(BaseEmbedding):
    """Stands in where vectors are always given."""

    def _get_query_embedding(self, query: str) -> list[float]:
        raise NotImplementedError

    async def _aget_query_embedding(self, query: str) -> list[float]:
        raise NotImplementedError

    def _get_text_embedding(self, text: str) -> list[float]:
        raise NotImplementedError


class PersistedIndex:
    """A `VectorStoreIndex` with a `SimpleVectorStore`, persisted in a folder; fills `Source` and `Target`.

    Args:
        folder: Where it is, or will be. It is never half written.
        name: What to call it in reports and errors.
    """

    flush_every = _FLUSH_EVERY

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name
        if folder.is_dir():
            context = StorageContext.from_defaults(persist_dir=str(folder))
            self.index = load_index_from_storage(context, embed_model=_NoEmbedding())
        else:
            context = StorageContext.from_defaults(vector_store=SimpleVectorStore())
            self.index = VectorStoreIndex([], storage_context=context, embed_model=_NoEmbedding())
        vectors = context.vector_store
        if not isinstance(vectors, SimpleVectorStore):
            msg = f"the index in {folder} has a {type(vectors).__name__}, not a SimpleVectorStore"
            raise UnsupportedError(msg)
        self._vectors = self.vector_store = vectors
        self._keeper = keeper_of(vectors)
        self._docstore = context.docstore
        self._context = context
        self._record: SpaceRecord | None = None

    def items(self) -> Iterator[Item]:
        """Every node."""
        for found in list(self._vectors.data.embedding_dict):
            yield from self.get([found]).values()

    def count(self) -> int:
        """How many nodes there are."""
        return len(self._vectors.data.embedding_dict)

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the nodes that are there."""
        nodes = ((found, self._docstore.get_document(found, raise_error=False)) for found in ids)
        return {found: item_of(node) for found, node in nodes if node is not None}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        there = self._vectors.data.embedding_dict
        return {found: there[found] for found in ids if found in there}

    def of_document(self, ref_doc_id: str) -> list[str]:
        """The ids of a document's nodes."""
        return [found for found, ref in self._vectors.data.text_id_to_ref_doc_id.items() if ref == ref_doc_id]

    def search(self, vector: Sequence[float], k: int) -> list[Item]:
        """The nearest nodes, nearest first."""
        query = VectorStoreQuery(query_embedding=[float(x) for x in vector], similarity_top_k=k)
        return list(self.get(self._vectors.query(query).ids or []).values())

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:  # noqa: ARG002 - written with the index
        """Note the space, if the index is empty; otherwise check that it is of that space.

        Raises:
            EmbeddingSpaceError: It has vectors of another space, or of one that isn't known, or a record that isn't as
                it was written.
        """
        file = self._folder / RECORD
        record = SpaceRecord.from_text(file.read_text(encoding="utf-8"), index=self.name) if file.is_file() else None
        held = Held(record, empty=not self.count())
        self._record = claimed(held, space, index=self.name, adoptable=False)

    def write(self, chunks: Sequence[Embedded]) -> None:
        """Add nodes, in place of those with the same ids."""
        self.delete([chunk.item.id for chunk in chunks])
        nodes = []
        for chunk in chunks:
            node = node_of(chunk.item)
            node.embedding = list(chunk.vector)
            nodes.append(node)
        self.index.insert_nodes(nodes)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove nodes; ids that aren't there are left out."""
        there = [found for found in ids if found in self._vectors.data.embedding_dict]
        if there:
            self.index.delete_nodes(there, delete_from_docstore=True)

    def flush(self) -> None:
        """Persist the index beside the old one, then put it in its place."""
        if self._record is not None:
            self._keeper.write(self._record)  # where the guard looks for it
        made = beside(self._folder)
        self._context.persist(str(made))
        if self._record is not None:
            (made / RECORD).write_text(self._record.to_text(), encoding="utf-8")
        replace(self._folder)


def open_collection(
    index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool = False
) -> PersistedIndex | AnyCollection | None:
    """The collection that a named index has for a space.

    Args:
        index: The index's settings.
        name: Its name.
        space: The space.
        create: Whether to make the collection if there is none; it has no record yet.

    Raises:
        MissingExtraError: The store's package isn't installed.
        UnsupportedError: LlamaIndex's integration doesn't open such a store.
    """
    if index.store != "simple":
        from turnout.llama_index.indexes.opening import open_stored

        return open_stored(index, name, space, create=create)
    folder = Path(index.path or ".") / collection_name(name, space)
    if create:
        recover(folder)
    if not create and not folder.is_dir():
        return None
    return PersistedIndex(folder, folder.name)


def drop_collection(index: IndexSettings, name: str, space: EmbeddingSpace) -> bool:
    """Remove a space's collection, for good.

    Returns:
        Whether there was one.
    """
    if open_collection(index, name, space) is None:
        return False
    if index.store != "simple":
        from turnout.llama_index.indexes.opening import drop_stored

        drop_stored(index, name, space)
        return True
    shutil.rmtree(Path(index.path or ".") / collection_name(name, space))
    return True
