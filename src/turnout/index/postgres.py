"""The engine of a pgvector index's database, and its errors: short, and without its password, texts and vectors."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from turnout.errors import IndexUnreachableError, MissingExtraError, SettingsError
from turnout.redaction import redact, without_secrets
from turnout.settings import IndexSettings

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")
_Key = Literal["connection", "manifest"]

_LONGEST = 300  # characters of what the driver says


def engine_of(index: IndexSettings, name: str, key: _Key = "connection") -> Engine:
    """A synchronous engine, which keeps no connections; its errors have the index's name.

    Args:
        index: The settings of the index.
        name: Its name.
        key: Which of the settings has the database's URL.
    """

    def make() -> Engine:
        from sqlalchemy import NullPool, create_engine

        return create_engine(index.database(key), poolclass=NullPool, hide_parameters=True)

    return _with_clean_errors(index, name, make, key)


def async_engine_of(index: IndexSettings, name: str) -> AsyncEngine:
    """An asynchronous one; over asyncpg if the URL's driver, psycopg2, is synchronous alone."""

    def make() -> AsyncEngine:
        from sqlalchemy import NullPool, make_url
        from sqlalchemy.ext.asyncio import create_async_engine

        url = make_url(index.database())
        url = url.set(drivername="postgresql+asyncpg") if url.get_driver_name() == "psycopg2" else url
        return create_async_engine(url, poolclass=NullPool, hide_parameters=True)

    return _with_clean_errors(index, name, make)


def unreachable(error: BaseException, index: str, url: URL | None) -> IndexUnreachableError | None:
    """The error of a database that can't be reached, in the place of a driver's; None of any other error."""
    from sqlalchemy.exc import DBAPIError, OperationalError

    if isinstance(error, DBAPIError):
        # What fails before there is a statement is the connection.
        reached = not error.connection_invalidated and not (
            isinstance(error, OperationalError) and error.statement is None
        )
        original: BaseException | None = error.orig
    else:  # asyncpg's, which SQLAlchemy doesn't know while it connects
        failed = isinstance(error, ConnectionError | TimeoutError | socket.gaierror) or "Connect call" in str(error)
        reached, original = not failed, error
    return None if reached else _unreachable(original, index, url)


def _unreachable(error: BaseException | None, index: str, url: URL | None) -> IndexUnreachableError:
    place = "" if url is None else url.host or str(url.query.get("host", "")) or "the local socket"
    host = f"{place}:{url.port}" if url is not None and url.host and url.port else place
    reason = redact((str(error).splitlines() or [""])[0])[:_LONGEST] or type(error).__name__
    msg = f"the database of the index {index!r}{f' at {host}' if host else ''} can't be reached: {reason}"
    return IndexUnreachableError(msg, index=index, host=host)


def _with_clean_errors(index: IndexSettings, name: str, make: Callable[[], T], key: _Key = "connection") -> T:
    if not index.database(key):
        msg = f"the index has no {key}, the URL of its database; settings that were pickled have left it out"
        raise SettingsError(msg)
    engine: Any = None
    try:
        from sqlalchemy import event
        from sqlalchemy.exc import ArgumentError

        with suppress(ArgumentError):
            engine = make()
    except ModuleNotFoundError as error:
        msg = f"the {key} of the index {name!r} needs {error.name}: pip install sqlalchemy 'psycopg[binary]'"
        raise MissingExtraError(msg) from error
    if engine is None:
        raise SettingsError(f"{key} is no URL of a database, like 'postgresql+psycopg://user@host/name'")
    event.listen(getattr(engine, "sync_engine", engine), "handle_error", partial(_clear, name, engine.url), retval=True)
    return cast("T", engine)


def _clear(name: str, url: URL, context: Any) -> IndexUnreachableError | None:
    """SQLAlchemy's handler of errors, before it raises them: where it connects, a frame has the password."""
    original = without_secrets(context.original_exception)
    if "_pgconn" in vars(original):  # psycopg's: what is left of the connection, with what it was asked for
        vars(original)["_pgconn"] = None
    return _unreachable(original, name, url) if context.is_disconnect or context.connection is None else None
