"""Where a manifest's tables are: what differs between the kinds of databases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from turnout.index.databases.tables import TABLES, Table

Value = str | bytes | int | None


class ManifestDatabase(ABC):
    """The tables of a manifest; its methods may be called from several threads, and after a fork from both processes.

    Statements have named values, as `:name`, and are understood by SQLite and PostgreSQL alike.
    """

    is_remote: bool  # whether a look at it takes a request to a server

    @abstractmethod
    def rows(self, statement: str, **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds; in a change, what that has made of the tables."""

    @abstractmethod
    def rows_of(self, statement: str, ids: Sequence[str], **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds for ids, however many; the statement has `{ids}` for a condition like `IN (…)`."""

    @abstractmethod
    def change(self) -> AbstractContextManager[None]:
        """One change, as a whole or not at all; processes make theirs one after another."""

    @abstractmethod
    def execute(self, statement: str, **values: Value) -> int:
        """Change the tables, within `change`; how many rows were changed."""

    @abstractmethod
    def fill(self, table: Table, statement: str, **values: Value) -> int:
        """Put rows into a table by a statement, within `change`; how many."""

    @abstractmethod
    def insert(self, table: Table, rows: Iterable[Sequence[Value]]) -> None:
        """Put rows into a table, within `change`; of rows with one key, the last stays."""

    @abstractmethod
    def close(self) -> None:
        """Close it; a later use opens it again, or fails."""


def copy_tables(source: ManifestDatabase, target: ManifestDatabase) -> None:
    """Put all that a manifest has into another one, within a change of that."""
    for table in TABLES:
        target.insert(table, source.rows(f"SELECT {', '.join(table.columns)} FROM {table.name}"))  # noqa: S608
