"""LanceDB, whichever framework's class is over it: a table of chunks, and the record in the metadata of its vectors.

The frameworks' own classes fix the keys and types of metadata with the first texts that are added. Here they are JSON.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk
from turnout.index.collection import Collection, check_json, check_strings
from turnout.index.guard.checks import spread
from turnout.index.guard.keepers import RecordKeeper, Sample, StoreState, collection_gone, record_entries
from turnout.index.guard.records import SpaceRecord
from turnout.index.locks import FileSystemLock, Lock
from turnout.permissions import make_folder
from turnout.settings import IndexSettings

_OPTIMIZED = 64  # after so many versions of a table its files are brought together
VECTOR = "vector"


class Found(NamedTuple):
    """A row that was read, with its vector if that was asked for."""

    chunk: Chunk
    vector: Sequence[float] = ()
    distance: float = 0.0  # of a search: 1 less the cosine


class LanceTable:
    """A table of chunks: their ids, vectors and texts, and their metadata as JSON.

    A search is of the table as it was when it was last looked at: by `latest`, or by a change.
    """

    def __init__(self, table: Any) -> None:
        self.table = table

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    @property
    def folder(self) -> str:
        """The folder of its database."""
        return str(Path(str(self.table.uri)).parent)

    def latest(self) -> Any:
        """LanceDB's table as it is now; one that isn't there any more is a `CollectionGoneError`."""
        try:
            self.table.checkout_latest()
        except RuntimeError as error:
            if "not found" not in str(error).lower():
                raise
            raise collection_gone(self.name) from error
        return self.table

    def nearest(
        self, vector: Sequence[float], k: int, where: str | None = None, *, with_vectors: bool = False
    ) -> list[Found]:
        """The nearest rows of those for which an SQL condition holds, nearest first."""
        query = self.table.search([float(x) for x in vector], vector_column_name=VECTOR).distance_type("cosine")
        query = query.select([*_columns(with_vectors=with_vectors), "_distance"]).limit(k)
        return _found((query.where(where, prefilter=True) if where else query).to_arrow())

    def rows(self, where: str, *, with_vectors: bool = False) -> list[Found]:
        """The rows for which an SQL condition holds, as they are now."""
        self.latest()
        return _found(self.table.search().where(where).select(_columns(with_vectors=with_vectors)).to_arrow())

    def with_ids(self, ids: Sequence[str], *, with_vectors: bool = False) -> list[Found]:
        """The rows with these ids."""
        return self.rows(one_of("id", ids), with_vectors=with_vectors) if ids else []

    def every(self) -> Iterator[Found]:
        """Every row, a page at a time, as they are now."""
        for batch in self.latest().search().select(_columns()).to_batches(PAGE):
            yield from _found(batch)

    def write(
        self,
        chunks: Sequence[EmbeddedChunk],
        metadatas: Iterable[Mapping[str, Any]],
        documents: Iterable[str | None] | None = None,
    ) -> None:
        """Write chunks in one step, in place of those with the same ids.

        Args:
            chunks: The chunks.
            metadatas: What each is filtered by.
            documents: The document that each belongs to, if it does.
        """
        import pyarrow as pa

        if not chunks:
            return
        schema = self.table.schema
        columns: dict[str, list[Any]] = {
            "id": [chunk.id for chunk in chunks],
            "text": [chunk.text for chunk in chunks],
            "document": list(documents or [None] * len(chunks)),
            "content": [json.dumps(chunk.metadata) for chunk in chunks],
            "metadata": [json.dumps(metadata) for metadata in metadatas],
        }
        types = {**{name: schema.field(name).type for name in columns}, "metadata": pa.json_()}
        arrays = {name: pa.array(values, types[name]) for name, values in columns.items()}
        rows = pa.table({**arrays, VECTOR: _vectors(chunks, schema.field(VECTOR).type)})
        self.table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows)
        if self.table.version % _OPTIMIZED == 0:
            self.table.optimize()

    def delete(self, where: str) -> None:
        """Remove the rows for which an SQL condition holds."""
        self.table.delete(where)

    def drop(self) -> None:
        """Remove the table, for good."""
        import lancedb

        lancedb.connect(self.folder).drop_table(self.name)


def open_table(index: IndexSettings, name: str, dimensions: int, *, create: bool) -> LanceTable | None:
    """The table of a collection, in the folder that the settings name; None if it isn't there nor made."""
    import lancedb
    import pyarrow as pa

    folder = Path(index.path or ".")
    if (folder / f"{name}.lance").is_dir():
        with suppress(ValueError):  # what LanceDB raises of a folder that has no table, too
            return LanceTable(lancedb.connect(folder).open_table(name))
    if not create:
        return None
    texts = [(one, pa.string()) for one in ("id", "text", "document", "content")]
    schema = pa.schema([*texts, (VECTOR, pa.list_(pa.float32(), dimensions)), ("metadata", pa.json_())])
    database = lancedb.connect(folder)
    try:
        return LanceTable(database.create_table(name, schema=schema))
    except ValueError:
        return LanceTable(database.open_table(name))  # another process was first


class LanceRecordKeeper(RecordKeeper):
    """Keeps the record in the metadata of the column of vectors; put before the framework's keeper among the bases.

    Args:
        name: The table's name.
        place: The folder of the database, or its URL.
        table: Gives LanceDB's table as it is now; None if the store makes it with its first texts, and hasn't yet.
        text: What was embedded of a row.
        vector_column: The column of vectors.
    """

    def __init__(
        self,
        name: str,
        place: str,
        table: Callable[[], Any | None],
        text: Callable[[Mapping[str, Any]], str],
        vector_column: str = VECTOR,
    ) -> None:
        self._name, self._place, self._open, self._text, self._column = name, place, table, text, vector_column
        self._seen = False

    @classmethod
    def of_table(cls, lance: LanceTable) -> Self:
        """The keeper of a table of chunks."""
        return cls(lance.name, lance.folder, lance.latest, lambda row: str(row["text"]))

    @property
    def index(self) -> str:
        """The table's name."""
        return self._name

    def table(self) -> Any | None:
        """The table as it is now; one that isn't there any more is a `CollectionGoneError`."""
        found = self._open()
        if found is None and self._seen:
            raise collection_gone(self._name)
        self._seen = found is not None
        return found

    def version(self) -> object:
        """The record, as it is in the state of the table that the store then searches."""
        table = self.table()
        return None if table is None else record_entries(self._metadata(table))

    def state(self) -> StoreState:
        """What the table has, with the record of its vectors."""
        table = self.table()
        if table is None:
            return StoreState(None, empty=True)
        record = SpaceRecord.from_dict(self._metadata(table), index=self.index)
        length = getattr(table.schema.field(self._column).type, "list_size", None)
        return StoreState(record, empty=table.count_rows() == 0, dimensions=length)

    def write(self, record: SpaceRecord | None) -> None:
        """Change the metadata of the vectors in one step, and leave other keys."""
        table = self.table()
        if table is None:
            return
        wanted = record.to_dict() if record else {}
        before = record_entries(self._metadata(table))
        if before != wanted:
            metadata = {**dict.fromkeys(before), **wanted}  # None removes a key
            table.update_field_metadata({"path": self._column, "metadata": metadata})

    def is_another(self, version: object) -> bool:
        """False: a table that was made again is known by its record; one that isn't there is an error."""
        self.table()
        return super().is_another(version)

    def lock(self, *, inserting: bool) -> Lock | None:
        """A file's lock in the folder, for an insert too."""
        del inserting
        if "://" in self._place:
            return None
        make_folder(Path(self._place))
        return FileSystemLock(Path(self._place) / "turnout.lock")

    def inserted(self, record: SpaceRecord) -> None:
        """Keep the record in the table that the first texts made."""
        self.write(record)

    def sample(self, number: int) -> list[Sample]:
        """Texts with their vectors, evenly over the table."""
        table = self.table()
        if table is None:
            return []
        places = spread(table.count_rows(), number)
        rows = table.take_offsets(places).to_arrow().to_pylist() if places else []
        return [(self._text(row), row[self._column]) for row in rows]

    def _metadata(self, table: Any) -> dict[str, str]:
        found = table.schema.field(self._column).metadata or {}
        return {key.decode(): value.decode() for key, value in found.items()}


class LanceChunks(Collection):
    """Reads and writes a table of chunks; a base of each framework's collection."""

    write_page: ClassVar[int] = 2048  # each write reads the ids that are there, and makes a version of the table
    lance: LanceTable

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk, a page at a time."""
        return (row.chunk for row in self.lance.every())

    def count(self) -> int:
        """How many chunks there are."""
        return int(self.lance.latest().count_rows())

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Those of the chunks that are there."""
        return {row.chunk.id: row.chunk for row in self.lance.with_ids(ids)}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        return {row.chunk.id: row.vector for row in self.lance.with_ids(ids, with_vectors=True)}

    def search(self, vector: Sequence[float], k: int) -> list[Chunk]:
        """The nearest chunks, nearest first."""
        self.lance.latest()
        return [row.chunk for row in self.lance.nearest(vector, k)]

    def delete(self, ids: Sequence[str]) -> None:
        """Remove chunks; ids that aren't there are left out."""
        if ids:
            self.lance.delete(one_of("id", ids))

    def drop(self) -> None:
        """Remove the table, for good."""
        self.lance.drop()

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        check_json(chunk, metadata, self.name)
        check_strings(chunk, metadata, self.name)


def _vectors(chunks: Sequence[EmbeddedChunk], kind: Any) -> Any:
    """The chunks' vectors as a column of Arrow's, without an object for each number."""
    import pyarrow as pa

    numbers = array("d")
    for chunk in chunks:
        numbers.extend(chunk.vector)
    doubles = pa.Array.from_buffers(pa.float64(), len(numbers), [None, pa.py_buffer(numbers)])
    return pa.FixedSizeListArray.from_arrays(doubles.cast(kind.value_type), type=kind)


def one_of(column: str, values: Iterable[str]) -> str:
    """The SQL condition that a column has one of some texts."""
    return f"{column} IN ({', '.join(map(quoted, values))})"


def quoted(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def metadata_text(key: str) -> str:
    """SQL for a key of the metadata, as JSON; null where a row hasn't got it."""
    return f"json_extract(metadata, {quoted(f'$[{json.dumps(key, ensure_ascii=False)}]')})"


def metadata_number(key: str) -> str:
    """SQL for a key of the metadata as a number; null where it is none."""
    return f"TRY_CAST({metadata_text(key)} AS DOUBLE)"


def metadata_equals(key: str, value: object) -> str:
    """The SQL condition that a key of the metadata has a value."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{metadata_number(key)} = {value!r}"
    as_kept = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{metadata_text(key)} = {quoted(as_kept)}"


def _columns(*, with_vectors: bool = False) -> list[str]:
    return ["id", "text", "content", *([VECTOR] if with_vectors else [])]


def _found(rows: Any) -> list[Found]:
    return [
        Found(Chunk(row["id"], row["text"], json.loads(row["content"])), row.get(VECTOR, ()), row.get("_distance", 0.0))
        for row in rows.to_pylist()
    ]
