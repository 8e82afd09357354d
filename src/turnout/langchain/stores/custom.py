"""A vector store of the application's own as a collection of a named index."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.index.chunks import PAGE
from turnout.index.guard.records import SpaceRecord, with_record
from turnout.langchain.reindexing import collection_of
from turnout.langchain.stores import VectorStoreCollection, keeper_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.index.manifest import Manifest
    from turnout.langchain.embeddings import TurnoutEmbeddings
    from turnout.langchain.stores import SpaceKeeper


OpenStore = Callable[[str, Embeddings], VectorStore]
"""Opens a vector store of the application's own, made if there is none.

Its arguments are the collection's name, of lower-case letters, digits and `_`, and what the store must embed with.
"""


class KnownEmbeddings(Embeddings):
    """Embeddings that know some vectors already, for a store that embeds whatever is added to it."""

    def __init__(self, embeddings: TurnoutEmbeddings) -> None:
        self.embeddings = embeddings
        self._known: Mapping[str, list[float]] = {}

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the vectors."""
        return self.embeddings.space

    @contextmanager
    def knowing(self, vectors: Mapping[str, list[float]]) -> Iterator[None]:
        """Know the vectors of these texts while the block runs; one block at a time, as a collection has one writer."""
        self._known = vectors
        try:
            yield
        finally:
            self._known = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors that are known, and those of other texts embedded."""
        known = self._known
        others = [text for text in texts if text not in known]
        vectors = (
            {**known, **dict(zip(others, self.embeddings.embed_documents(others), strict=True))} if others else known
        )
        return [vectors[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Embed a query."""
        return self.embeddings.embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a query without blocking the event loop."""
        return await self.embeddings.aembed_query(text)


class _CustomCollection(VectorStoreCollection[VectorStore]):
    """A store that LangChain can't list: the manifest says which ids it has."""

    def __init__(
        self,
        store: VectorStore,
        keeper: SpaceKeeper,
        name: str,
        embeddings: KnownEmbeddings,
        manifest: Callable[[], Manifest],
    ) -> None:
        super().__init__(store, keeper, name)
        self._embeddings = embeddings
        self._manifest = manifest

    def chunks(self) -> Iterator[Chunk]:
        ids = self._manifest().ids(self.name)
        for start in range(0, len(ids), PAGE):
            yield from self.get(ids[start : start + PAGE]).values()

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
        with self._embeddings.knowing({chunk.text: list(chunk.vector) for chunk in chunks}):
            self.store.add_texts([chunk.text for chunk in chunks], metadatas, ids=[chunk.id for chunk in chunks])

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        if self.state().empty is None:
            self._record = SpaceRecord(space)
            return
        super().claim(space, dry=dry)

    def _metadata_to_keep(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        assert self._record is not None
        return with_record(metadata, self._record) if self.keeper.stamps else dict(metadata)


def custom_collection(
    store: VectorStore, name: str, embeddings: KnownEmbeddings, manifest: Callable[[], Manifest]
) -> VectorStoreCollection[Any]:
    """A store of the application's own as a collection."""
    try:
        return collection_of(store, name)
    except UnsupportedError:
        return _CustomCollection(store, keeper_of(store), name, embeddings, manifest)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the store of {name!r} needs {error.name}") from error
