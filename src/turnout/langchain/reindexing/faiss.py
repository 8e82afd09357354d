"""LangChain's `FAISS` in a reindex."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_community.vectorstores import FAISS

from turnout.index.fitting import refused
from turnout.index.folders import beside, replace
from turnout.langchain.reindexing.collection import Collection
from turnout.langchain.reindexing.pickled import documents
from turnout.langchain.stores.faiss import FaissKeeper

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from turnout.index.chunks import Embedded, Item

_FLUSH_EVERY = 5000  # documents between two times that the whole index is saved


def _relevance(distance: float) -> float:
    """The cosine, from the squared distance of vectors of length 1."""
    return 1 - distance / 2


BY_COSINE: dict[str, Any] = {"normalize_L2": True, "relevance_score_fn": _relevance}
"""Options of a store that compares by cosine, as models whose vectors aren't of length 1 are compared by."""


class FaissCollection(Collection[FAISS]):
    """An index in memory, saved as a whole.

    Args:
        store: The index.
        name: What it is called.
        folder: Where it is saved; it is never half written. Left out, the application saves it.
    """

    flush_every: ClassVar[int] = _FLUSH_EVERY

    def __init__(self, store: FAISS, name: str | None = None, folder: Path | None = None) -> None:
        super().__init__(store, name)
        self._folder = folder

    def items(self) -> Iterator[Item]:
        """Every document."""
        for found in list(self.store.index_to_docstore_id.values()):
            yield from self.get([found]).values()

    def count(self) -> int:
        """How many documents there are."""
        return int(self.store.index.ntotal)

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the documents that are there."""
        found = ((one, self.store.docstore.search(one)) for one in ids)
        # A string is what the docstore says of an id that it doesn't have.
        return {one: self._item(one, document) for one, document in found if not isinstance(document, str)}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors; none of an index that can't give back its vectors."""
        wanted = set(ids)
        places = {found: place for place, found in self.store.index_to_docstore_id.items() if found in wanted}
        try:
            return {found: self.store.index.reconstruct(place) for found, place in places.items()}
        except RuntimeError:  # some kinds of index keep no vectors
            return {}

    def fit(self, items: Sequence[Item]) -> list[Item]:
        """The documents, if they can be saved: LangChain pickles them."""
        for item in items:
            for key, value in item.metadata.items():
                try:
                    pickle.dumps(value)
                except Exception as error:  # whatever an object raises
                    raise refused(item, self.name, str(key), f"it can't be pickled: {error}") from error
        return list(items)

    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents; those with the same ids are removed first."""
        self.delete([chunk.item.id for chunk in chunks])
        pairs = [(chunk.item.text, list(chunk.vector)) for chunk in chunks]
        self.store.add_embeddings(pairs, metadatas, ids=[chunk.item.id for chunk in chunks])

    def flush(self) -> None:
        """Save the index beside the old one, then put it in its place.

        Raises:
            EmbeddingSpaceError: Another process put one of another space there.
        """
        if self._folder is None:
            return
        FaissKeeper(self.store).check_saving(self._folder)
        made = beside(self._folder)
        save = self.keeper.own("save_local") or self.store.save_local
        save(str(made))
        replace(self._folder)


def load(folder: Path, embeddings: Any) -> FAISS:
    """Load an index with its record.

    `FAISS.load_local` would run whatever is in the pickle.

    Raises:
        UnsupportedError: There is more than documents in it.
    """
    from faiss import read_index

    docstore, ids = documents(folder / "index.pkl")
    store = FAISS(embeddings, read_index(str(folder / "index.faiss")), docstore, ids, **BY_COSINE)
    FaissKeeper(store).load(folder)
    return store
