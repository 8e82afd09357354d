"""Named indexes, without a framework: one collection for each embedding space, kept up to date together."""

from turnout.indexes.collections import Home, Opener
from turnout.indexes.index import Index, Status

__all__ = ["Home", "Index", "Opener", "Status"]
