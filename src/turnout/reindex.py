"""Moving an index to another embedding space: `reindex`, what it takes and gives, and one step of it as plain work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.embedding.embedder import Embedder
from turnout.facts.spaces import space_of
from turnout.index.chunks import Chunk, EmbeddedChunk, RefusedChunk, Searchable, Source, Target
from turnout.index.config import IndexConfig
from turnout.index.migration.engine import reindex
from turnout.index.migration.named import NamedIndex
from turnout.index.migration.report import Check, Estimate, ReindexProgress, ReindexReport
from turnout.index.stream import DRAIN, embed_chunks

__all__ = [
    "Check",
    "Chunk",
    "EmbeddedChunk",
    "Estimate",
    "NamedIndex",
    "RefusedChunk",
    "ReindexProgress",
    "ReindexReport",
    "Searchable",
    "Source",
    "Target",
    "WorkerTask",
    "embed_and_write",
    "reindex",
]


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """What a worker does; it reads the settings and finds credentials for itself, and nothing secret travels.

    Attributes:
        index: Name of the index.
        backend: The backend whose collection is filled.
        config: The settings file; None for the one that the worker finds.
    """

    index: str
    backend: str
    config: str | None = None


def embed_and_write(task: WorkerTask, chunks: Sequence[Chunk]) -> list[tuple[str, str]]:
    """Embed chunks and write them into the backend's collection, which is made if there is none.

    The index's framework has to be imported in this process: `turnout.langchain` or `turnout.llama_index`.

    Returns:
        Those that can't be embedded: id and reason.

    Raises:
        EmbeddingSpaceError: The collection has vectors of another space.
        ModelCallError: The service failed for more than single texts.
        SettingsError: The framework isn't imported.
    """
    index = IndexConfig(task.index, task.config)
    route = index.route(task.backend)
    outcome = embed_chunks(Embedder(route, index.all_settings), chunks, drain=DRAIN)
    if outcome.failed is not None:
        raise outcome.failed
    if outcome.embedded:
        space = space_of(route)
        target = index.open_collection(space, create=True)
        assert target is not None
        target.claim(space)
        target.write(outcome.embedded)
        target.flush()
    return outcome.skipped
