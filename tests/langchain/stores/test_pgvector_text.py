"""Vectors are text for PostgreSQL at once, and the same numbers as pgvector's own formatting gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pgvector.utils import Vector

from turnout.langchain.stores.pgvector import _Vector

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBERS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=8)


@given(NUMBERS)
def test_the_text_has_every_digit(numbers: list[float]) -> None:
    assert Vector.from_text(_Vector(numbers).to_text()).to_list() == Vector(numbers).to_list()


@pytest.mark.parametrize("numbers", [[1e-45, -3.4028235e38, 0.1], [0.0, -0.0, 1 / 3]])
def test_postgresql_reads_it(database: str, numbers: Sequence[float]) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE EXTENSION IF NOT EXISTS vector"))
        select = sqlalchemy.text("SELECT (:vector)::vector::text")
        read = connection.execute(select, {"vector": _Vector(numbers).to_text()}).scalar_one()
    assert Vector.from_text(read).to_list() == Vector(numbers).to_list()
