"""One step of a reindex as plain work, for engines that spread it over processes and machines.

The work is data: each worker reads the settings and finds credentials for itself, and nothing secret travels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.embedding.embedder import Embedder
from turnout.facts.spaces import space_of
from turnout.index.chunks import Chunk, EmbeddedChunk
from turnout.index.config import IndexConfig
from turnout.index.stream import DRAIN, EmbeddingOutcome, embed_chunks


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """What a worker does.

    Attributes:
        index: Name of the index.
        backend: The backend whose collection is filled.
        config: The settings file; None for the one that the worker finds.
    """

    index: str
    backend: str
    config: str | None = None


def embed(task: WorkerTask, chunks: Sequence[Chunk]) -> EmbeddingOutcome:
    """Embed chunks.

    Raises:
        ModelCallError: The service failed for more than single texts.
    """
    index = IndexConfig(task.index, task.config)
    outcome = embed_chunks(Embedder(index.route(task.backend), index.all_settings), chunks, drain=DRAIN)
    if outcome.failed is not None:
        raise outcome.failed
    return outcome


def write(task: WorkerTask, chunks: Sequence[EmbeddedChunk]) -> None:
    """Write embedded chunks into the backend's collection, which is made if there is none.

    The index's framework has to be imported in this process: `turnout.langchain` or `turnout.llama_index`.

    Raises:
        EmbeddingSpaceError: It has vectors of another space.
        SettingsError: The framework isn't imported.
    """
    index = IndexConfig(task.index, task.config)
    space = space_of(index.route(task.backend))
    target = index.open_collection(space, create=True)
    assert target is not None
    target.claim(space)
    target.write(chunks)
    target.flush()


def embed_and_write(task: WorkerTask, chunks: Sequence[Chunk]) -> list[tuple[str, str]]:
    """Embed chunks and write them; errors as for `embed` and `write`.

    Returns:
        Those that can't be embedded: id and reason.
    """
    outcome = embed(task, chunks)
    if outcome.embedded:
        write(task, outcome.embedded)
    return outcome.skipped
