"""A named index into another embedding space, with the workers of a Ray cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from turnout.index.migration.named import NamedIndex
from turnout.index.migration.report import ReindexReport
from turnout.ray.stream import BATCH, WINDOW, RayWorkers
from turnout.settings import Settings


def reindex_with_ray(
    index: NamedIndex | str,
    to: str | None = None,
    *,
    workers: int = 2,
    settings: Settings | Path | str | None = None,
    worker_settings: str | None = None,
    batch: int = BATCH,
    window: int = WINDOW,
    cpus: float = 0.5,
    **options: Any,
) -> ReindexReport:
    """Fill a backend's collection of a named index, embedding on the workers of a Ray cluster.

    The result is that of a reindex on one machine: the same ids, vectors, checkpoint, manifest and report, and each
    goes on with what the other left.

    Args:
        index: The index.
        to: The backend; left out, the active one.
        workers: How many workers embed; each takes its part of the deployment's limits.
        settings: Settings, or the path of a settings file; left out, they are found.
        worker_settings: The settings file, as the workers see it; left out, the path of the one used here, or what the
            workers find if none is.
        batch: Texts that a worker embeds at once: what is embedded again if it dies.
        window: Texts of one Ray Data job, which begins its workers anew; two windows are in memory at most.
        cpus: CPUs that a worker is reckoned at; it mostly waits for the service.
        options: As for `turnout.index.migration.named.NamedIndex.reindex`.

    Raises:
        SettingsError: There is no such index, backend or settings file, here or where a worker is.
        EmbeddingSpaceError: A worker's settings give another space.
        ReindexError: The cluster has too few CPUs, or Ray could not go on.
        TurnoutError: As `turnout.reindex.reindex` says.
    """
    named = index if isinstance(index, NamedIndex) else NamedIndex(index, settings)
    own = {} if worker_settings is None else {"settings": worker_settings}
    plan = RayWorkers.of(named, workers, batch=batch, window=window, cpus=cpus, **own)
    with cluster():
        return named.reindex(to, stream=plan, **options)


@contextmanager
def cluster() -> Iterator[None]:
    """The Ray cluster that this process is part of or `RAY_ADDRESS` names; else one here, until the block ends."""
    if ray.is_initialized():
        yield
        return
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    ray.init(include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()
