"""`guarded(…)`: put the guard on a vector store, a storage context or an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.vector_stores.simple import DEFAULT_VECTOR_STORE
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.checks import Adopt
from turnout.llama_index.stores.guard import GuardedVectorStore

if TYPE_CHECKING:
    from llama_index.core.indices.base import BaseIndex
    from llama_index.core.storage.docstore import BaseDocumentStore


Index = TypeVar("Index", bound="BaseIndex[Any]")


@overload
def guarded(
    what: BasePydanticVectorStore,
    embed_model: BaseEmbedding | None = None,
    *,
    adopt: Adopt = "refuse",
    name: str | None = None,
    space: EmbeddingSpace | str | None = None,
) -> GuardedVectorStore: ...
@overload
def guarded(
    what: StorageContext,
    embed_model: BaseEmbedding | None = None,
    *,
    adopt: Adopt = "refuse",
    name: str | None = None,
    space: EmbeddingSpace | str | None = None,
) -> StorageContext: ...
@overload
def guarded(
    what: Index,
    embed_model: BaseEmbedding | None = None,
    *,
    adopt: Adopt = "refuse",
    name: str | None = None,
    space: EmbeddingSpace | str | None = None,
) -> Index: ...
def guarded(
    what: object,
    embed_model: BaseEmbedding | None = None,
    *,
    adopt: Adopt = "refuse",
    name: str | None = None,
    space: EmbeddingSpace | str | None = None,
) -> object:
    """Guard an index: it is searched and written only with the embedding space that made it.

    An index that has vectors is checked at once, and then before every search and insert. To guard a store without
    waiting for it, as in an event loop, make a `GuardedVectorStore`: its first search checks.

    Args:
        what: A vector store, a storage context, or a `VectorStoreIndex`. Of a storage context, the default vector store
            is guarded; an index is guarded in place.
        embed_model: What the vectors are made with; left out, the index's own or LlamaIndex's `Settings.embed_model`.
        adopt: What happens with an index that has vectors but no record of their space: `refuse` it, `trust` that it is
            the embedding model's, or `verify` it by embedding a sample of its texts anew.
        name: What to call the index in errors and commands; left out, its collection or table.
        space: The space of an embedding model that isn't turnout's, like `text-embedding-3-small/1536`.

    Returns:
        A `GuardedVectorStore`; or a storage context with one, which shares everything else; or the index.

    Raises:
        EmbeddingSpaceError: The index has another space than the embedding model, or one that isn't known.
        TypeError: It is none of the three.

    Example:
        ```python
        from llama_index.core import Document, StorageContext, VectorStoreIndex
        from llama_index.core.vector_stores import SimpleVectorStore
        from turnout.llama_index import TurnoutEmbedding, guarded

        model = TurnoutEmbedding()
        context = StorageContext.from_defaults(vector_store=guarded(SimpleVectorStore(), model))
        documents = [Document(text="Keys are rotated in March.")]
        index = VectorStoreIndex.from_documents(documents, storage_context=context, embed_model=model)
        found = index.as_retriever().retrieve("When are keys rotated?")
        ```
    """

    def guard(
        store: BasePydanticVectorStore, model: BaseEmbedding | None, docstore: BaseDocumentStore | None = None
    ) -> GuardedVectorStore:
        bare = store.store if isinstance(store, GuardedVectorStore) else store
        made = GuardedVectorStore(bare, model, adopt=adopt, name=name, space=space, docstore=docstore)
        made.check()
        return made

    if isinstance(what, BasePydanticVectorStore):
        return guard(what, embed_model)
    if isinstance(what, StorageContext):
        made = guard(what.vector_store, embed_model, what.docstore)
        return StorageContext(
            docstore=what.docstore,
            index_store=what.index_store,
            vector_stores={**what.vector_stores, DEFAULT_VECTOR_STORE: made},
            graph_store=what.graph_store,
            property_graph_store=what.property_graph_store,
        )
    if isinstance(what, VectorStoreIndex):
        # An index gives out neither its embedding model nor a way to change its store.
        made = guard(what.vector_store, embed_model or what._embed_model, what.docstore)  # noqa: SLF001
        what._vector_store = made  # noqa: SLF001
        what.storage_context.vector_stores[DEFAULT_VECTOR_STORE] = made
        return what
    msg = f"guarded(…) takes a vector store, a StorageContext or a VectorStoreIndex, not a {type(what).__name__}"
    raise TypeError(msg)
