"""The engine of a pgvector index's database, whose errors don't have its password in their frames."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from turnout.errors import SettingsError
from turnout.redaction import without_secrets
from turnout.settings import IndexSettings

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


def engine_of(index: IndexSettings) -> Engine:
    """A synchronous engine, which keeps no connections."""
    from sqlalchemy import NullPool, create_engine

    return _with_clean_errors(index, lambda: create_engine(index.database(), poolclass=NullPool, hide_parameters=True))


def async_engine_of(index: IndexSettings) -> AsyncEngine:
    """An asynchronous one; over asyncpg if the URL's driver, psycopg2, is synchronous alone."""
    from sqlalchemy import NullPool, make_url
    from sqlalchemy.ext.asyncio import create_async_engine

    def make() -> AsyncEngine:
        url = make_url(index.database())
        url = url.set(drivername="postgresql+asyncpg") if url.get_driver_name() == "psycopg2" else url
        return create_async_engine(url, poolclass=NullPool, hide_parameters=True)

    return _with_clean_errors(index, make)


def _with_clean_errors(index: IndexSettings, make: Callable[[], T]) -> T:
    from sqlalchemy import event
    from sqlalchemy.exc import ArgumentError

    if index.connection is None:
        msg = "the index has no connection, the URL of its database; settings that were pickled have left it out"
        raise SettingsError(msg)
    engine: T | None = None
    with suppress(ArgumentError):
        engine = make()
    if engine is None:
        raise SettingsError("connection is no URL of a database, like 'postgresql+psycopg://user@host/name'")
    event.listen(getattr(engine, "sync_engine", engine), "handle_error", _clear)
    return engine


def _clear(context: Any) -> None:
    """SQLAlchemy's handler of errors, before it raises them: where it connects, a frame has the password."""
    original = without_secrets(context.original_exception)
    if "_pgconn" in vars(original):  # psycopg's: what is left of the connection, with what it was asked for
        vars(original)["_pgconn"] = None
