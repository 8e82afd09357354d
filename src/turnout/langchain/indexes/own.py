"""A vector store of the application's own as a collection of a named index."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.index.collection import PAGE
from turnout.index.guard.records import SpaceRecord, with_record
from turnout.langchain.reindexing import Collection, collection_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Embedded, Item
    from turnout.index.manifest import Manifest
    from turnout.langchain.embeddings import TurnoutEmbeddings

_GIVEN: ContextVar[Mapping[str, list[float]]] = ContextVar("turnout_given_vectors")


class OpenStore(Protocol):
    """Opens a vector store of the application's own."""

    def __call__(self, collection: str, embeddings: Embeddings, /) -> VectorStore:
        """The store of a collection, made if there is none.

        Args:
            collection: The collection's name: lower-case letters, digits and `_`.
            embeddings: What the store must embed with.
        """
        ...


class GivenEmbeddings(Embeddings):
    """Embeddings that give out vectors that are known already, for a store that embeds whatever it is given.

    Args:
        embeddings: Embeds everything else.
    """

    def __init__(self, embeddings: TurnoutEmbeddings) -> None:
        self.embeddings = embeddings

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the vectors."""
        return self.embeddings.space

    @contextmanager
    def giving(self, vectors: Mapping[str, list[float]]) -> Iterator[None]:
        """Know the vectors of these texts while the block runs."""
        token = _GIVEN.set(vectors)
        try:
            yield
        finally:
            _GIVEN.reset(token)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors that are known, and those of other texts embedded."""
        known = _GIVEN.get({})
        lacking = [text for text in texts if text not in known]
        made = dict(zip(lacking, self.embeddings.embed_documents(lacking), strict=True)) if lacking else {}
        return [known[text] if text in known else made[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Embed a query."""
        return self.embeddings.embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a query without blocking the event loop."""
        return await self.embeddings.aembed_query(text)


class OwnCollection(Collection[VectorStore]):
    """A store that LangChain can't list: the manifest says which ids it has."""

    def __init__(
        self, store: VectorStore, name: str, embeddings: GivenEmbeddings, manifest: Callable[[], Manifest]
    ) -> None:
        super().__init__(store, name)
        self._embeddings = embeddings
        self._manifest = manifest

    def items(self) -> Iterator[Item]:
        """Every document that the manifest knows of and the store has."""
        ids = self._manifest().ids(self.name)
        for start in range(0, len(ids), PAGE):
            yield from self.get(ids[start : start + PAGE]).values()

    def count(self) -> int:
        """How many documents there should be."""
        return self._manifest().holding(self.name)

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the documents that are there."""
        return {found.id: self._item(found.id, found) for found in self.store.get_by_ids(list(ids)) if found.id}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """None: LangChain has no way to ask for them."""
        del ids
        return {}

    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents; the store gets their vectors when it asks for them."""
        texts = [chunk.item.text for chunk in chunks]
        with self._embeddings.giving({chunk.item.text: list(chunk.vector) for chunk in chunks}):
            self.store.add_texts(texts, metadatas, ids=[chunk.item.id for chunk in chunks])

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        """Write the record; that of an index that can't be looked through is on its documents."""
        if self.held().empty is None:
            self._record = SpaceRecord(space)
            return
        super().claim(space, dry=dry)

    def _marked(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        assert self._record is not None
        return with_record(metadata, self._record) if self.keeper.stamps else dict(metadata)


def own_collection(
    opened: VectorStore, name: str, embeddings: GivenEmbeddings, manifest: Callable[[], Manifest]
) -> Collection[Any]:
    """A store of the application's own as a collection.

    Args:
        opened: What the application's function gave.
        name: The collection.
        embeddings: What the store was told to embed with.
        manifest: Says which ids it has, if it can't be listed.
    """
    try:
        return collection_of(opened, name)
    except UnsupportedError:
        return OwnCollection(opened, name, embeddings, manifest)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the store of {name!r} needs {error.name}") from error
