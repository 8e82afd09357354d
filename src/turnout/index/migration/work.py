"""One step of a reindex as plain work, for engines that spread it over processes and machines.

The work is data: each worker reads the settings and finds credentials for itself, and nothing secret travels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from turnout.embedding.embedder import Embedder
from turnout.facts.spaces import space_of
from turnout.index.migration.named import NamedIndex
from turnout.index.migration.stream import EmbeddingStream, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.index.chunks import Embedded, Item


_DRAIN = 8.0  # seconds that work which failed waits for what is in flight


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker does.

    Attributes:
        index: Name of the index.
        backend: The backend whose collection is filled.
        config: The settings file; None for the one that the worker finds.
    """

    index: str
    backend: str
    config: str | None = None


@dataclass(slots=True)
class Worked:
    """What became of some chunks.

    Attributes:
        embedded: Those that were embedded.
        skipped: Those that can't be: id and reason.
        failed: What ended the work before all of them were, if something did.
    """

    embedded: list[Embedded] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: BaseException | None = None


def embed(work: Work, items: Sequence[Item]) -> Worked:
    """Embed chunks.

    Args:
        work: For which index and backend.
        items: The chunks.

    Raises:
        ModelCallError: The service failed for more than single texts.
    """
    index = NamedIndex(work.index, work.config)
    worked = embed_with(Embedder(index.route(work.backend), index.all), items)
    if worked.failed is not None:
        raise worked.failed
    return worked


def embed_with(embedder: Embedder, items: Sequence[Item]) -> Worked:
    """Embed chunks; where the service fails, with what it had answered until then.

    Args:
        embedder: Embeds them.
        items: The chunks.
    """
    stream = EmbeddingStream(embedder, space_of(embedder.route))
    worked = Worked()

    def take(*, patient: bool) -> bool:
        outcomes = stream.take(patient=patient)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                worked.skipped.append((outcome.item.id, outcome.reason))
            else:
                worked.embedded.append(outcome)
        return bool(outcomes)

    try:
        for item in items:
            refused = stream.add(item)
            if refused is not None:
                worked.skipped.append((refused.item.id, refused.reason))
        stream.flush()
        while stream.pending and stream.error is None:
            take(patient=True)
        if stream.error is not None:
            stream.end_early(_DRAIN)
            while take(patient=False):
                pass
    finally:
        stream.close()
    worked.failed = stream.error
    return worked


def write(work: Work, chunks: Sequence[Embedded]) -> None:
    """Write embedded chunks into the backend's collection, which is made if there is none.

    Raises:
        EmbeddingSpaceError: It has vectors of another space.
    """
    index = NamedIndex(work.index, work.config)
    space = space_of(index.route(work.backend))
    target = index.side.open_collection(index.settings, index.name, space, create=True)
    assert target is not None
    target.claim(space)
    target.write(chunks)
    target.flush()


def embed_and_write(work: Work, items: Sequence[Item]) -> list[tuple[str, str]]:
    """Embed chunks and write them.

    Returns:
        Those that can't be embedded: id and reason.
    """
    worked = embed(work, items)
    if worked.embedded:
        write(work, worked.embedded)
    return worked.skipped
