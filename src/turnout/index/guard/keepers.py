"""Where an index keeps the record of its embedding space: what the keepers of both frameworks' stores share."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from turnout.errors import CollectionGoneError, EmbeddingSpaceError, TurnoutError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.records import PREFIX, SpaceRecord, mismatch, reindex_command, to_reindex
from turnout.index.locks import Lock, holding

Sample = tuple[str, Sequence[float]]  # a text of the store, and the vector that it has there


@dataclass(frozen=True, slots=True)
class StoreState:
    """What a store has."""

    record: SpaceRecord | None
    empty: bool | None  # None if the store can't say
    dimensions: int | None = None  # of its vectors, where they can be read; of an empty store, the only ones it takes


class RecordKeeper(ABC):
    """Reads and writes a store's record.

    The asynchronous methods run the synchronous ones on a thread; a store with asynchronous I/O of its own overrides
    them.
    """

    # Whether the record is in each document's metadata: the guard writes it there, and checks what a search finds.
    stamps: ClassVar[bool] = False
    # Whether another process may change the store while this one embeds: the record is looked at after that.
    shared: ClassVar[bool] = True

    @property
    @abstractmethod
    def index(self) -> str:
        """What the index is called in an error, unless the application names it."""

    @abstractmethod
    def state(self) -> StoreState:
        """What the store has, read anew.

        Raises:
            EmbeddingSpaceError: The record isn't as it was written.
        """

    def version(self) -> object:
        """What changes whenever the record does, read anew for every search and insert; left out, all of `state`.

        Raises:
            CollectionGoneError: The store isn't there any more.
        """
        return self.state()

    def is_another(self, version: object) -> bool:
        """Whether the store had this version, and was deleted and made again since; errors as for `version`."""
        del version
        return False

    def unreachable(self, error: Exception, index: str) -> TurnoutError | None:
        """What stands in the place of the store's own error if it says that the store can't be reached."""
        del error, index
        return None

    @abstractmethod
    def write(self, record: SpaceRecord | None) -> None:
        """Keep a record, or forget it if it is None."""

    def lock(self, *, inserting: bool) -> Lock | None:
        """What keeps other processes from changing the record, of whoever changes it or inserts.

        Args:
            inserting: Whether it is for an insert. A store that sees to that in its own transaction, or where it costs
                too much, has none then.
        """
        del inserting
        return None

    def claim(self, record: SpaceRecord) -> bool:
        """Keep a record where there is none; False if another process has kept one by now."""
        with holding(self.lock(inserting=False), self.index):
            if self.state().record is not None:
                return False
            self.write(record)
        return True

    def release(self) -> None:
        """Forget the record if the store is empty."""
        with holding(self.lock(inserting=False), self.index):
            state = self.state()
            if state.empty and state.record is not None:
                self.write(None)

    @property
    def samples(self) -> bool:
        """Whether `sample` finds something in a store that has texts."""
        return True

    def inserted(self, record: SpaceRecord) -> None:
        """The first vectors are there: keep their record, if there was no place for it before; left out, there was."""
        del record

    def sample(self, number: int) -> list[Sample]:
        """Texts as they were embedded, with their vectors, from all over the store; none if it gives out none."""
        del number
        return []

    async def astate(self) -> StoreState:
        """`state` without blocking the event loop."""
        return await asyncio.to_thread(self.state)

    async def aversion(self) -> object:
        """`version` without blocking the event loop; what no other process can change is at hand."""
        return await asyncio.to_thread(self.version) if self.shared else self.version()

    async def awrite(self, record: SpaceRecord | None) -> None:
        """`write` without blocking the event loop."""
        await asyncio.to_thread(self.write, record)

    async def aclaim(self, record: SpaceRecord) -> bool:
        """`claim` without blocking the event loop."""
        return await asyncio.to_thread(self.claim, record)

    async def arelease(self) -> None:
        """`release` without blocking the event loop."""
        await asyncio.to_thread(self.release)

    async def ainserted(self, record: SpaceRecord) -> None:
        """`inserted` without blocking the event loop."""
        await asyncio.to_thread(self.inserted, record)

    async def asample(self, number: int) -> list[Sample]:
        """`sample` without blocking the event loop."""
        return await asyncio.to_thread(self.sample, number)


class StampKeeper(RecordKeeper):
    """Any store that keeps documents: records are on them, and there is no looking through them."""

    stamps: ClassVar[bool] = True
    shared: ClassVar[bool] = False

    def __init__(self, store: Any) -> None:
        self.store = store

    @property
    def index(self) -> str:
        """The name of the store's class."""
        return type(self.store).__name__

    def state(self) -> StoreState:
        """Nothing is known before a search."""
        return StoreState(None, None)

    @property
    def samples(self) -> bool:
        """There is no looking through it."""
        return False

    def version(self) -> object:
        """Never what it was: every insert asks for a document first."""
        return object()

    def write(self, record: SpaceRecord | None) -> None:
        """Nothing: the guard writes the record on documents."""


def record_entries(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """The record in metadata, as it is there."""
    return {key: value for key, value in (metadata or {}).items() if key.startswith(PREFIX)}


def first_record_entries(entries: Mapping[Any, Any], metadata: Callable[[Any], Mapping[str, Any] | None]) -> object:
    """The record on one document of a store that has the same on all of them; None of an empty one."""
    try:
        for key in entries:
            return record_entries(metadata(key))
    except (RuntimeError, KeyError):  # another thread is changing them
        return object()
    return None


def collection_gone(index: str) -> CollectionGoneError:
    """The error of a store whose collection was deleted while it was open."""
    fix = "open the store anew, which makes an empty one, and add the documents again"
    msg = f"the collection {index!r} isn't there any more; it was deleted while it was open: {fix}"
    return CollectionGoneError(msg, index=index, fix=fix)


def state_of_documents(
    entries: Iterable[tuple[Mapping[str, Any], int]], *, index: str, what: str = "documents"
) -> StoreState:
    """What a store holds that can be looked through, and has the record on each of its documents."""
    read: dict[tuple[tuple[str, str], ...], SpaceRecord | None] = {}
    lengths: set[int] = set()
    for metadata, length in entries:
        lengths.add(length)
        record_items = tuple(sorted((key, str(value)) for key, value in metadata.items() if key.startswith(PREFIX)))
        if record_items not in read:
            read[record_items] = SpaceRecord.from_dict(metadata, index=index)
    records = set(read.values())
    if not records:
        return StoreState(None, empty=True)
    if len(records) > 1 or len(lengths) > 1:
        spaces = ", ".join(sorted(str(record.space) if record else "no space" for record in records))
        numbers = ", ".join(map(str, sorted(lengths)))
        why = f"the index {index!r} has {what} of {spaces}, with vectors of {numbers} numbers"
        raise to_reindex(index, f"{why}: it was written without the guard")
    return StoreState(records.pop(), empty=False, dimensions=lengths.pop())


def claim_record(state: StoreState, space: EmbeddingSpace, *, index: str, adoptable: bool = True) -> SpaceRecord:
    """The record of a collection that is to be filled with vectors of a space: its own, or a new one if it is empty."""
    if state.record is not None:
        state.record.check(space, index=index)
        if state.dimensions not in {None, space.dimensions}:
            raise mismatch(index, state.record.space.of_length(state.dimensions or 0), space)
        return state.record
    if not state.empty:
        fix = f"drop it and give `{reindex_command(index)}` again"
        if adoptable:
            fix = f"adopt it with guarded(…, adopt='verify'), or {fix}"
        msg = f"{index!r} has vectors and no record of their embedding space, so it isn't written to: {fix}"
        raise EmbeddingSpaceError(msg, index=index, wanted_space=space, fix=fix)
    return SpaceRecord(space)
