"""The check before a search or an insert, written once for both frameworks and for synchronous and asynchronous use.

`SpaceCheck.steps` yields what it needs of store and embeddings, and is sent the answers, which each framework's side
sees to.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from turnout.errors import EmbeddingSpaceError
from turnout.space_keepers import RecordKeeper
from turnout.space_records import SpaceRecord, mismatch, reindex_command

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from turnout.space_keepers import Held, Sample
    from turnout.spaces import EmbeddingSpace

    Step = tuple[str, tuple[Any, ...]]
    Checked = tuple[SpaceRecord, bool]
    Checking = Generator[Step, Any, Checked]

Adopt = Literal["refuse", "trust", "verify"]
"""What happens with an index that has vectors and no record: refused, taken at the user's word, or compared."""

ALIKE = 0.999
"""Cosine from which a text's stored vector and its new one are the same model's."""

_SAMPLED = 16  # texts that are embedded anew to verify an index
_PROBE = "vector"  # a text whose vector is asked for only to learn its length

KeeperT = TypeVar("KeeperT", bound=RecordKeeper[Any])


class SpaceCheck(Generic[KeeperT]):
    """Whether an index may be searched or written with an embedding space.

    Attributes:
        keeper: Reads and writes the index's record.
        adopt: What happens with an index that has vectors and no record.
        index: What the index is called in errors.
    """

    def __init__(self, keeper: KeeperT, adopt: Adopt, name: str | None) -> None:
        self.keeper = keeper
        self.adopt = adopt
        self._name = name
        self._passed: tuple[EmbeddingSpace, SpaceRecord] | None = None
        self._lengths: dict[EmbeddingSpace, int] = {}

    @property
    def index(self) -> str:
        """What the index is called in errors."""
        return self._name or self.keeper.index

    def forget(self) -> None:
        """Look at the store anew before the next search or insert."""
        self._passed = None

    def steps(self, wanted: EmbeddingSpace, *, inserting: bool) -> Checking:
        """The check.

        Args:
            wanted: The space that the embeddings have now.
            inserting: Whether vectors are about to be added, so that an empty index gets its record.

        Returns:
            The record of the index, or the one that it would get, and whether it was made just now.

        Raises:
            EmbeddingSpaceError: The index has another space, or one that isn't known.
        """
        if self._passed is not None and self._passed[0] == wanted:
            return self._passed[1], False
        asked = wanted
        if wanted.dimensions is None:
            if wanted not in self._lengths:
                vectors: list[Sequence[float]] = yield "embed", ([_PROBE],)
                self._lengths[wanted] = len(vectors[0])
            wanted = wanted.of_length(self._lengths[wanted])
        held: Held = yield "held", ()
        record, made = held.record, False
        if record is not None:
            record.check(wanted, index=self.index)
            if held.dimensions is not None and held.dimensions != wanted.dimensions:
                raise self._not_its_record(record, wanted, held.dimensions)
            if record.space.dimensions is None:
                record = SpaceRecord(wanted)
                yield "write", (record,)
        elif held.empty is None:  # such a store is looked at in what a search finds
            record = SpaceRecord(wanted)
            if not inserting:
                return record, False
            self.check_found((yield "probe", (_PROBE,)), wanted)
        elif held.empty:
            record = SpaceRecord(wanted)
            if not inserting:
                return record, False
            self._check_made_for(wanted, held.dimensions)
            yield "write", (record,)
            held = yield "held", ()
            if held.record is not None:  # by now it may be that of another process
                held.record.check(wanted, index=self.index)
            made = True
        else:
            yield from self._adopting(wanted, held)
            record = SpaceRecord(wanted)
            yield "write", (record,)
        self._passed = asked, record
        return record, made

    def check_found(self, documents: Sequence[Any], wanted: EmbeddingSpace) -> None:
        """Check documents that a search found, where the record is on each of them.

        Raises:
            EmbeddingSpaceError: One is of another space, or has no record and isn't trusted.
        """
        for record in self.keeper.found(documents):
            if record is not None:
                record.check(wanted, index=self.index)
            elif self.adopt != "trust":
                raise self._unknown(wanted)

    def check_length(self, vector: Sequence[float], wanted: EmbeddingSpace) -> None:
        """Check the length of a vector that was given.

        Raises:
            EmbeddingSpaceError: The index has vectors of another length.
        """
        if wanted.dimensions is not None and len(vector) != wanted.dimensions:
            fix = "embed with the same model as the index"
            msg = f"the vector has {len(vector)} numbers, but the index {self.index!r} has vectors of {wanted}: {fix}"
            raise EmbeddingSpaceError(msg, index=self.index, index_space=wanted, fix=fix)

    def _adopting(self, wanted: EmbeddingSpace, held: Held) -> Generator[Step, Any, None]:
        if self.adopt == "refuse":
            raise self._unknown(wanted)
        if held.dimensions is not None and held.dimensions != wanted.dimensions:
            fix = reindex_command(self.index)
            msg = (
                f"the index {self.index!r} has no record of its embedding space, and vectors of {held.dimensions} "
                f"numbers; the settings embed with {wanted}. Embed it anew with `{fix}`"
            )
            raise EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)
        if self.adopt == "verify":
            samples: list[Sample] = yield "sample", (_SAMPLED,)
            samples = [(text, vector) for text, vector in samples if text and text.strip()]
            if not samples:
                fix = "say adopt='trust' if you know that its vectors are of this space"
                msg = f"the index {self.index!r} gives out no texts with their vectors to compare; {fix}"
                raise EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)
            anew: list[Sequence[float]] = yield "embed", ([text for text, _ in samples],)
            self._compare(samples, anew, wanted)

    def _compare(self, samples: list[Sample], anew: list[Sequence[float]], wanted: EmbeddingSpace) -> None:
        fix = reindex_command(self.index)
        pairs = [(stored, new) for (_, stored), new in zip(samples, anew, strict=True)]
        alike = sorted(cosine(stored, new) for stored, new in pairs)
        if alike[0] < ALIKE:
            msg = (
                f"the vectors in the index {self.index!r} are not of {wanted}: of {len(alike)} texts embedded anew, "
                f"the cosine with the stored vector is {alike[0]:.4f} at least and {alike[len(alike) // 2]:.4f} in the "
                f"middle, and a model's own is {ALIKE} or more. Embed it anew with `{fix}`"
            )
            raise EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)
        for stored, new in pairs:
            mine, theirs = math.hypot(*map(float, new)), math.hypot(*map(float, stored))
            # A store may bring every vector to length 1 by itself, so that length is never a difference.
            if not math.isclose(theirs, 1, rel_tol=0.01) and not math.isclose(mine, theirs, rel_tol=0.01):
                msg = (
                    f"the vectors in the index {self.index!r} point where those of {wanted} do, but have length "
                    f"{theirs:.3g} instead of {mine:.3g}: they were normalised differently. Embed it anew with `{fix}`"
                )
                raise EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)

    def _check_made_for(self, wanted: EmbeddingSpace, length: int | None) -> None:
        if length not in {None, wanted.dimensions}:
            fix = f"make the index for vectors of {wanted.dimensions} numbers"
            msg = (
                f"the index {self.index!r} is made for vectors of {length} numbers; the settings embed with {wanted}: "
                f"{fix}"
            )
            raise EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)

    def _unknown(self, wanted: EmbeddingSpace) -> EmbeddingSpaceError:
        fix = "adopt='verify', or adopt='trust', or " + reindex_command(self.index)
        msg = (
            f"the index {self.index!r} has vectors and no record of their embedding space; the settings embed with "
            f"{wanted}. If it was made with that, adopt it: guarded(…, adopt='verify') compares a sample of its texts "
            f"and keeps the record, adopt='trust' takes your word. If not, `{reindex_command(self.index)}`"
        )
        return EmbeddingSpaceError(msg, index=self.index, wanted_space=wanted, fix=fix)

    def _not_its_record(self, record: SpaceRecord, wanted: EmbeddingSpace, found: int) -> EmbeddingSpaceError:
        if record.space.dimensions is None:
            return mismatch(self.index, record.space.of_length(found), wanted)
        fix = reindex_command(self.index)
        msg = (
            f"the record of {self.index!r} says {record.space}, but its vectors have {found} numbers: it is another "
            f"index's record, or the index was written without the guard. Embed it anew with `{fix}`"
        )
        return EmbeddingSpaceError(msg, index=self.index, index_space=record.space, wanted_space=wanted, fix=fix)


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
