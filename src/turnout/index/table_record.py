"""The record of a space in the comment of a table of PostgreSQL, which is dumped, copied and dropped with the table.

Only the owner of a table may comment on it: so may only the owner adopt an index, or insert its first vectors.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy.schema import DropTableComment, SetTableComment

from turnout.errors import EmbeddingSpaceError
from turnout.index.guard.keepers import collection_gone
from turnout.index.guard.records import PREFIX, SpaceRecord

_DENIED = "42501"  # https://www.postgresql.org/docs/current/errcodes-appendix.html: insufficient_privilege


class TableRecord:
    """A table's record; each method is part of a connection's transaction.

    Attributes:
        found: An expression: the table, or null if there is none.
        comment: An expression: all of its comment.
    """

    def __init__(self, index: str, schema: str, name: str) -> None:
        self._index, self._schema, self._name = index, schema, name
        self.found: Any = sqlalchemy.func.to_regclass(sqlalchemy.func.format("%I.%I", schema, name))
        described = sqlalchemy.func.obj_description(self.found, "pg_class")
        self.comment: sqlalchemy.ColumnElement[str] = sqlalchemy.func.coalesce(described, "")
        # Of an advisory lock, which is the database's.
        self._key = sqlalchemy.func.hashtextextended(f"turnout {schema}.{name}", 0)

    def read(self, connection: sqlalchemy.Connection) -> str:
        """The comment."""
        found, comment = connection.execute(sqlalchemy.select(self.found, self.comment)).one()
        if found is None:
            raise collection_gone(self._index)
        return str(comment)

    def length_of(self, column: str) -> sqlalchemy.Select[Any]:
        """A query for the length of vectors that a column takes; -1 if it takes any."""
        attribute = sqlalchemy.table("pg_attribute", *map(sqlalchemy.column, ("attrelid", "attname", "atttypmod")))
        query = sqlalchemy.select(attribute.c.atttypmod)
        return query.where(attribute.c.attrelid == self.found, attribute.c.attname == column)

    def record(self, connection: sqlalchemy.Connection) -> SpaceRecord | None:
        """The record."""
        line = _record_line(self.read(connection))
        return SpaceRecord.from_text(line, index=self._index) if line else None

    def hold(self, connection: sqlalchemy.Connection, *, alone: bool) -> None:
        """Keep the record as it is until the transaction ends; `alone`, nobody inserts meanwhile either."""
        functions = sqlalchemy.func
        take = functions.pg_advisory_xact_lock if alone else functions.pg_advisory_xact_lock_shared
        connection.execute(sqlalchemy.select(take(self._key)))

    def claim(self, connection: sqlalchemy.Connection, record: SpaceRecord) -> bool:
        """Keep a record where there is none."""
        self.hold(connection, alone=True)
        if has_record(self.read(connection)):
            return False
        self.write(connection, record)
        return True

    def write(self, connection: sqlalchemy.Connection, record: SpaceRecord | None) -> None:
        """Change the comment, and leave its other lines."""
        self.hold(connection, alone=True)
        comment = self.read(connection)
        lines = [line for line in comment.splitlines() if line != _record_line(comment)]
        lines += [record.to_text()] if record else []
        table = sqlalchemy.Table(self._name, sqlalchemy.MetaData(), schema=self._schema, comment="\n".join(lines))
        try:
            connection.execute(SetTableComment(table) if lines else DropTableComment(table))
        except sqlalchemy.exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", getattr(error.orig, "pgcode", None)) != _DENIED:
                raise
            quoted = connection.dialect.identifier_preparer.format_table(table)
            fix = f"write or adopt it once as the owner of the table {quoted}"
            msg = f"this role may not keep the record of {self._index!r}, which is in its table's comment: {fix}"
            raise EmbeddingSpaceError(msg, index=self._index, fix=fix) from error


def has_record(comment: str) -> bool:
    """Whether there is a record in a comment, whole or not."""
    return _record_line(comment) is not None


def _record_line(comment: str) -> str | None:
    """The line of a comment that is a record, whole or not."""
    return next((line for line in comment.splitlines() if line.startswith("{") and PREFIX in line), None)
