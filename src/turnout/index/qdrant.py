"""Qdrant, whichever framework's class is over it: the record of the space, and how points are read and written."""

from __future__ import annotations

import asyncio
import time
import uuid
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from turnout.errors import EmbeddingSpaceError
from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk
from turnout.index.collection import Collection, check_json, check_strings, chunk_refused, values_within
from turnout.index.guard.keepers import RecordKeeper, Sample, StoreState, collection_gone, record_entries
from turnout.index.guard.records import SpaceRecord
from turnout.index.locks import Lock, aholding
from turnout.index.qdrant_clients import is_server, open_client
from turnout.settings import IndexSettings

_Ask = Callable[..., Awaitable[Any]]  # (name of a client's method, its arguments) → the answer

CHUNK_ID = "turnout_id"
"""Where a point's payload has the id of its chunk, if Qdrant doesn't take that for the point's own."""

_IDS = uuid.UUID("5f2ff1a5-6a43-4c57-8d0c-3a9d1ba56c3e")  # namespace of the ids that are made of others
_INTEGERS = range(-(2**63), 2**63)  # https://qdrant.tech/documentation/concepts/payload/#integer
_VOID_AFTER = "turnout_void_after"  # seconds since the epoch
_LOCK_SECONDS = 60.0  # many times what a change of a record takes
_BATCH = 100  # points of one request; a server takes 32 MB


def point_id(chunk_id: str) -> str | int:
    """The id of a chunk's point: Qdrant takes UUIDs and unsigned integers, so that others are made one."""
    if chunk_id.isascii() and chunk_id.isdigit() and str(number := int(chunk_id[:20])) == chunk_id and number < 2**64:
        return number
    with suppress(ValueError):
        if str(uuid.UUID(chunk_id)) == chunk_id:
            return chunk_id
    return str(uuid.uuid5(_IDS, chunk_id))


def chunk_id(point: Any) -> str:
    """The id of a point's chunk."""
    return str((point.payload or {}).get(CHUNK_ID, point.id))


def client_of(
    index: IndexSettings, name: str, dimensions: int, *, create: bool, indexed: str | None = None
) -> Any | None:
    """A client of the Qdrant that has a collection by cosine, `indexed` by a key; None if it isn't there nor made."""
    from qdrant_client import models

    client = open_client(index, create=create)
    if client is None or client.collection_exists(name):
        return client
    if not create:
        return None
    config = models.VectorParams(size=dimensions, distance=models.Distance.COSINE)
    try:
        client.create_collection(name, vectors_config=config)
    except Exception:  # what a client raises depends on how it reaches the server
        if not client.collection_exists(name):  # and another process may have been first
            raise
    if indexed and is_server(client):
        client.create_payload_index(name, field_name=indexed, field_schema="keyword")
    return client


def _both(action: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A method that asks as it is told to as one that asks the client, and one that doesn't block the event loop."""

    def run(self: QdrantRecordKeeper, *args: Any) -> Any:
        try:
            action(self, self.ask, *args).send(None)
        except StopIteration as ended:
            return ended.value
        raise AssertionError  # `ask` never waits

    async def arun(self: QdrantRecordKeeper, *args: Any) -> Any:
        return await action(self, self.aask, *args)

    return run, arun


class QdrantRecordKeeper(RecordKeeper):
    """Keeps the record in the collection's metadata; put before the framework's keeper among the bases."""

    async_client: Any = None  # the store's asynchronous client, if it has one; it may have that alone

    def __init__(self, store: Any) -> None:
        self.store = store

    @property
    def index(self) -> str:
        """The collection's name."""
        return str(self.store.collection_name)

    @property
    def unmade(self) -> bool:
        """Whether the store makes the collection with its first vectors, and hasn't yet."""
        return False

    @property
    @abstractmethod
    def vector_name(self) -> str:
        """Which of its vectors the store searches; empty for the one without a name."""

    @abstractmethod
    def text(self, point: Any) -> str:
        """What was embedded of a point."""

    def create(self, dimensions: int) -> None:
        """Make the collection as the store would."""
        raise NotImplementedError

    async def acreate(self, dimensions: int) -> None:
        """`create` without blocking the event loop."""
        await asyncio.to_thread(self.create, dimensions)

    def vector(self, point: Any) -> Sequence[float]:
        """The vector that the store searches of a point that was read with its vectors."""
        vectors = point.vector or []
        found: Sequence[float] = vectors.get(self.vector_name, []) if isinstance(vectors, dict) else vectors
        return found

    def is_another(self, version: object) -> bool:
        """False: a collection that was made again is known by its record; one that isn't there is an error."""
        self.version()
        return super().is_another(version)

    def lock(self, *, inserting: bool) -> Lock | None:
        """On a server, for a change of the record alone, a collection's name; no other process has a folder open."""
        client = self.store.client
        if inserting or not is_server(self.async_client if client is None else client):
            return None
        return _NameLock(_OnLoop(self.async_client) if client is None else client, self.index)

    async def aclaim(self, record: SpaceRecord) -> bool:
        """`claim` without blocking the event loop."""
        async with aholding(self.lock(inserting=False), self.index):
            if (await self.astate()).record is not None:
                return False
            await self.awrite(record)
        return True

    async def arelease(self) -> None:
        """`release` without blocking the event loop."""
        async with aholding(self.lock(inserting=False), self.index):
            state = await self.astate()
            if state.empty and state.record is not None:
                await self.awrite(None)

    async def _version(self, ask: _Ask) -> object:
        """The record in the collection's metadata."""
        info = self._made(await self._info(ask))
        return None if info is None else record_entries(info.config.metadata)

    async def _state(self, ask: _Ask) -> StoreState:
        info = self._made(await self._info(ask))
        if info is None:
            return StoreState(None, empty=True)
        record = SpaceRecord.from_dict(info.config.metadata or {}, index=self.index)
        points, _ = await ask("scroll", limit=1, with_payload=False, with_vectors=False)
        vectors = info.config.params.vectors
        config = vectors.get(self.vector_name) if isinstance(vectors, dict) else vectors
        return StoreState(record, empty=not points, dimensions=None if config is None else config.size)

    async def _write(self, ask: _Ask, record: SpaceRecord | None) -> None:
        """Change the collection's metadata in one step, and leave other keys."""
        info = await self._info(ask)
        if record is not None and self._made(info) is None:
            if ask == self.ask:
                self.create(record.space.dimensions or 0)
            else:
                await self.acreate(record.space.dimensions or 0)
            info = await self._info(ask)
        wanted = record.to_dict() if record else {}
        before = record_entries(info.config.metadata) if info else {}
        if before != wanted:
            await ask("update_collection", metadata={**dict.fromkeys(before), **wanted})  # None removes a key
            info = await self._info(ask)
        if record is not None and (info is None or not record_entries(info.config.metadata)):
            fix = "update the server"
            msg = f"the Qdrant server of {self.index!r} keeps no metadata of a collection, as 1.16 and later do: {fix}"
            raise EmbeddingSpaceError(msg, index=self.index, fix=fix)

    async def _sample(self, ask: _Ask, number: int) -> list[Sample]:
        """Texts with their vectors, at random."""
        from qdrant_client import models

        at_random = models.SampleQuery(sample=models.Sample.RANDOM)
        found = await ask("query_points", query=at_random, limit=number, with_vectors=True)
        return [(self.text(point), self.vector(point)) for point in found.points]

    version, aversion = _both(_version)
    state, astate = _both(_state)
    write, awrite = _both(_write)
    sample, asample = _both(_sample)

    async def _info(self, ask: _Ask) -> Any | None:
        """What Qdrant says of the collection; None if it isn't there."""
        try:
            return await ask("get_collection")
        except Exception:  # what a client raises depends on how it reaches the server
            if await ask("collection_exists"):
                raise
            return None

    def _made(self, info: Any | None) -> Any | None:
        """What Qdrant says; a collection that isn't there, and isn't still to be made, was deleted."""
        if info is None and not self.unmade:
            raise collection_gone(self.index)
        return info

    async def ask(self, method: str, **arguments: Any) -> Any:
        """The answer of the client's method; it doesn't wait."""
        if self.store.client is None:
            kind = "this QdrantVectorStore has an asynchronous client alone"
            raise ValueError(f"{kind}; use the guard's asynchronous methods, or give it a client, too")
        return getattr(self.store.client, method)(collection_name=self.index, **arguments)

    async def aask(self, method: str, **arguments: Any) -> Any:
        """The answer of the asynchronous client's method, or of the client's on a thread."""
        if self.async_client is None:
            return await asyncio.to_thread(getattr(self.store.client, method), collection_name=self.index, **arguments)
        return await getattr(self.async_client, method)(collection_name=self.index, **arguments)


class _OnLoop:
    """An asynchronous client for another thread than that of its event loop, which goes on meanwhile."""

    def __init__(self, client: Any) -> None:
        self._behind, self._loop = client, asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(getattr(self._behind, name)(*args, **kwargs), self._loop).result()

        return call


class _NameLock:
    """A lock on a collection of a server: another collection, whose name only one process can give.

    A process that was killed leaves it behind; it is void after a while.
    """

    is_remote = True

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.key: object = f"turnout-lock-{name}"

    def acquire(self) -> bool:
        """Take it if it is free."""
        try:
            self._client.create_collection(
                self.key, vectors_config={}, metadata={_VOID_AFTER: time.time() + _LOCK_SECONDS}
            )
        except Exception as error:  # what a client raises depends on how it reaches the server
            if "already exists" not in str(error):
                raise
            with suppress(Exception):  # it is given back now
                metadata = self._client.get_collection(self.key).config.metadata or {}
                if metadata.get(_VOID_AFTER, 0) < time.time():
                    self.release()
            return False
        return True

    def release(self) -> None:
        """Give it back."""
        self._client.delete_collection(self.key)


class QdrantChunks(Collection):
    """Reads and writes through Qdrant's own client; a base of each framework's collection."""

    keeper: QdrantRecordKeeper

    @abstractmethod
    def _chunk_of(self, point: Any) -> Chunk:
        """The chunk of a point."""

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk, a page at a time, in the order of the points' ids."""
        return map(self._chunk_of, self._scroll())

    def count(self) -> int:
        """How many chunks there are."""
        return int(self._client.count(self.keeper.index, exact=True).count)

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Those of the chunks that are there."""
        return {chunk.id: chunk for chunk in map(self._chunk_of, self._points(ids))}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        return {chunk_id(point): self.keeper.vector(point) for point in self._points(ids, with_vectors=True)}

    def search(self, vector: Sequence[float], k: int) -> list[Chunk]:
        """The nearest chunks, nearest first."""
        query = [float(x) for x in vector]
        found = self._client.query_points(self.keeper.index, query=query, using=self.keeper.vector_name, limit=k)
        return [self._chunk_of(point) for point in found.points]

    def upsert(self, chunks: Sequence[EmbeddedChunk], payloads: Iterable[Mapping[str, Any]]) -> None:
        """Write chunks, in place of those with the same ids."""
        from qdrant_client import models

        points = []
        for chunk, payload in zip(chunks, payloads, strict=True):
            own = point_id(chunk.id)
            whole = payload if str(own) == chunk.id else {**payload, CHUNK_ID: chunk.id}
            numbers = list(chunk.vector)
            vector: Any = {self.keeper.vector_name: numbers} if self.keeper.vector_name else numbers
            points.append(models.PointStruct(id=own, vector=vector, payload=dict(whole)))
        for start in range(0, len(points), _BATCH):
            self._client.upsert(self.keeper.index, points=points[start : start + _BATCH], wait=True)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove chunks; ids that aren't there are left out."""
        if ids:
            self._client.delete(self.keeper.index, points_selector=[point_id(one) for one in ids], wait=True)

    def drop(self) -> None:
        """Remove the collection, for good."""
        self._client.delete_collection(self.keeper.index)

    @property
    def _client(self) -> Any:
        return self.keeper.store.client

    def _scroll(self, only: Any = None) -> Iterator[Any]:
        """The points that a filter lets through."""
        offset: Any = None
        while True:
            points, offset = self._client.scroll(self.keeper.index, only, limit=PAGE, offset=offset)
            yield from points
            if offset is None:
                return

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        """Refuse what Qdrant can't hold, or gives back as something else: no JSON, integers of more than 64 bits."""
        check_json(chunk, metadata, self.name)
        check_strings(chunk, metadata, self.name)
        for key, value in values_within(metadata):
            if isinstance(value, int) and value not in _INTEGERS:
                raise chunk_refused(chunk, self.name, key, "it has an integer of more than 64 bits")

    def _points(self, ids: Sequence[str], *, with_vectors: bool = False) -> list[Any]:
        points = [point_id(one) for one in ids]
        return self._client.retrieve(self.keeper.index, points, with_vectors=with_vectors) if points else []
