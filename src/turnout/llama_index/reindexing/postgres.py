"""LlamaIndex's `PGVectorStore` as a collection of a named index: a table for each space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy
import sqlalchemy.orm
from llama_index.vector_stores.postgres import PGVectorStore
from sqlalchemy import text

from turnout.index.postgres import async_engine_of, engine_of
from turnout.index.validation import check_json, check_strings
from turnout.llama_index.reindexing.collection import NodeCollection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llama_index.core.schema import BaseNode

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.settings import IndexSettings

_NONE = "turnout: no node"


class PostgresCollection(NodeCollection[PGVectorStore]):
    """Read through the table that LlamaIndex's class makes, by its engine."""

    def _check(self, item: Chunk, metadata: Mapping[str, Any]) -> None:
        check_json(item, metadata, self.name)
        check_strings(item, metadata, self.name, null=False)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        """In one transaction; LlamaIndex's class would take two, and keep the rows with the same ids."""
        del chunks
        store = self._connected()
        table = store._table_class  # noqa: SLF001  # it gives out neither its table nor its rows
        with sqlalchemy.orm.Session(store.client) as session, session.begin():
            session.execute(sqlalchemy.delete(table).where(table.node_id.in_([node.node_id for node in nodes])))
            session.add_all([store._node_to_table_row(node) for node in nodes])  # noqa: SLF001

    def ids(self) -> list[str]:
        """The ids of all nodes."""
        return [row[0] for row in self._rows("SELECT node_id FROM {} ORDER BY node_id")]

    def count(self) -> int:
        """How many nodes there are."""
        return int(self._rows("SELECT count(*) FROM {}")[0][0])

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        if not ids:
            return {}
        return {node.node_id: node.get_embedding() for node in self.vector_store.get_nodes(node_ids=list(ids))}

    def of_document(self, ref_doc_id: str) -> list[str]:
        """The ids of a document's nodes."""
        found = self._rows("SELECT node_id FROM {} WHERE metadata_->>'ref_doc_id' = :ref", ref=ref_doc_id)
        return [row[0] for row in found]

    def _connected(self) -> PGVectorStore:
        if self.vector_store.client is None:  # it connects, and makes its table, when it is first asked for something
            self.vector_store.get_nodes(node_ids=[_NONE])
        return self.vector_store

    def _rows(self, statement: str, **values: Any) -> list[Any]:
        engine: sqlalchemy.Engine = self._connected().client
        table = engine.dialect.identifier_preparer.quote(_table(self.vector_store.table_name))
        with engine.connect() as connection:
            return list(connection.execute(text(statement.format(table)), values))


def _table(called: str) -> str:
    return f"data_{called}"  # what LlamaIndex makes of it


def open_postgres(
    index: IndexSettings, called: str, space: EmbeddingSpace, *, create: bool
) -> PostgresCollection | None:
    """The collection in the table of that name, or None."""
    engine = engine_of(index)
    if not create and not sqlalchemy.inspect(engine).has_table(_table(called)):
        return None
    # psycopg is synchronous and asynchronous; of psycopg2, only LlamaIndex's synchronous methods work.
    again = async_engine_of(index) if engine.driver != "psycopg2" else None
    store = PGVectorStore(
        table_name=called,
        embed_dim=space.dimensions or 0,
        engine=engine,
        async_engine=again,
        initialization_fail_on_error=True,
    )
    return PostgresCollection(store, called)


def drop_postgres(index: IndexSettings, called: str) -> None:
    """Remove a collection's table, for good."""
    engine = engine_of(index)
    table = engine.dialect.identifier_preparer.quote(_table(called))
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
