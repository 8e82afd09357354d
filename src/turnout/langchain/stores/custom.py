"""A vector store of the application's own as a collection of a named index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.index.guard.records import SpaceRecord
from turnout.langchain.reindexing import collection_of
from turnout.langchain.stores import ListedCollection, VectorStoreCollection, keeper_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.index.manifest import Manifest
    from turnout.langchain.embeddings import TurnoutEmbeddings


OpenStore = Callable[[str, Embeddings], VectorStore]
"""Opens a vector store of the application's own, made if there is none.

Its arguments are the collection's name, of lower-case letters, digits and `_`, and what the store must embed with.
"""


class KnownEmbeddings(Embeddings):
    """Embeddings that know some vectors already, for a store that embeds whatever is added to it."""

    def __init__(self, embeddings: TurnoutEmbeddings) -> None:
        self.embeddings = embeddings
        self.known: Mapping[str, list[float]] = {}  # by their texts

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the vectors."""
        return self.embeddings.space

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors that are known, and those of other texts embedded."""
        vectors = dict(self.known)
        if others := [text for text in texts if text not in vectors]:
            vectors |= zip(others, self.embeddings.embed_documents(others), strict=True)
        return [vectors[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Embed a query."""
        return self.embeddings.embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a query without blocking the event loop."""
        return await self.embeddings.aembed_query(text)


class _CustomCollection(ListedCollection[VectorStore]):
    """A store that LangChain can't list: the manifest says which ids it has."""

    def __init__(
        self, store: VectorStore, name: str, embeddings: KnownEmbeddings, manifest: Callable[[], Manifest]
    ) -> None:
        super().__init__(store, keeper_of(store), name)
        self._embeddings = embeddings
        self._manifest = manifest

    def ids(self) -> list[str]:
        return self._manifest().ids(self.name)

    def count(self) -> int:
        return self._manifest().count(self.name)

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        found = self.store.get_by_ids(list(ids))
        return {one.id: self._chunk(one.id, one.page_content, one.metadata) for one in found if one.id}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """None: LangChain has no way to ask for them."""
        del ids
        return {}

    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        """Add documents; the store gets their vectors when it asks for them."""
        self._embeddings.known = {chunk.text: list(chunk.vector) for chunk in chunks}  # a collection has one writer
        try:
            self.store.add_texts([chunk.text for chunk in chunks], metadatas, ids=[chunk.id for chunk in chunks])
        finally:
            self._embeddings.known = {}

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        if self.state().empty is None:
            self._record = SpaceRecord(space)
            return
        super().claim(space, dry=dry)


def custom_collection(
    store: VectorStore, name: str, embeddings: KnownEmbeddings, manifest: Callable[[], Manifest]
) -> VectorStoreCollection[Any]:
    """A store of the application's own as a collection."""
    try:
        return collection_of(store, name)
    except UnsupportedError:
        return _CustomCollection(store, name, embeddings, manifest)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the store of {name!r} needs {error.name}") from error
