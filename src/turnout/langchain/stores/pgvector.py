"""PGVector: the record is in the collection's metadata, `cmetadata`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from turnout.errors import EmbeddingSpaceError
from turnout.index.guard.keepers import Held, Sample, gone, kept_in
from turnout.index.guard.records import SpaceRecord, with_record
from turnout.langchain.looking import LOOK
from turnout.langchain.stores.keeper import SpaceKeeper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from langchain_postgres import PGVector
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

    from turnout.langchain.looking import Look


_ATTEMPTS = 5  # looks at a record that other processes keep changing


def mark_of(collection: Any) -> object:
    """Which collection it is, and its record; None of none."""
    return None if collection is None else (collection.uuid, kept_in(collection.cmetadata))


def watch(store: PGVector) -> None:
    """Have a store make the look that is left for it where it asks for its collection, before its search or insert.

    That is in the same transaction. An insert holds the collection's row until it is done, so that no other process
    changes the record before that.
    """
    if "get_collection" in vars(store):
        return
    kind = type(store)

    def get_collection(session: Session) -> Any:
        for _ in range(_ATTEMPTS):
            found = kind.get_collection(store, session)
            look = LOOK.get()
            if look is None or look.at is not store:
                return found
            if look.inserting and found is not None:
                session.refresh(found, with_for_update={"read": True})
            if look.sees(mark_of(found)) or _has_nothing_to_see(look, found):
                return found
            session.rollback()
            look.run()
        raise _restless(store)

    async def aget_collection(session: AsyncSession) -> Any:
        for _ in range(_ATTEMPTS):
            found = await kind.aget_collection(store, session)
            look = LOOK.get()
            if look is None or look.at is not store:
                return found
            if look.inserting and found is not None:
                await session.refresh(found, with_for_update={"read": True})
            if look.sees(mark_of(found)) or _has_nothing_to_see(look, found):
                return found
            await session.rollback()
            await look.arun()
        raise _restless(store)

    vars(store).update(get_collection=get_collection, aget_collection=aget_collection)


def _has_nothing_to_see(look: Look, collection: Any) -> bool:
    """Whether a search was looked at, and let through because nothing is there."""
    return look.done and not look.inserting and (collection is None or not kept_in(collection.cmetadata))


def _restless(store: PGVector) -> EmbeddingSpaceError:
    fix = "let the other process end, and try again"
    msg = f"the record of {store.collection_name!r} is changed all the time by another process: {fix}"
    return EmbeddingSpaceError(msg, index=store.collection_name, fix=fix)


class PGVectorKeeper(SpaceKeeper):
    """LangChain's `PGVector`, synchronous or with `async_mode`."""

    has_embeddings: ClassVar[bool] = False
    transactional: ClassVar[bool] = True

    def __init__(self, store: PGVector) -> None:
        self.store = store
        watch(store)

    @property
    def index(self) -> str:
        """The collection's name."""
        return self.store.collection_name

    def held(self) -> Held:
        """The record in the collection's row."""
        with self._session() as session:
            return self._held(session)

    def glance(self) -> object:
        """Which collection it is, and the record in its row."""
        with self._session() as session:
            return mark_of(self._collection(session))

    def write(self, record: SpaceRecord | None) -> None:
        """Change the collection's row, and leave other keys."""
        with self._session() as session:
            self._write(session, record)
            session.commit()

    def sample(self, number: int) -> list[Sample]:
        """Texts and vectors, chosen at random by the database."""
        with self._session() as session:
            return self._sample(session, number)

    def check_ids(self, ids: Sequence[str]) -> None:
        """Refuse ids of another collection: they are the table's key, so that one's vectors would be overwritten."""
        with self._session() as session:
            self._check_ids(session, ids)

    async def aheld(self) -> Held:
        """`held`, on the store's own asynchronous connection if it has one."""
        if not self.store.async_mode:
            return await super().aheld()
        async with self._asession() as session:
            held: Held = await session.run_sync(self._held)
            return held

    async def aglance(self) -> object:
        """`glance`, likewise."""
        if not self.store.async_mode:
            return await super().aglance()
        async with self._asession() as session:
            return mark_of(await session.run_sync(self._collection))

    async def awrite(self, record: SpaceRecord | None) -> None:
        """`write`, likewise."""
        if not self.store.async_mode:
            return await super().awrite(record)
        async with self._asession() as session:
            await session.run_sync(self._write, record)
            await session.commit()
        return None

    async def asample(self, number: int) -> list[Sample]:
        """`sample`, likewise."""
        if not self.store.async_mode:
            return await super().asample(number)
        async with self._asession() as session:
            samples: list[Sample] = await session.run_sync(self._sample, number)
            return samples

    async def acheck_ids(self, ids: Sequence[str]) -> None:
        """`check_ids`, likewise."""
        if not self.store.async_mode:
            return await super().acheck_ids(ids)
        async with self._asession() as session:
            await session.run_sync(self._check_ids, ids)
        return None

    def _session(self) -> Any:
        if self.store.async_mode:
            msg = "this PGVector has async_mode; use the guard's asynchronous methods"
            raise ValueError(msg)
        return self.store.session_maker()

    @asynccontextmanager
    async def _asession(self) -> AsyncIterator[Any]:
        async with self.store.session_maker() as session:
            await type(self.store).aget_collection(self.store, session)  # the first call makes the tables
            yield session

    def _collection(self, session: Session) -> Any:
        return self.store.CollectionStore.get_by_name(session, self.store.collection_name)

    def _held(self, session: Session) -> Held:
        collection = self._collection(session)
        if collection is None:  # the store's constructor made it
            raise gone(self.index)
        record = SpaceRecord.from_dict(collection.cmetadata or {}, index=self.index)
        first = session.scalars(self._vectors(collection).limit(1)).first()
        return Held(record, empty=first is None, dimensions=None if first is None else len(first))

    def _write(self, session: Session, record: SpaceRecord | None) -> None:
        collection = self._collection(session)
        if collection is None:
            if record is None:
                return
            raise gone(self.index)
        session.refresh(collection, with_for_update=True)
        if record is None and session.scalars(self._vectors(collection).limit(1)).first() is not None:
            return  # meanwhile another process added to it
        collection.cmetadata = with_record(collection.cmetadata, record)

    def _sample(self, session: Session, number: int) -> list[Sample]:
        from sqlalchemy import func, select

        entry, collection = self.store.EmbeddingStore, self._collection(session)
        chosen = (
            select(entry.document, entry.embedding)
            .where(entry.collection_id == collection.uuid, entry.document.is_not(None))
            .order_by(func.random())
            .limit(number)
        )
        return [(text, vector) for text, vector in session.execute(chosen)]

    def _vectors(self, collection: Any) -> Select[Any]:
        from sqlalchemy import select

        entry = self.store.EmbeddingStore
        return select(entry.embedding).where(entry.collection_id == collection.uuid, entry.embedding.is_not(None))

    def _check_ids(self, session: Session, ids: Sequence[str]) -> None:
        from sqlalchemy import select

        entry, others = self.store.EmbeddingStore, self.store.CollectionStore
        chosen = (
            select(entry.id, others.name)
            .join(others, entry.collection_id == others.uuid)
            .where(entry.id.in_(list(ids)), others.name != self.store.collection_name)
        )
        taken = session.execute(chosen.limit(1)).first()
        if taken is not None:
            fix = "use other ids, or another schema or database for this index"
            msg = (
                f"the id {taken[0]!r} is already in the collection {taken[1]!r}, and PGVector keeps one vector an id "
                f"in all collections: adding it to {self.index!r} would overwrite that one. {fix[0].upper()}{fix[1:]}"
            )
            raise EmbeddingSpaceError(msg, index=self.index, fix=fix)
