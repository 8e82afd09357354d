"""Where a named index's manifest is, a file or a schema of its own in the index's database, and how it is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from turnout.index.databases.postgres import PostgresDatabase, copy_tables
from turnout.index.databases.schema import PostgresSchema
from turnout.index.databases.sqlite import SqliteDatabase

Place = Path | PostgresSchema


def open_database(place: Place) -> SqliteDatabase | PostgresDatabase:
    """The tables at a place, made if there are none."""
    return SqliteDatabase(place) if isinstance(place, Path) else PostgresDatabase(place)


def copy_manifest(place: Place, file: Path) -> None:
    """Copy what is at a place, if there is anything, to a file; nothing is made or changed there."""
    if isinstance(place, PostgresSchema) and not place.exists():
        place = place.former
    if isinstance(place, PostgresSchema):
        with closing(PostgresDatabase(place)) as source, closing(SqliteDatabase(file)) as target, target.change():
            copy_tables(source, target)
    elif place.is_file():
        address = f"{place.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as original, closing(sqlite3.connect(file)) as copy:
            original.backup(copy)
