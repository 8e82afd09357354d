"""Chroma: the record is in the collection's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from turnout.index.chroma import ChromaRecordKeeper
from turnout.llama_index.stores.keeper import SpaceKeeper

if TYPE_CHECKING:
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from turnout.index.guard.keepers import Sample


class ChromaKeeper(ChromaRecordKeeper[BaseNode], SpaceKeeper):
    """LlamaIndex's `ChromaVectorStore`, embedded or on a server."""

    def __init__(self, store: ChromaVectorStore) -> None:
        self.store = store
        super().__init__()

    @property
    def opened(self) -> Any:
        """Chroma's collection."""
        return self.store.client

    def reopen(self, collection: Any) -> None:
        """Give the store another one."""
        self.store._collection = collection  # noqa: SLF001

    def sample(self, number: int) -> list[Sample]:
        """Texts and vectors, from the beginning and the end of the collection."""
        return [
            (metadata_dict_to_node(metadata or {}, text=text).get_content(MetadataMode.EMBED), vector)
            for text, metadata, vector in self.rows(number)
        ]
