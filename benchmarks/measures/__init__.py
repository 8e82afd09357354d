"""The measures: each is a module whose `run` gives rows, and runs in a process of its own."""

from __future__ import annotations

MEASURES = (
    "imports",
    "construction",
    "one_call",
    "at_once",
    "threads",
    "streams",
    "ingest",
    "throttled",
    "reindexing",
    "memory",
)
"""In the order in which they run."""
