"""The schema of PostgreSQL that a named index has for what it knows: its name, its tables, and connections to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from turnout import runtime
from turnout.errors import ReindexError
from turnout.index.databases.sqlite import TABLES, definition
from turnout.index.postgres import engine_of
from turnout.settings import IndexSettings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, TextClause

_FORMAT = "1"
_LOCK_SECONDS = 60  # that a change waits for another one
_DENIED = "42501"  # www.postgresql.org/docs/current/errcodes-appendix.html: insufficient_privilege

TYPES = {"TEXT": 'TEXT COLLATE "C"', "BLOB": "BYTEA", "INTEGER": "BIGINT"}
"""Of PostgreSQL, for SQLite's: ids are in the order of their bytes there too, whatever the database's language."""

_TABLES = [
    *(f"CREATE TABLE {name} {definition(columns, TYPES)}" for name, columns in TABLES.items()),
    "CREATE TABLE holder (lock TEXT PRIMARY KEY, about TEXT, backend BIGINT)",
    "CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT)",
    f"INSERT INTO about VALUES ('format', '{_FORMAT}')",  # noqa: S608 - a number of ours
]

# A server whose client is gone frees its locks after a minute, and what is between the two sees that they are in use
# (www.postgresql.org/docs/current/runtime-config-connection.html, "TCP Settings"; no effect on a Unix socket).
_KEPT_ALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}

_engines: runtime.Cache[Any, Engine] = runtime.Cache()


@dataclass(frozen=True)
class PostgresSchema:
    """A named index's own schema, in the database that it is in or that its `manifest` names.

    Attributes:
        name: Its name.
        index: The settings of the index.
        former: The file that the manifest was in before, on this machine.
    """

    name: str
    address: Any = field(repr=False)  # the secret URL: two that differ are two databases
    index: IndexSettings = field(compare=False, repr=False)
    former: Path = field(compare=False)

    @classmethod
    def of(cls, index: IndexSettings, name: str, former: Path) -> PostgresSchema:
        """The schema of an index; two of one name in one database, of both frameworks, have one each."""
        return cls(f"turnout_{index.opened_with}_{name}", index.manifest or index.connection, index, former)

    @property
    def _of(self) -> str:
        return self.name.removeprefix(f"turnout_{self.index.opened_with}_")

    def __str__(self) -> str:
        """What to call it in an error."""
        return f"the schema {self.name!r} of the index's database"

    def connect(self) -> Connection:
        """A connection of its own, on which every statement is a transaction unless one is begun; makes no tables."""
        key: Literal["connection", "manifest"] = "connection" if self.index.manifest is None else "manifest"
        engine = _engines.get_or_make((self.address, self.name), lambda: engine_of(self.index, self._of, key))
        with runtime.fork_waits():
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            said = {"search_path": f'"{self.name}"', "lock_timeout": f"{_LOCK_SECONDS}s", **_KEPT_ALIVE}
            # A plan for few chunks takes minutes for many, and a few chunks are found by their keys.
            said |= {"plan_cache_mode": "force_custom_plan", "random_page_cost": "1.1"}
            set_all = ", ".join(f"set_config('{key}', :{key}, false)" for key in said)
            connection.execute(statement(f"SELECT {set_all}"), said)
        except BaseException:
            connection.close()
            raise
        return connection

    def is_made(self, connection: Connection) -> bool:
        """Whether it has its tables; raises if they are of another version of turnout."""
        query = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = :name AND tablename = 'about')"
        if not connection.scalar(statement(query), {"name": self.name}):
            return False
        found = connection.scalar(statement("SELECT value FROM about WHERE key = 'format'"))
        if found != _FORMAT:
            msg = f"{self} has format {found!r}, and this turnout reads {_FORMAT}; update turnout, or drop the schema"
            raise ReindexError(msg)
        return True

    def exists(self) -> bool:
        """Whether there is anything in it, as of a path."""
        with self.connect() as connection:
            return self.is_made(connection)

    def make(self, connection: Connection) -> bool:
        """Make its tables, in a change, unless another process did meanwhile; whether it was this one."""
        from sqlalchemy.exc import DBAPIError

        if self.is_made(connection):
            return False
        if not connection.scalar(statement("SELECT to_regnamespace(:name) IS NOT NULL"), {"name": f'"{self.name}"'}):
            command = f'CREATE SCHEMA "{self.name}"'
            try:
                connection.execute(statement(command))
            except DBAPIError as error:
                if sqlstate(error) != _DENIED:
                    raise
                msg = f"this role may not make {self}, where it is kept which chunks there are; have it made: {command}"
                raise ReindexError(f"{msg} AUTHORIZATION …") from error
        for table in _TABLES:
            connection.execute(statement(table))
        return True


@lru_cache(maxsize=512)
def statement(text: str) -> TextClause:
    """A statement with named values."""
    import sqlalchemy

    return sqlalchemy.text(text)


def sqlstate(error: Any) -> str | None:
    """The code that PostgreSQL gives an error, of SQLAlchemy's, whatever the driver."""
    found: str | None = getattr(error.orig, "sqlstate", getattr(error.orig, "pgcode", None))
    return found
