"""LlamaIndex's `PGVectorStore`: the record is in its table's comment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy
import sqlalchemy.orm
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from llama_index.vector_stores.postgres import PGVectorStore

from turnout.errors import TurnoutError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk
from turnout.index.collection import check_json, check_strings
from turnout.index.guard.checks import RecordChanged
from turnout.index.guard.keepers import Sample, StoreState
from turnout.index.guard.records import SpaceRecord
from turnout.index.postgres import async_engine_of, engine_of, unreachable
from turnout.index.store_kinds import StoreKind
from turnout.index.table_record import TableRecord
from turnout.llama_index.stores.base import NodeCollection, SpaceKeeper, node_with_record, to_chunk
from turnout.llama_index.stores.upstream import customize_postgres_queries, postgres_row, postgres_table, postgres_url
from turnout.settings import IndexSettings

_NO_NODE = "turnout: no node"
_EXPECTED = "turnout_expected_comment"  # argument of a query
_DENSE = {VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.MMR}


def _compare_comment(
    comment: Any, customize: Callable[..., Any] | None, statement: Any, table: Any, /, **options: Any
) -> Any:
    """Customises a query: one that says what the table's comment was finds nothing if it is another."""
    expected = options.pop(_EXPECTED, None)
    if customize is not None:
        statement = customize(statement, table, **options)
    return statement if expected is None else statement.where(comment == expected)


@dataclass(slots=True)
class _Insert:
    """An insert into a store, whose record is looked at with its first row."""

    keeper: _PostgresKeeper
    space: EmbeddingSpace
    checked: bool = False


_inserting: ContextVar[_Insert | None] = ContextVar("turnout_postgres_insert", default=None)


def _before_insert(_: object, connection: sqlalchemy.Connection, row: object) -> None:
    """SQLAlchemy's event before a row is inserted, in the insert's transaction."""
    insert = _inserting.get()
    if insert is not None and not insert.checked and insert.keeper.has(row):
        insert.keeper.check_insert(connection, insert.space)
        insert.checked = True


class _PostgresKeeper(SpaceKeeper):
    """Keeps the record of a store."""

    unchecked: ClassVar[frozenset[str]] = frozenset({"close"})

    def __init__(self, store: PGVectorStore) -> None:
        self.store = store
        self._rows = postgres_table(store)
        self._table: sqlalchemy.Table = self._rows.__table__
        self._record = TableRecord(self.index, str(self._table.schema), str(self._table.name))
        customize_postgres_queries(store, _compare_comment, self._record.comment)
        if not sqlalchemy.event.contains(self._rows, "before_insert", _before_insert):
            sqlalchemy.event.listen(self._rows, "before_insert", _before_insert)

    @property
    def index(self) -> str:
        return self.store.table_name

    def unreachable(self, error: Exception, index: str) -> TurnoutError | None:
        return unreachable(error, index, postgres_url(self.store))

    def version(self) -> object:
        with connected(self.store).connect() as connection:
            return self._record.read(connection)

    def expecting(self, query: VectorStoreQuery, version: object) -> Mapping[str, Any] | None:
        """The comment, which the query compares; LlamaIndex's class passes no arguments to a search by words."""
        return {_EXPECTED: version} if query.mode in _DENSE else None

    def state(self) -> StoreState:
        vector = self._rows.embedding
        length_of_one = sqlalchemy.select(sqlalchemy.func.vector_dims(vector)).where(vector.is_not(None)).limit(1)
        with connected(self.store).connect() as connection:
            record = self._record.record(connection)
            length = connection.scalar(length_of_one)
        return StoreState(
            record, empty=length is None, dimensions=self.store.embed_dim if length is None else int(length)
        )

    def write(self, record: SpaceRecord | None) -> None:
        with connected(self.store).begin() as connection:
            self._record.write(connection, record)

    def claim(self, record: SpaceRecord) -> bool:
        with connected(self.store).begin() as connection:
            return self._record.claim(connection, record)

    def release(self) -> None:
        with connected(self.store).begin() as connection:
            self._record.hold(connection, alone=True)
            if connection.scalar(sqlalchemy.select(self._rows.id).limit(1)) is None:
                self._record.write(connection, None)

    def has(self, row: object) -> bool:
        """Whether a row is of this store's table."""
        return isinstance(row, self._rows)

    @contextmanager
    def inserting(self, record: SpaceRecord) -> Iterator[None]:
        """Inserts of nodes look at the record in their own transaction, and end if it is of another space."""
        token = _inserting.set(_Insert(self, record.space))
        try:
            yield
        finally:
            _inserting.reset(token)

    def check_insert(self, connection: sqlalchemy.Connection, space: EmbeddingSpace) -> None:
        """Keep the record as it is until the transaction ends; raises `RecordChanged` if it is of another space."""
        self._record.hold(connection, alone=False)
        record = self._record.record(connection)
        if record is None or not record.space.fits(space):
            raise RecordChanged

    def sample(self, number: int) -> list[Sample]:
        query = sqlalchemy.select(self._rows.node_id).order_by(sqlalchemy.func.random()).limit(number)
        with connected(self.store).connect() as connection:
            ids = list(connection.scalars(query))
        nodes = self.store.get_nodes(node_ids=ids) if ids else []
        return [(node.get_content(MetadataMode.EMBED), node.get_embedding()) for node in nodes]


def connected(store: PGVectorStore) -> sqlalchemy.Engine:
    """The engine of a store, which connects, and makes its table, when it is first asked for something."""
    if store.client is None:
        store.get_nodes(node_ids=[_NO_NODE])
    engine: sqlalchemy.Engine = store.client
    return engine


class _PostgresCollection(NodeCollection):
    """A collection of a named index: a table that LlamaIndex's class makes, read by its engine."""

    vector_store: PGVectorStore

    def __init__(self, store: PGVectorStore, name: str) -> None:
        super().__init__(store, _PostgresKeeper(store), name)
        self._rows = postgres_table(store)

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        check_json(chunk, metadata, self.name)
        check_strings(chunk, metadata, self.name, null=False)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        """In one transaction; LlamaIndex's class would take two, and keep the rows with the same ids."""
        ids = [chunk.id for chunk in chunks]
        with sqlalchemy.orm.Session(connected(self.vector_store)) as session, session.begin():
            session.execute(sqlalchemy.delete(self._rows).where(self._rows.node_id.in_(ids)))
            session.add_all([postgres_row(self.vector_store, node) for node in nodes])

    def chunks(self) -> Iterator[Chunk]:
        ids = self._scalars(sqlalchemy.select(self._rows.node_id).order_by(self._rows.node_id))
        for start in range(0, len(ids), PAGE):
            yield from self.get(ids[start : start + PAGE]).values()

    def count(self) -> int:
        return int(self._scalars(sqlalchemy.select(sqlalchemy.func.count()).select_from(self._rows))[0])

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        bare = (node_with_record(node, None).model_copy(update={"embedding": None}) for node in self._nodes(ids))
        return {node.node_id: to_chunk(node) for node in bare}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        return {node.node_id: node.get_embedding() for node in self._nodes(ids)}

    def of_documents(self, ref_doc_ids: Sequence[str]) -> list[str]:
        document = self._rows.metadata_["ref_doc_id"].astext
        return self._scalars(sqlalchemy.select(self._rows.node_id).where(document.in_(ref_doc_ids)))

    def drop(self) -> None:
        self._rows.__table__.drop(connected(self.vector_store), checkfirst=True)

    def _nodes(self, ids: Sequence[str]) -> list[BaseNode]:
        return self.vector_store.get_nodes(node_ids=list(ids)) if ids else []

    def _scalars(self, statement: sqlalchemy.Select[Any]) -> list[Any]:
        with connected(self.vector_store).connect() as connection:
            return list(connection.scalars(statement))


def _open(index: IndexSettings, name: str, space: EmbeddingSpace, create: bool) -> _PostgresCollection | None:
    engine = engine_of(index, name)
    store = PGVectorStore(
        table_name=name,
        embed_dim=space.dimensions or 0,
        engine=engine,
        async_engine=async_engine_of(index, name),
        initialization_fail_on_error=True,
    )
    table = postgres_table(store).__table__
    if not create and not sqlalchemy.inspect(engine).has_table(table.name, schema=table.schema):
        return None
    return _PostgresCollection(store, name)


KIND = StoreKind(_PostgresKeeper, _open)
