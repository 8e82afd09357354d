"""Moving an index to another embedding space: `reindex` and what it is given and gives."""

from turnout.index.chunks import Embedded, Item, Searchable, Source, Target
from turnout.index.migration.engine import reindex
from turnout.index.migration.report import Check, Estimate, ReindexProgress, ReindexReport

__all__ = [
    "Check",
    "Embedded",
    "Estimate",
    "Item",
    "ReindexProgress",
    "ReindexReport",
    "Searchable",
    "Source",
    "Target",
    "reindex",
]
