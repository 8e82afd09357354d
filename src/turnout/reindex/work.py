"""One step of a reindex as plain work, for engines that spread it over processes and machines.

The work is data: each worker reads the settings and finds credentials for itself, and nothing secret travels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from turnout.clients.embedder import Embedder
from turnout.reindex.named import NamedIndex
from turnout.reindex.stream import EmbeddingStream, Refused
from turnout.spaces import space_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.reindex.items import Embedded, Item


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
    """

    embedded: list[Embedded] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def embed(work: Work, items: Sequence[Item]) -> Worked:
    """Embed chunks.

    Args:
        work: For which index and backend.
        items: The chunks.

    Raises:
        ModelCallError: The service failed for more than single texts.
    """
    index = NamedIndex(work.index, work.config)
    route = index.route(work.backend)
    stream = EmbeddingStream(Embedder(route, index.all), space_of(route))
    worked = Worked()
    try:
        for item in items:
            refused = stream.add(item)
            if refused is not None:
                worked.skipped.append((refused.item.id, refused.reason))
        stream.flush()
        while stream.pending and stream.error is None:
            for outcome in stream.take(patient=True):
                if isinstance(outcome, Refused):
                    worked.skipped.append((outcome.item.id, outcome.reason))
                else:
                    worked.embedded.append(outcome)
    finally:
        stream.close()
    if stream.error is not None:
        raise stream.error
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
