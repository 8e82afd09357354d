"""A PostgreSQL with pgvector, one for the whole run, and its database for a test."""

from __future__ import annotations

import os
import tempfile
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS = os.environ.get("TURNOUT_TEST_POSTGRES")  # read before the run clears the environment


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL with pgvector: the one that TURNOUT_TEST_POSTGRES names, or one of its own."""
    if _ADDRESS:
        yield _ADDRESS.replace("postgresql://", "postgresql+psycopg://")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no XDG_RUNTIME_DIR, which pgserver doesn't mind
        pgserver = pytest.importorskip("pgserver", reason="it has no wheel for this Python")
    # Not in pytest's folder: as root the server runs as another user, who may not go through that.
    with tempfile.TemporaryDirectory(prefix="turnout-postgres-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The PostgreSQL, emptied afterwards."""
    yield postgres
    import sqlalchemy

    engine = sqlalchemy.create_engine(postgres, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        inspected = sqlalchemy.inspect(connection)
        for name in inspected.get_schema_names():
            if name.startswith(("docs_", "turnout_")):
                connection.execute(sqlalchemy.text(f'DROP SCHEMA "{name}" CASCADE'))
        for name in inspected.get_table_names():
            connection.execute(sqlalchemy.text(f'DROP TABLE IF EXISTS "{name}" CASCADE'))
