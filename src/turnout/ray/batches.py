"""`TurnoutEmbedBatch`: embeds the texts of a Ray dataset, on whichever worker it is put."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from ray.data.block import BlockAccessor

from turnout.calls import limits
from turnout.embedding.embedder import Embedder
from turnout.errors import EmbeddingSpaceError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace, space_of
from turnout.index.chunks import Chunk
from turnout.index.stream import DRAIN, EmbeddingOutcome, embed_chunks
from turnout.routing import resolve
from turnout.settings.fields import resolved_settings

VECTOR_TYPE = pa.list_(pa.float64())


@dataclass(frozen=True, slots=True)
class EmbedTask:
    """What a worker embeds with: names alone, by which it finds settings and credentials for itself."""

    route: str = "default"
    backend: str | None = None  # None for the one that is active on the worker
    config: str | None = None  # the settings file, as the worker sees it; None for what it finds
    space: str | None = None  # None for whichever it is
    workers: int = 1  # that share the deployment's limits

    def embed(self, texts: Sequence[str | None]) -> tuple[pa.Array, pa.Array, EmbeddingOutcome]:
        """Each text's vector or null, why it has none or null, and what else became of the texts."""
        chunks = [Chunk(str(place), text or "", {}) for place, text in enumerate(texts)]
        outcome = embed_chunks(self._embedder(), chunks, drain=DRAIN)
        vectors = {chunk.id: np.frombuffer(chunk.vector) for chunk in outcome.embedded}
        reasons = dict(outcome.skipped)
        placed = pa.array([vectors.get(chunk.id) for chunk in chunks], VECTOR_TYPE)
        return placed, pa.array([reasons.get(chunk.id) for chunk in chunks], pa.string()), outcome

    def _embedder(self) -> Embedder:
        """Embeds, by the settings of this machine; refuses those that give another space than the one asked for."""
        limits.divide(self.workers)
        settings = resolved_settings(self.config)
        route = resolve(self.route, kind="embedding", backend=self.backend, settings=settings)
        space = space_of(route)
        wanted = EmbeddingSpace.parse(self.space) if self.space is not None else space
        if not wanted.fits(space):
            fix = f"let {route.key or route.name} of {settings.source} be what it is where the job was started"
            msg = (
                f"the settings of a worker ({settings.source}) embed on backend {route.backend!r} in {space}, and the "
                f"job is for {wanted}: {fix}"
            )
            raise EmbeddingSpaceError(msg, index_space=space, wanted_space=wanted, fix=fix)
        return Embedder(route, settings)


class TurnoutEmbedBatch:
    """Embeds a column of texts, for Ray Data's `map_batches`.

    Each worker reads the settings of its own machine and finds credentials there; nothing secret travels. A text that
    can't be embedded doesn't end the job: its vector is null, and another column says why.

    Args:
        text: The column of texts.
        vector: The column for their vectors: lists of float64, as long as the embedding space has dimensions.
        refused: The column for why a text has no vector; null for those that have one.
        route: The embedding route.
        backend: The backend; left out, the one that is active on the worker.
        settings: The settings file, as the workers see it; left out, what they find.
        space: The space that the vectors must be of, like `text-embedding-3-small/1536`; left out, whichever it is.
        workers: How many workers share the deployment's limits: each takes its part of `rpm`, `tpm` and the calls in
            flight.

    Raises:
        SettingsError: A worker's settings lack the route or the backend.
        EmbeddingSpaceError: They give another space.
        ModelCallError: The service failed for more than single texts.

    Example:
        ```python
        import ray
        from turnout.ray import TurnoutEmbedBatch

        notices = ray.data.from_items([{"text": "Keys are rotated in March."}])
        embedded = notices.map_batches(
            TurnoutEmbedBatch, compute=ray.data.ActorPoolStrategy(size=2), fn_constructor_kwargs={"workers": 2}
        )
        ```
    """

    def __init__(
        self,
        *,
        text: str = "text",
        vector: str = "vector",
        refused: str = "refused",
        route: str = "default",
        backend: str | None = None,
        settings: Path | str | None = None,
        space: EmbeddingSpace | str | None = None,
        workers: int = 1,
    ) -> None:
        self._text, self._vector, self._refused = text, vector, refused
        self._task = EmbedTask(
            route, backend, None if settings is None else str(settings), None if space is None else str(space), workers
        )

    def __call__(self, batch: dict[str, Any] | pa.Table) -> pa.Table:
        """Embed a batch, in whichever format Ray hands it."""
        table = batch if isinstance(batch, pa.Table) else BlockAccessor.batch_to_arrow_block(batch)
        if self._text not in table.column_names:
            msg = f"the batch has no column {self._text!r} but {', '.join(table.column_names)}; name it with text="
            raise UnsupportedError(msg)
        vectors, reasons, outcome = self._task.embed(table.column(self._text).to_pylist())
        if outcome.failed is not None:
            raise outcome.failed
        columns = [name for name in table.column_names if name not in {self._vector, self._refused}]
        return table.select(columns).append_column(self._vector, vectors).append_column(self._refused, reasons)
