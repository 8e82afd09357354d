"""The record that an index keeps of its embedding space, and what is said when it doesn't fit.

A record is a flat dict of strings, so that it fits wherever an index can keep something: a collection's metadata, a
JSON file, a document's metadata. No framework, no I/O.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from turnout.errors import EmbeddingSpaceError, SettingsError
from turnout.facts.spaces import EmbeddingSpace
from turnout.settings import load_settings

FORMAT = "1"
PREFIX = "turnout_space"  # with which every key of a record begins
SPACE, FORMAT_KEY, MADE, CHECK = PREFIX, f"{PREFIX}_format", f"{PREFIX}_made", f"{PREFIX}_check"
KEYS = (SPACE, FORMAT_KEY, MADE, CHECK)


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """What an index says of its vectors: their space, and when the record was written, in ISO 8601, UTC."""

    space: EmbeddingSpace
    made: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"), compare=False)

    def to_dict(self) -> dict[str, str]:
        """The record as a flat dict of strings, with a checksum by which a later edit is found out."""
        text = str(self.space)
        return {SPACE: text, FORMAT_KEY: FORMAT, MADE: self.made, CHECK: _checksum(text, FORMAT, self.made)}

    @classmethod
    def from_dict(cls, found: Mapping[str, object], *, index: str) -> Self | None:
        """Read a record from where an index keeps it; None if there is none.

        Raises:
            EmbeddingSpaceError: It is of a later format, or isn't as it was written.
        """
        entries = {key: value for key, value in found.items() if key.startswith(PREFIX)}
        if not entries:
            return None
        format_ = entries.get(FORMAT_KEY)
        if isinstance(format_, str) and format_.isascii() and format_.isdigit() and int(format_) > int(FORMAT):
            fix = "update turnout"
            msg = f"the record of {index!r} has format {format_}; this turnout reads up to {FORMAT}: {fix}"
            raise EmbeddingSpaceError(msg, index=index, fix=fix)
        text, made = entries.get(SPACE), entries.get(MADE)
        if not isinstance(text, str) or not isinstance(made, str) or format_ != FORMAT:
            raise _garbled(index, f"it has {', '.join(sorted(entries))}")
        if entries.get(CHECK) != _checksum(text, FORMAT, made):
            raise _garbled(index, f"it says {text!r}, but its checksum is another's")
        try:
            return cls(EmbeddingSpace.parse(text), made)
        except SettingsError as error:
            raise _garbled(index, str(error)) from error

    def to_text(self) -> str:
        """The record as JSON, for a file or a single string."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_text(cls, text: str, *, index: str) -> Self:
        """Read a record from JSON; arguments and errors as for `from_dict`, and none at all is an error too."""
        try:
            found = json.loads(text)
        except ValueError as error:
            raise _garbled(index, "it is no JSON") from error
        record = cls.from_dict(found, index=index) if isinstance(found, dict) else None
        if record is None:
            raise _garbled(index, f"it has no {SPACE!r}")
        return record

    def check(self, wanted: EmbeddingSpace, *, index: str) -> None:
        """Raise the error of an index that has another space than the settings'."""
        if not self.space.fits(wanted):
            raise mismatch(index, self.space, wanted)


def with_record(metadata: Mapping[str, Any] | None, record: SpaceRecord | None) -> dict[str, Any]:
    """Metadata with a record in place of the one that they had; without one if it is None."""
    entries = {key: value for key, value in (metadata or {}).items() if not key.startswith(PREFIX)}
    return {**entries, **(record.to_dict() if record else {})}


def reindex_command(index: str) -> str:
    """What embeds an index anew: the command for a named index or one of its collections, or else the function."""
    with suppress(SettingsError):
        for name in load_settings().index:
            if index == name or index.startswith(f"{name}_"):
                return f"turnout reindex {name}"
    return "turnout.reindex.reindex(…)"


def to_reindex(index: str, why: str, **spaces: EmbeddingSpace) -> EmbeddingSpaceError:
    """The error of an index that only a reindex helps."""
    fix = reindex_command(index)
    return EmbeddingSpaceError(f"{why}. Embed it anew with `{fix}`", index=index, fix=fix, **spaces)


def mismatch(index: str, index_space: EmbeddingSpace, wanted: EmbeddingSpace) -> EmbeddingSpaceError:
    """The error of an index whose vectors are of another space than the settings'."""
    fix = reindex_command(index)
    msg = (
        f"the index {index!r} has vectors of {index_space}, but the settings embed with {wanted}: they can't be "
        f"compared. Embed it anew with `{fix}`, or go back to the embedding model that made it "
        "(embedding_backend pins embeddings to a backend)"
    )
    return EmbeddingSpaceError(msg, index=index, index_space=index_space, wanted_space=wanted, fix=fix)


def unknown_space(model: object, ours: str, fix: str, *, index: str) -> EmbeddingSpaceError:
    """The error of embeddings that don't say their space; `ours` is turnout's class for them."""
    msg = f"{type(model).__name__} doesn't say its embedding space; use {ours}, or name it: {fix}"
    return EmbeddingSpaceError(msg, index=index, fix=fix)


def would_replace(index: str, existing: EmbeddingSpace, own: EmbeddingSpace) -> EmbeddingSpaceError:
    """The error of an index that would be saved over one of another space."""
    fix = "save elsewhere, or remove what is there first"
    msg = (
        f"in {index!r} there is an index of {existing}, and what would be saved over it is of {own}: another process "
        f"may have put it there since this one was loaded. Nothing was saved; {fix}"
    )
    return EmbeddingSpaceError(msg, index=index, index_space=existing, wanted_space=own, fix=fix)


def always_changing(index: str) -> EmbeddingSpaceError:
    """The error of an index whose record other processes keep changing."""
    fix = "let the other process end, and try again"
    return EmbeddingSpaceError(
        f"the record of {index!r} is changed all the time by another process: {fix}", index=index, fix=fix
    )


def _garbled(index: str, why: str) -> EmbeddingSpaceError:
    fix = reindex_command(index)
    msg = (
        f"the record of {index!r} isn't as it was written: {why}. What made its vectors isn't known; restore the "
        f"record, or embed the index anew with `{fix}`"
    )
    return EmbeddingSpaceError(msg, index=index, fix=fix)


def _checksum(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
