"""PGVector: the record is in the collection's metadata, `cmetadata`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar

import orjson
from langchain_core.vectorstores import VectorStore
from langchain_postgres import PGVector
from numpy import float32
from pgvector.utils import Vector
from sqlalchemy import func, inspect, select
from sqlalchemy.schema import CreateSchema, DropSchema

from turnout.errors import EmbeddingSpaceError, UnsupportedError
from turnout.index.chunks import PAGE
from turnout.index.collection import check_json, check_strings
from turnout.index.guard.keepers import Sample, StoreState, collection_gone, record_entries
from turnout.index.guard.records import SpaceRecord, always_changing, with_record
from turnout.index.postgres import engine_of, unreachable
from turnout.index.store_kinds import StoreKind
from turnout.langchain.recheck import pending
from turnout.langchain.stores import SpaceKeeper, VectorStoreCollection

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence

    from langchain_core.embeddings import Embeddings
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

    from turnout.errors import TurnoutError
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.langchain.recheck import Recheck
    from turnout.settings import IndexSettings


class _Vector(Vector):  # type: ignore[misc] # seen as Any
    """A vector that is text at once: pgvector's own formatting takes half of all the time that writing takes."""

    def to_text(self) -> str:
        """The numbers, each with as many digits as one of 32 bits has."""
        return orjson.dumps(self.to_numpy().astype(float32), option=orjson.OPT_SERIALIZE_NUMPY).decode()


P = ParamSpec("P")
T = TypeVar("T")

_ATTEMPTS = 5  # looks at a record that other processes keep changing


def _version_of(collection: Any) -> object:
    """Which collection it is, and its record; None of none."""
    return None if collection is None else (collection.uuid, record_entries(collection.cmetadata))


def _recheck_in_transactions(store: PGVector) -> None:
    """Have a store make the pending recheck where it asks for its collection, before its search or insert.

    That is in the same transaction. An insert holds the collection's row until it is done, so that no other process
    changes the record before that.
    """
    if "get_collection" in vars(store):
        return
    kind = type(store)

    def get_collection(session: Session) -> Any:
        for _ in range(_ATTEMPTS):
            found = kind.get_collection(store, session)
            recheck = pending(store)
            if recheck is None:
                return found
            if recheck.inserting and found is not None:
                session.refresh(found, with_for_update={"read": True})
            if _passes(recheck, found):
                return found
            session.rollback()
            recheck.run()
        raise always_changing(store.collection_name)

    async def aget_collection(session: AsyncSession) -> Any:
        for _ in range(_ATTEMPTS):
            found = await kind.aget_collection(store, session)
            recheck = pending(store)
            if recheck is None:
                return found
            if recheck.inserting and found is not None:
                await session.refresh(found, with_for_update={"read": True})
            if _passes(recheck, found):
                return found
            await session.rollback()
            await recheck.arun()
        raise always_changing(store.collection_name)

    vars(store).update(get_collection=get_collection, aget_collection=aget_collection)


def _passes(recheck: Recheck, collection: Any) -> bool:
    """Whether the check passed with this record, or let a search through because nothing is there."""
    if recheck.passes(_version_of(collection)):
        return True
    empty = collection is None or not record_entries(collection.cmetadata)
    return recheck.done and not recheck.inserting and empty


def _in_transaction(
    action: Callable[Concatenate[_PGVectorKeeper, Session, P], T],
) -> tuple[
    Callable[Concatenate[_PGVectorKeeper, P], T], Callable[Concatenate[_PGVectorKeeper, P], Coroutine[Any, Any, T]]
]:
    """A method that takes a session as one that makes its own transaction, and its asynchronous form."""

    def run(self: _PGVectorKeeper, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self.store.async_mode:
            raise ValueError("this PGVector has async_mode; use the guard's asynchronous methods")
        with self.store.session_maker() as session:
            result = action(self, session, *args, **kwargs)
            session.commit()
            return result

    async def arun(self: _PGVectorKeeper, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if not self.store.async_mode:
            return await asyncio.to_thread(run, self, *args, **kwargs)
        async with self.store.session_maker() as session:
            await type(self.store).aget_collection(self.store, session)  # the first call makes the tables
            result: T = await session.run_sync(lambda sync: action(self, sync, *args, **kwargs))
            await session.commit()
            return result

    return run, arun


class _PGVectorKeeper(SpaceKeeper):
    """LangChain's `PGVector`, synchronous or with `async_mode`."""

    has_embeddings: ClassVar[bool] = False
    transactional: ClassVar[bool] = True

    def __init__(self, store: PGVector) -> None:
        self.store = store
        _recheck_in_transactions(store)

    @property
    def index(self) -> str:
        return self.store.collection_name

    def unreachable(self, error: Exception, index: str) -> TurnoutError | None:
        return unreachable(error, index, self.store.session_maker().bind.url)

    def _collection(self, session: Session) -> Any:
        return self.store.CollectionStore.get_by_name(session, self.index)

    def _any_vector(self, session: Session, collection: Any) -> Any:
        entry = self.store.EmbeddingStore
        query = select(entry.embedding).where(entry.collection_id == collection.uuid, entry.embedding.is_not(None))
        return session.scalars(query.limit(1)).first()

    def _version(self, session: Session) -> object:
        return _version_of(self._collection(session))

    def _state(self, session: Session) -> StoreState:
        collection = self._collection(session)
        if collection is None:  # the store's constructor made it
            raise collection_gone(self.index)
        record = SpaceRecord.from_dict(collection.cmetadata or {}, index=self.index)
        vector = self._any_vector(session, collection)
        return StoreState(record, empty=vector is None, dimensions=None if vector is None else len(vector))

    def _locked(self, session: Session) -> Any:
        """The collection, whose row no other transaction reads for an insert or changes until this one ends."""
        collection = self._collection(session)
        if collection is None:
            raise collection_gone(self.index)
        session.refresh(collection, with_for_update=True)
        return collection

    def _write(self, session: Session, record: SpaceRecord | None) -> None:
        collection = self._locked(session)
        collection.cmetadata = with_record(collection.cmetadata, record)

    def _claim(self, session: Session, record: SpaceRecord) -> bool:
        collection = self._locked(session)
        if SpaceRecord.from_dict(collection.cmetadata or {}, index=self.index) is not None:
            return False
        collection.cmetadata = with_record(collection.cmetadata, record)
        return True

    def _release(self, session: Session) -> None:
        if self._collection(session) is None:
            return
        collection = self._locked(session)
        if self._any_vector(session, collection) is None:
            collection.cmetadata = with_record(collection.cmetadata, None)

    def _sample(self, session: Session, number: int) -> list[Sample]:
        entry, collection = self.store.EmbeddingStore, self._collection(session)
        query = (
            select(entry.document, entry.embedding)
            .where(entry.collection_id == collection.uuid, entry.document.is_not(None))
            .order_by(func.random())
            .limit(number)
        )
        return [(text, vector) for text, vector in session.execute(query)]

    def _check_ids(self, session: Session, ids: Sequence[str]) -> None:
        """Refuse ids of another collection: they are the table's key, so that one's vectors would be overwritten."""
        entry, others = self.store.EmbeddingStore, self.store.CollectionStore
        query = (
            select(entry.id, others.name)
            .join(others, entry.collection_id == others.uuid)
            .where(entry.id.in_(list(ids)), others.name != self.index)
        )
        taken = session.execute(query.limit(1)).first()
        if taken is not None:
            fix = "use other ids, or another schema or database for this index"
            msg = (
                f"the id {taken[0]!r} is already in the collection {taken[1]!r}, and PGVector keeps one vector an id "
                f"in all collections: adding it to {self.index!r} would overwrite that one. {fix[0].upper()}{fix[1:]}"
            )
            raise EmbeddingSpaceError(msg, index=self.index, fix=fix)

    version, aversion = _in_transaction(_version)
    state, astate = _in_transaction(_state)
    write, awrite = _in_transaction(_write)
    claim, aclaim = _in_transaction(_claim)
    release, arelease = _in_transaction(_release)
    sample, asample = _in_transaction(_sample)
    check_ids, acheck_ids = _in_transaction(_check_ids)


class _ThreadedPGVector(PGVector):
    """A `PGVector` on one synchronous connection, whose asynchronous methods run the others on a thread.

    LangChain's own needs a second engine for them, with `async_mode`, and then has no synchronous methods.
    """

    aget_by_ids = VectorStore.aget_by_ids
    asimilarity_search = VectorStore.asimilarity_search  # type: ignore[assignment]  # filter by name
    asimilarity_search_with_score = VectorStore.asimilarity_search_with_score
    asimilarity_search_by_vector = VectorStore.asimilarity_search_by_vector  # type: ignore[assignment]  # filter by name
    amax_marginal_relevance_search = VectorStore.amax_marginal_relevance_search  # type: ignore[assignment]  # filter by name
    amax_marginal_relevance_search_by_vector = VectorStore.amax_marginal_relevance_search_by_vector  # type: ignore[assignment]  # filter by name


class _PGVectorCollection(VectorStoreCollection[PGVector]):
    """Read in the order of the ids, by the tables that LangChain gives out; `schema` goes when it is dropped."""

    keeper: SpaceKeeper

    def __init__(self, store: PGVector, keeper: SpaceKeeper, name: str, schema: str | None = None) -> None:
        if store.async_mode:
            raise UnsupportedError("this PGVector has async_mode; open it without for a reindex")
        super().__init__(store, keeper, name)
        self._schema = schema

    def chunks(self) -> Iterator[Chunk]:
        last = ""
        while page := self._read(self.store.EmbeddingStore.id > last, limit=PAGE):
            yield from page.values()
            last = next(reversed(page))

    def count(self) -> int:
        return int(self._rows(self._of(func.count()))[0][0])

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        return self._read(self.store.EmbeddingStore.id.in_(list(ids)))

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        entry = self.store.EmbeddingStore
        rows = self._rows(self._of(entry.id, entry.embedding).where(entry.id.in_(list(ids))))
        return {found: vector for found, vector in rows if vector is not None}

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        check_json(chunk, metadata, self.name)
        check_strings(chunk, metadata, self.name, null=False)

    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        """Add documents; refuses ids that another collection of these tables has."""
        ids = [chunk.id for chunk in chunks]
        self.keeper.check_ids(ids)
        vectors: Any = [_Vector(chunk.vector) for chunk in chunks]
        self.store.add_embeddings([chunk.text for chunk in chunks], vectors, metadatas, ids)

    def drop(self) -> None:
        if self._schema is None:
            super().drop()
            return
        with self.store.session_maker() as session:
            session.execute(DropSchema(self._schema, cascade=True))
            session.commit()

    def _read(self, condition: Any, limit: int | None = None) -> dict[str, Chunk]:
        entry = self.store.EmbeddingStore
        query = self._of(entry.id, entry.document, entry.cmetadata).where(condition).order_by(entry.id).limit(limit)
        return {found: self._chunk(found, text or "", metadata) for found, text, metadata in self._rows(query)}

    def _of(self, *columns: Any) -> Select[Any]:
        entry, collections = self.store.EmbeddingStore, self.store.CollectionStore
        joined = select(*columns).select_from(entry).join(collections, entry.collection_id == collections.uuid)
        return joined.where(collections.name == self.store.collection_name)

    def _rows(self, query: Select[Any]) -> list[Any]:
        with self.store.session_maker() as session:
            return list(session.execute(query).all())


def _open(
    index: IndexSettings, name: str, _: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> _PGVectorCollection | None:
    engine = engine_of(index, name)
    if not inspect(engine).has_schema(name):
        if not create:
            return None
        with engine.begin() as connection:
            connection.execute(CreateSchema(name, if_not_exists=True))
    # A schema for each space: LangChain's table has one row an id, whatever its collection.
    in_schema = engine.execution_options(schema_translate_map={None: name})
    store = _ThreadedPGVector(embeddings, connection=in_schema, collection_name=name)
    return _PGVectorCollection(store, _PGVectorKeeper(store), name, schema=name)


KIND = StoreKind(_PGVectorKeeper, _open, _PGVectorCollection)
