"""Moving an index to another embedding space: `reindex` and what it is given and gives."""

from turnout.index.chunks import Chunk, EmbeddedChunk, RefusedChunk, Searchable, Source, Target
from turnout.index.migration.engine import reindex
from turnout.index.migration.named import NamedIndex, WorkerTask, embed_and_write
from turnout.index.migration.report import Check, Estimate, ReindexProgress, ReindexReport

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
