"""A PostgreSQL with pgvector, one for the whole run."""

from __future__ import annotations

import os
import tempfile
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_GIVEN = os.environ.get("TURNOUT_TEST_POSTGRES")  # read before the run clears the environment


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL with pgvector: the one that TURNOUT_TEST_POSTGRES names, or one of its own."""
    if _GIVEN:
        yield _GIVEN.replace("postgresql://", "postgresql+psycopg://")
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
