"""A table of chunks in LanceDB as a LlamaIndex vector store.

LlamaIndex's own class is for nodes whose metadata have the same keys, and raises when a search finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from pydantic import PrivateAttr

from turnout.errors import UnsupportedError
from turnout.index.lancedb import LanceTable, metadata_equals, metadata_number, metadata_text, one_of, quoted
from turnout.llama_index.stores.base import PREFETCH, on_thread, to_chunk, to_node

_COMPARED = {FilterOperator.GT, FilterOperator.GTE, FilterOperator.LT, FilterOperator.LTE}


class LanceVectorStore(BasePydanticVectorStore):
    """A table of chunks, compared by cosine."""

    stores_text: bool = True
    _lance: LanceTable = PrivateAttr()

    def __init__(self, lance: LanceTable) -> None:
        super().__init__(stores_text=True)
        self._lance = lance

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "LanceVectorStore"

    @property
    def client(self) -> LanceTable:
        """The table."""
        return self._lance

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes with their vectors, in place of those with the same ids."""
        del kwargs
        vectors = [node.get_embedding() for node in nodes]
        bare = [node.model_copy(update={"embedding": None}) for node in nodes]
        chunks = [to_chunk(node).with_vector(vector) for node, vector in zip(bare, vectors, strict=True)]
        self._lance.write(chunks, [node.metadata for node in nodes], [node.ref_doc_id for node in nodes])
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete a document's nodes."""
        del delete_kwargs
        self._lance.delete(f"document = {quoted(ref_doc_id)}")

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Delete nodes by id or metadata."""
        del delete_kwargs
        if (where := _where(node_ids, None, filters)) is not None:
            self._lance.delete(where)

    def clear(self) -> None:
        """Delete all nodes."""
        self._lance.delete("true")

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes by id or metadata, or all of them."""
        return [to_node(row.chunk) for row in self._lance.rows(_where(node_ids, None, filters) or "true")]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The nodes nearest to a query's vector."""
        diverse = query.mode == VectorStoreQueryMode.MMR
        if query.query_embedding is None or not (diverse or query.mode == VectorStoreQueryMode.DEFAULT):
            raise UnsupportedError(f"a lancedb index is searched by vectors, not in mode {query.mode.value!r}")
        where = _where(query.node_ids or None, query.doc_ids or None, query.filters)  # an index passes empty lists
        number = query.similarity_top_k * (PREFETCH if diverse else 1)
        found = self._lance.nearest(query.query_embedding, number, where, with_vectors=diverse)
        if diverse:
            threshold = query.mmr_threshold if query.mmr_threshold is not None else kwargs.get("mmr_threshold")
            vectors, places = [list(row.vector) for row in found], list(range(len(found)))
            _, chosen = get_top_k_mmr_embeddings(
                query.query_embedding, vectors, None, query.similarity_top_k, places, mmr_threshold=threshold
            )
            found = [found[place] for place in chosen]
        return VectorStoreQueryResult(
            nodes=[to_node(row.chunk) for row in found],
            similarities=[1 - row.distance for row in found],
            ids=[row.chunk.id for row in found],
        )

    async_add, adelete, adelete_nodes = on_thread(add), on_thread(delete), on_thread(delete_nodes)
    aclear, aget_nodes, aquery = on_thread(clear), on_thread(get_nodes), on_thread(query)


def _where(node_ids: list[str] | None, doc_ids: list[str] | None, filters: MetadataFilters | None) -> str | None:
    """The SQL condition of a query's restrictions; None if there are none."""
    conditions = [f"({_condition(filters)})"] if filters is not None and filters.filters else []
    for column, values in (("id", node_ids), ("document", doc_ids)):
        if values is not None:
            conditions.append(one_of(column, values) if values else "false")
    return " AND ".join(conditions) or None


def _condition(filters: MetadataFilters) -> str:
    parts = [f"({_condition(one) if isinstance(one, MetadataFilters) else _compared(one)})" for one in filters.filters]
    if filters.condition == FilterCondition.NOT:
        return f"NOT coalesce({' OR '.join(parts)}, false)"
    return (" OR " if filters.condition == FilterCondition.OR else " AND ").join(parts or ["true"])


def _compared(one: MetadataFilter) -> str:
    """The SQL condition of one filter; a node without the key is unequal to everything."""
    key, value, operator = one.key, one.value, one.operator
    values = value if isinstance(value, list) else [value]
    equal = " OR ".join(metadata_equals(key, each) for each in values) or "false"
    if operator in {FilterOperator.EQ, FilterOperator.IN}:
        return equal
    if operator in {FilterOperator.NE, FilterOperator.NIN}:
        return f"NOT coalesce({equal}, false)"
    if operator in _COMPARED and isinstance(value, int | float):
        return f"{metadata_number(key)} {operator.value} {value!r}"
    if operator == FilterOperator.IS_EMPTY:
        return f"coalesce({metadata_text(key)}, 'null') IN ('null', '[]')"
    if operator in {FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE}:
        found, wanted = metadata_text(key), quoted(str(value))
        if operator == FilterOperator.TEXT_MATCH_INSENSITIVE:
            found, wanted = f"lower({found})", f"lower({wanted})"
        return f"strpos({found}, {wanted}) > 0"
    raise UnsupportedError(f"a lancedb index has no filter {operator.value!r} of a {type(value).__name__}")
