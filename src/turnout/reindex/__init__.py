"""Moving an index to another embedding space, without a framework: `reindex` and what it is given and gives.

`turnout.reindex.named` does it by the names in the settings; each framework's side has its stores as sources and
targets.
"""

from turnout.reindex.engine import reindex
from turnout.reindex.items import Embedded, Item, Searchable, Source, Target
from turnout.reindex.report import Check, Estimate, ReindexProgress, ReindexReport

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
