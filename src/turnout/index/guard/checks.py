"""The check of an index's embedding space before a search or an insert, for both frameworks.

The keeper reads and writes the record; each framework asks its store and its embeddings, as a `CheckIO`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar, cast, get_args

from turnout.errors import CollectionGoneError, EmbeddingSpaceError, TurnoutError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.keepers import RecordKeeper, Sample, StoreState, collection_gone
from turnout.index.guard.records import SpaceRecord, always_changing, mismatch, reindex_command, to_reindex
from turnout.index.locks import aholding, holding

_Call = Callable[..., Awaitable[Any]]  # (object, name of its blocking method, arguments) → the result
_Step = Literal["pass", "assume", "probe", "create", "write", "verify"]

Adopt = Literal["refuse", "trust", "verify"]
"""What happens with an index that has vectors and no record: refused, taken at the user's word, or compared."""

ALIKE = 0.999  # cosine from which a text's stored vector and its new one are the same model's
_SAMPLED = 16  # texts that are embedded anew to verify an index
ATTEMPTS = 5  # looks at a record that other processes keep changing
_PROBE = "vector"  # a text whose vector is asked for only to learn its length
_UNSEEN = object()  # the version of a record that was just written: the next check reads what is there

KeeperT = TypeVar("KeeperT", bound=RecordKeeper)


class CheckIO(Protocol):
    """What a check asks of a store and its embeddings."""

    def embed(self, texts: list[str], /) -> Sequence[Sequence[float]]:
        """The vectors of documents."""

    async def aembed(self, texts: list[str], /) -> Sequence[Sequence[float]]:
        """`embed` without blocking the event loop."""

    def probe(self, text: str, /) -> Sequence[Any]:
        """A document that a search finds, if it finds one; an empty store may refuse to be searched."""

    async def aprobe(self, text: str, /) -> Sequence[Any]:
        """`probe` without blocking the event loop."""


class RecordChanged(Exception):
    """The record of an index isn't what it was at the last check."""


CHANGED = (RecordChanged, CollectionGoneError)  # by a strict check, of an index that isn't the one that it passed


@dataclass(frozen=True, slots=True)
class _Passed:
    """A check that the index passed: for which space, and the record and its version then."""

    wanted: EmbeddingSpace
    record: SpaceRecord
    version: object

    def matches(self, version: object) -> bool:
        """Whether it is that version, or the record itself, on the first documents of an empty index."""
        return version == self.version or version == self.record.to_dict()


class SpaceCheck(Generic[KeeperT]):
    """Whether an index may be searched or written with an embedding space.

    The record's version is read every time, and all of the store's state only when that changed. If it is `strict`, a
    record that changed since the last check ends this one with `RecordChanged`.
    """

    def __init__(self, keeper: KeeperT, adopt: Adopt, name: str | None) -> None:
        if adopt not in get_args(Adopt):
            raise ValueError(f"adopt is 'refuse', 'trust' or 'verify', not {adopt!r}")
        self.keeper = keeper
        self.adopt = adopt
        self.strict = False
        self._name = name
        self._passed: _Passed | None = None
        self._lengths: dict[EmbeddingSpace, int] = {}

    @property
    def index(self) -> str:
        """What the index is called in errors."""
        return self._name or self.keeper.index

    @property
    def version(self) -> object:
        """The record's version when the check passed; None if it didn't, or wrote the record itself."""
        return None if self._passed is None or self._passed.version is _UNSEEN else self._passed.version

    def forget(self) -> None:
        """Look at all of the store anew before the next search or insert."""
        self._passed = None

    def passed_record(self, wanted: EmbeddingSpace) -> SpaceRecord | None:
        """The record with which the last check passed, if that was for this space."""
        passed = self._passed
        return passed.record if passed is not None and passed.wanted == wanted else None

    def is_unchanged(self, wanted: EmbeddingSpace, version: object) -> bool:
        """Whether the last check passed for this space with this version of the record."""
        passed = self._passed
        return passed is not None and passed.wanted == wanted and passed.matches(version)

    def forget_if_empty(self) -> None:
        """`forget`; an index that has no vectors left is of no space."""
        self.forget()
        self.keeper.release()

    async def aforget_if_empty(self) -> None:
        """`forget_if_empty` without blocking the event loop."""
        self.forget()
        await self.keeper.arelease()

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """What is done with the store; that it can't be reached is said in a few words, without what it was sent."""
        try:
            yield
        except Exception as error:
            found = None if isinstance(error, TurnoutError) else self.keeper.unreachable(error, self.index)
            if found is None:
                raise
            raise found from None

    @contextmanager
    def deleting(self) -> Iterator[None]:
        """A delete, whatever the space; an index that is empty then has no space any more."""
        with self.reaching():
            yield
            self.forget_if_empty()

    @asynccontextmanager
    async def adeleting(self) -> AsyncIterator[None]:
        """`deleting` without blocking the event loop."""
        with self.reaching():
            yield
            await self.aforget_if_empty()

    @contextmanager
    def admitted(
        self,
        wanted: EmbeddingSpace,
        io: CheckIO,
        *,
        inserting: bool = False,
        vectors: Iterable[Sequence[float]] = (),
        known: SpaceRecord | None = None,
        locked: bool = False,
    ) -> Iterator[SpaceRecord]:
        """A search or an insert that `run` lets through; an insert that fails leaves an empty index of no space.

        Vectors must be as long as the index's. The record is `known` where the caller looks at it later. If it is
        `locked`, no other process changes the record before the insert ends.
        """
        with self.reaching(), holding(self.keeper.lock(inserting=True) if locked else None, self.index):
            created, before = False, self.version
            try:
                record, created = (known, False) if known is not None else self.run(wanted, io, inserting=inserting)
                self._check_lengths(vectors, record)
                yield record
                if created:
                    self.keeper.inserted(record)
            except BaseException as error:
                if created:
                    self.forget_if_empty()
                if isinstance(error, Exception) and self._is_gone(error, before):
                    raise collection_gone(self.index) from error
                raise

    @asynccontextmanager
    async def aadmitted(
        self,
        wanted: EmbeddingSpace,
        io: CheckIO,
        *,
        inserting: bool = False,
        vectors: Iterable[Sequence[float]] = (),
        known: SpaceRecord | None = None,
        locked: bool = False,
    ) -> AsyncIterator[SpaceRecord]:
        """`admitted` without blocking the event loop."""
        async with AsyncExitStack() as held:
            held.enter_context(self.reaching())
            await held.enter_async_context(aholding(self.keeper.lock(inserting=True) if locked else None, self.index))
            created, before = False, self.version
            try:
                record, created = (
                    (known, False) if known is not None else await self.arun(wanted, io, inserting=inserting)
                )
                self._check_lengths(vectors, record)
                yield record
                if created:
                    await self.keeper.ainserted(record)
            except BaseException as error:
                if created:
                    await self.aforget_if_empty()
                if isinstance(error, Exception) and await asyncio.to_thread(self._is_gone, error, before):
                    raise collection_gone(self.index) from error
                raise

    def _is_gone(self, error: Exception, before: object) -> bool:
        """Whether a store's own error is that of an index that was deleted since it had a version, or while used."""
        if isinstance(error, TurnoutError | RecordChanged):
            return False
        try:
            return any(self.keeper.is_another(version) for version in (before, self.version) if version is not None)
        except CollectionGoneError:
            return True
        except Exception:  # noqa: BLE001 - the first error says more
            return False

    def run(self, wanted: EmbeddingSpace, io: CheckIO, *, inserting: bool = False) -> tuple[SpaceRecord, bool]:
        """The record of the index, or the one that it would get, and whether it was made just now.

        Raises:
            EmbeddingSpaceError: The index has another space, or one that isn't known.
        """
        version = self.keeper.version()
        if (known := self._unchanged_record(wanted, version)) is not None:
            return known, False
        check = self._check(_call, version, wanted, io, inserting=inserting)
        try:
            check.send(None)
        except StopIteration as ended:
            return cast("tuple[SpaceRecord, bool]", ended.value)
        raise AssertionError  # `_call` never waits

    async def arun(self, wanted: EmbeddingSpace, io: CheckIO, *, inserting: bool = False) -> tuple[SpaceRecord, bool]:
        """`run` without blocking the event loop."""
        version = await self.keeper.aversion()
        if (known := self._unchanged_record(wanted, version)) is not None:
            return known, False
        return await self._check(_acall, version, wanted, io, inserting=inserting)

    async def _check(
        self, call: _Call, version: object, wanted: EmbeddingSpace, io: CheckIO, *, inserting: bool
    ) -> tuple[SpaceRecord, bool]:
        stated, keeper = wanted, self.keeper
        if wanted.dimensions is None:
            if wanted not in self._lengths:
                self._lengths[wanted] = len((await call(io, "embed", [_PROBE]))[0])
            wanted = wanted.of_length(self._lengths[wanted])
        for _ in range(ATTEMPTS):
            state: StoreState = await call(keeper, "state")
            step, record = self._step(state, wanted, inserting=inserting)
            if step == "assume":
                return record, False
            if step == "probe":
                found: Sequence[Any] = ()
                with suppress(Exception):
                    found = await call(io, "probe", _PROBE)
                self.check_found(found, wanted)
            elif step == "verify":
                samples = self._usable(await call(keeper, "sample", _SAMPLED), wanted)
                self._compare(samples, await call(io, "embed", [text for text, _ in samples]), wanted)
            if step in {"pass", "probe"}:
                break
            version = _UNSEEN
            if state.record is not None:
                await call(keeper, "write", record)
                break
            if await call(keeper, "claim", record):
                break
        else:
            raise always_changing(self.index)
        if step == "create":
            version = await call(keeper, "version")
        self._passed = _Passed(stated, record, version)
        return record, step == "create"

    def _unchanged_record(self, wanted: EmbeddingSpace, version: object) -> SpaceRecord | None:
        """The record, if the last check passed with this version of it."""
        passed = self._passed
        if passed is None or passed.wanted != wanted:
            return None
        if passed.matches(version):
            return passed.record
        if self.strict and passed.version is not _UNSEEN:
            self._passed = None
            raise RecordChanged
        return None

    def _step(self, state: StoreState, wanted: EmbeddingSpace, *, inserting: bool) -> tuple[_Step, SpaceRecord]:
        """What is to be done before the check passes, and the record with which it does."""
        length = state.dimensions
        if state.record is not None:
            space = state.record.space
            state.record.check(wanted, index=self.index)
            if length not in {None, wanted.dimensions} and space.dimensions is None:
                raise mismatch(self.index, space.of_length(length), wanted)
            if length not in {None, wanted.dimensions}:
                why = (
                    f"the record of {self.index!r} says {space}, but its vectors have {length} numbers: it is another "
                    "index's record, or the index was written without the guard"
                )
                raise to_reindex(self.index, why, index_space=space, wanted_space=wanted)
            return ("pass", state.record) if space.dimensions is not None else ("write", SpaceRecord(wanted))
        record = SpaceRecord(wanted)
        if (state.empty or state.empty is None) and not inserting:
            return "assume", record
        if state.empty is None:  # such a store is looked at in what a search finds
            return "probe", record
        if state.empty and length not in {None, wanted.dimensions}:
            fix = f"make the index for vectors of {wanted.dimensions} numbers"
            what = f"the index {self.index!r} is made for vectors of {length} numbers"
            msg = f"{what}; the settings embed with {wanted}: {fix}"
            raise EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)
        if state.empty:
            return "create", record
        if self.adopt == "refuse":
            raise self._unknown(wanted)
        if length not in {None, wanted.dimensions}:
            why = (
                f"the index {self.index!r} has no record of its embedding space, and vectors of {length} numbers; "
                f"the settings embed with {wanted}"
            )
            raise to_reindex(self.index, why, wanted_space=wanted)
        return ("verify" if self.adopt == "verify" else "write"), record

    def check_found(self, documents: Sequence[Any], wanted: EmbeddingSpace) -> None:
        """Check documents that a search found, where the record is on each of them."""
        for document in documents if self.keeper.stamps else ():
            record = SpaceRecord.from_dict(document.metadata, index=self.keeper.index)
            if record is not None:
                record.check(wanted, index=self.index)
            elif self.adopt != "trust":
                raise self._unknown(wanted)

    def _check_lengths(self, vectors: Iterable[Sequence[float]], record: SpaceRecord) -> None:
        for vector in vectors:
            if record.space.dimensions not in {None, len(vector)}:
                fix = "embed with the same model as the index"
                what = f"the vector has {len(vector)} numbers, but the index {self.index!r} has vectors of"
                msg = f"{what} {record.space}: {fix}"
                raise EmbeddingSpaceError(msg, index=self.index, index_space=record.space, fix=fix)

    def _usable(self, samples: list[Sample], wanted: EmbeddingSpace) -> list[Sample]:
        """The samples that have a text; there has to be one."""
        usable = [(text, vector) for text, vector in samples if text and text.strip()]
        if not usable:
            fix = "say adopt='trust' if you know that its vectors are of this space"
            msg = f"the index {self.index!r} gives out no texts with their vectors to compare; {fix}"
            raise EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)
        return usable

    def _compare(self, samples: list[Sample], anew: Sequence[Sequence[float]], wanted: EmbeddingSpace) -> None:
        pairs = [(stored, new) for (_, stored), new in zip(samples, anew, strict=True)]
        alike = sorted(cosine(stored, new) for stored, new in pairs)
        if alike[0] < ALIKE:
            why = (
                f"the vectors in the index {self.index!r} are not of {wanted}: of {len(alike)} texts embedded anew, "
                f"the cosine with the stored vector is {alike[0]:.4f} at least and {alike[len(alike) // 2]:.4f} in the "
                f"middle, and a model's own is {ALIKE} or more"
            )
            raise to_reindex(self.index, why, wanted_space=wanted)
        for stored, new in pairs:
            mine, theirs = math.hypot(*map(float, new)), math.hypot(*map(float, stored))
            # A store may bring every vector to length 1 by itself, so that length is never a difference.
            if not math.isclose(theirs, 1, rel_tol=0.01) and not math.isclose(mine, theirs, rel_tol=0.01):
                why = (
                    f"the vectors in the index {self.index!r} point where those of {wanted} do, but have length "
                    f"{theirs:.3g} instead of {mine:.3g}: they were normalised differently"
                )
                raise to_reindex(self.index, why, wanted_space=wanted)

    def _unknown(self, wanted: EmbeddingSpace) -> EmbeddingSpaceError:
        command = reindex_command(self.index)
        what = f"the index {self.index!r} has vectors and no record of their embedding space; the settings embed with"
        if self.keeper.samples:
            compare = "guarded(…, adopt='verify') compares a sample of its texts and keeps the record, adopt='trust'"
            fix = f"adopt='verify', or adopt='trust', or {command}"
        else:
            compare = "it gives out no texts with their vectors to compare, so guarded(…, adopt='trust')"
            fix = f"adopt='trust', or {command}"
        msg = f"{what} {wanted}. If it was made with that, adopt it: {compare} takes your word. If not, `{command}`"
        return EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)


async def _call(owner: object, method: str, *arguments: Any) -> Any:
    return getattr(owner, method)(*arguments)


async def _acall(owner: object, method: str, *arguments: Any) -> Any:
    return await getattr(owner, f"a{method}")(*arguments)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors; 0 if their lengths differ or one is zero."""
    first, second = [float(x) for x in one], [float(x) for x in other]
    size = math.hypot(*first) * math.hypot(*second)
    if len(first) != len(second) or not size:
        return 0.0
    return math.fsum(a * b for a, b in zip(first, second, strict=True)) / size


def spread(count: int, number: int) -> list[int]:
    """At most `number` positions, evenly over `count`."""
    if count <= number:
        return list(range(count))
    return [position * (count - 1) // (number - 1) for position in range(number)] if number > 1 else [0]
