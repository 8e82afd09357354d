"""Where a LlamaIndex vector store keeps the record of its embedding space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types
from llama_index.core.schema import BaseNode
from llama_index.core.storage.docstore import BaseDocumentStore
from llama_index.core.vector_stores.types import VectorStoreQuery

from turnout.index.guard.keepers import RecordKeeper, StampKeeper


class SpaceKeeper(RecordKeeper[BaseNode]):
    """Reads and writes the record of a LlamaIndex store.

    Attributes:
        docstore: Where the texts are, for a store that doesn't keep them.
        unchecked: Methods of the store that neither search nor write; the guard passes them on.
    """

    docstore: BaseDocumentStore | None = None
    unchecked: ClassVar[frozenset[str]] = frozenset()

    def expecting(self, query: VectorStoreQuery, mark: object) -> Mapping[str, Any] | None:
        """Arguments with which the store compares the record in the query itself, and finds nothing if it changed.

        Args:
            query: The query.
            mark: What a glance at the record showed.

        Returns:
            None if the store can't.
        """
        del query, mark
        return None

    def check_persisting(self, path: str, fs: AbstractFileSystem | None) -> None:
        """Refuse to persist the store over one of another space.

        Raises:
            EmbeddingSpaceError: There is such a one.
        """


class NodeKeeper(StampKeeper[BaseNode], SpaceKeeper):
    """Any store that keeps nodes: records are on them, and there is no looking through them."""
