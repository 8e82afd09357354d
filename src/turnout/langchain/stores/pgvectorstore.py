"""PGVectorStore, langchain-postgres's second store: the record is in its table's comment."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar

import sqlalchemy

from turnout.index.guard.keepers import Sample, StoreState
from turnout.index.guard.records import SpaceRecord, always_changing
from turnout.index.postgres import unreachable
from turnout.index.store_kinds import StoreKind
from turnout.index.table_record import TableRecord, has_record
from turnout.langchain.recheck import pending
from turnout.langchain.stores import SpaceKeeper
from turnout.langchain.upstream import arun_pgvectorstore, pgvectorstore_inner, run_pgvectorstore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from langchain_postgres import PGVectorStore
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from turnout.errors import TurnoutError

P = ParamSpec("P")
T = TypeVar("T")

_ATTEMPTS = 5  # looks at a record that other processes keep changing


class _CheckedEngine:
    """A store's engine: each transaction of a search or an insert makes the pending recheck first.

    An insert keeps the record as it is until its transaction ends.
    """

    def __init__(self, store: PGVectorStore, engine: AsyncEngine, record: TableRecord) -> None:
        self.engine, self._store, self._record = engine, store, record

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.connect() as connection:
            for _ in range(_ATTEMPTS):
                recheck = pending(self._store)
                if recheck is None:
                    break
                version = await connection.run_sync(self._version, recheck.inserting)
                if recheck.passes(version) or (recheck.done and not recheck.inserting and not has_record(version)):
                    break
                await connection.rollback()
                await recheck.arun()
            else:
                raise always_changing(self._store.get_table_name())
            yield connection

    def _version(self, connection: Connection, inserting: bool) -> str:
        if inserting:
            self._record.hold(connection, alone=False)
        return self._record.read(connection)


def _both(
    action: Callable[Concatenate[_PGVectorStoreKeeper, Connection, P], T],
) -> tuple[
    Callable[Concatenate[_PGVectorStoreKeeper, P], T],
    Callable[Concatenate[_PGVectorStoreKeeper, P], Coroutine[Any, Any, T]],
]:
    """A method that takes a connection as one that makes a transaction of its own, and its asynchronous form."""

    def run(self: _PGVectorStoreKeeper, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run_pgvectorstore(self.store, self.in_transaction(partial(action, self), *args, **kwargs))

    async def arun(self: _PGVectorStoreKeeper, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await arun_pgvectorstore(self.store, self.in_transaction(partial(action, self), *args, **kwargs))

    return run, arun


class _PGVectorStoreKeeper(SpaceKeeper):
    """Over the store's own engine and event loop."""

    transactional: ClassVar[bool] = True

    def __init__(self, store: PGVectorStore) -> None:
        self.store = store
        inner = pgvectorstore_inner(store)
        self._record = TableRecord(self.index, inner.schema_name, inner.table_name)
        engine = inner.engine
        self._pool: AsyncEngine = engine.engine if isinstance(engine, _CheckedEngine) else engine
        inner.engine = _CheckedEngine(store, self._pool, self._record)
        self._table = sqlalchemy.table(inner.table_name, schema=inner.schema_name)
        self._content: Any = sqlalchemy.column(inner.content_column)
        self._vector: Any = sqlalchemy.column(inner.embedding_column)

    @property
    def index(self) -> str:
        return str(self.store.get_table_name())

    def unreachable(self, error: Exception, index: str) -> TurnoutError | None:
        return unreachable(error, index, self._pool.url)

    def _version(self, connection: Connection) -> object:
        return self._record.read(connection)

    def _state(self, connection: Connection) -> StoreState:
        record = self._record.record(connection)
        length = connection.scalar(self._of(sqlalchemy.func.vector_dims(self._vector), 1))
        if length is not None:
            return StoreState(record, empty=False, dimensions=int(length))
        declared = connection.scalar(self._record.length_of(self._vector.name)) or 0
        return StoreState(record, empty=True, dimensions=declared if declared > 0 else None)

    def _write(self, connection: Connection, record: SpaceRecord | None) -> None:
        self._record.write(connection, record)

    def _claim(self, connection: Connection, record: SpaceRecord) -> bool:
        return self._record.claim(connection, record)

    def _release(self, connection: Connection) -> None:
        self._record.hold(connection, alone=True)
        if connection.execute(self._of(sqlalchemy.literal(1), 1)).first() is None:
            self._record.write(connection, None)

    def _sample(self, connection: Connection, number: int) -> list[Sample]:
        query = self._of(self._content, number, sqlalchemy.cast(self._vector, sqlalchemy.Text))
        found = connection.execute(query.order_by(sqlalchemy.func.random()))
        return [(text or "", json.loads(vector)) for text, vector in found]

    def _of(self, what: Any, limit: int, *more: Any) -> sqlalchemy.Select[Any]:
        return sqlalchemy.select(what, *more).select_from(self._table).limit(limit)

    async def in_transaction(self, action: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        async with self._pool.begin() as connection:
            return await connection.run_sync(action, *args, **kwargs)

    version, aversion = _both(_version)
    state, astate = _both(_state)
    write, awrite = _both(_write)
    claim, aclaim = _both(_claim)
    release, arelease = _both(_release)
    sample, asample = _both(_sample)


KIND = StoreKind(_PGVectorStoreKeeper)
