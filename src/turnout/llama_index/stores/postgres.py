"""PGVectorStore: the record is in the comment of its table, so that it is dumped, copied and dropped with it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy
from llama_index.core.schema import MetadataMode
from sqlalchemy.schema import DropTableComment, SetTableComment

from turnout.errors import EmbeddingSpaceError
from turnout.index.guard.keepers import Sample, StoreState, collection_gone
from turnout.index.guard.records import PREFIX, SpaceRecord
from turnout.llama_index.stores.keeper import SpaceKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from llama_index.vector_stores.postgres import PGVectorStore

_NO_NODE = "turnout: no node"
_DENIED = "42501"  # https://www.postgresql.org/docs/current/errcodes-appendix.html: insufficient_privilege


_EXPECTED: ContextVar[tuple[object, object]] = ContextVar("turnout_expected_comment", default=(None, None))


@contextmanager
def _expecting(store: PGVectorStore, comment: object) -> Iterator[None]:
    token = _EXPECTED.set((store, comment))
    try:
        yield
    finally:
        _EXPECTED.reset(token)


class _Customized:
    """Adds to a store's queries that the comment of its table is what is expected, if something is.

    Args:
        keeper: Of the store.
        given: What the application customises queries with.
    """

    def __init__(self, keeper: PostgresKeeper, given: Callable[..., Any] | None) -> None:
        self._keeper = keeper
        self._given = given

    def __call__(self, statement: Any, table: Any, /, *more: Any, **kwargs: Any) -> Any:
        if self._given is not None:
            statement = self._given(statement, table, *more, **kwargs)
        store, comment = _EXPECTED.get()
        return statement.where(self._keeper.comment == comment) if store is self._keeper.store else statement


class PostgresKeeper(SpaceKeeper):
    """LlamaIndex's `PGVectorStore`.

    Only the owner of a table may comment on it: so may only the owner adopt an index, or insert its first nodes.
    """

    in_query: ClassVar[bool] = True

    def __init__(self, store: PGVectorStore) -> None:
        self.store = store
        given = store._customize_query_fn  # noqa: SLF001  # what its constructor was given
        if not isinstance(given, _Customized):
            store._customize_query_fn = _Customized(self, given)  # noqa: SLF001

    @property
    def index(self) -> str:
        """The table's name, as the store was given it."""
        return self.store.table_name

    def version(self) -> object:
        """The table's comment.

        Raises:
            CollectionGoneError: There is no such table any more.
        """
        with self._engine().connect() as connection:
            found, comment = connection.execute(sqlalchemy.select(self.table, self.comment)).one()
        if found is None:
            raise collection_gone(self.index)
        return comment

    def expecting(self, mark: object) -> AbstractContextManager[None]:
        """Have searches find nothing while the block runs, if the table's comment is another one."""
        return _expecting(self.store, mark)

    @property
    def table(self) -> sqlalchemy.ColumnElement[Any]:
        """The table in a query; NULL if there is none."""
        return sqlalchemy.func.to_regclass(self._table)

    @property
    def comment(self) -> sqlalchemy.ColumnElement[str]:
        """The table's comment in a query."""
        return sqlalchemy.func.coalesce(sqlalchemy.func.obj_description(self.table, "pg_class"), "")

    def state(self) -> StoreState:
        """The record in the table's comment.

        Raises:
            CollectionGoneError: There is no such table any more.
        """
        with self._engine().connect() as connection:
            if connection.scalar(sqlalchemy.select(self.table)) is None:
                raise collection_gone(self.index)
            comment = self._comment(connection)
            length = connection.scalar(
                sqlalchemy.text(f"SELECT vector_dims(embedding) FROM {self._table} WHERE embedding IS NOT NULL LIMIT 1")  # noqa: S608
            )
        kept = _record_line(comment)
        record = SpaceRecord.from_text(kept, index=self.index) if kept else None
        return StoreState(
            record, empty=length is None, dimensions=self.store.embed_dim if length is None else int(length)
        )

    def write(self, record: SpaceRecord | None) -> None:
        """Change the comment, and leave its other lines.

        Raises:
            EmbeddingSpaceError: The role of the connection may not comment on the table.
        """
        with self._engine().begin() as connection:
            connection.execute(sqlalchemy.text(f"LOCK TABLE {self._table} IN SHARE UPDATE EXCLUSIVE MODE"))
            comment = self._comment(connection)
            lines = [line for line in comment.splitlines() if line != _record_line(comment)]
            said = "\n".join([*lines, *([record.to_text()] if record else [])])
            table = sqlalchemy.Table(self._name, sqlalchemy.MetaData(), schema=self.store.schema_name, comment=said)
            try:
                connection.execute(SetTableComment(table) if said else DropTableComment(table))
            except sqlalchemy.exc.DBAPIError as error:
                if getattr(error.orig, "sqlstate", getattr(error.orig, "pgcode", None)) != _DENIED:
                    raise
                fix = f"write or adopt it once as the owner of the table {self._table}"
                msg = f"this role may not keep the record of {self.index!r}, which is in its table's comment: {fix}"
                raise EmbeddingSpaceError(msg, index=self.index, fix=fix) from error

    def sample(self, number: int) -> list[Sample]:
        """Texts and vectors, chosen at random by the database."""
        with self._engine().connect() as connection:
            chosen = connection.scalars(
                sqlalchemy.text(f"SELECT node_id FROM {self._table} ORDER BY random() LIMIT :number"),  # noqa: S608
                {"number": number},
            ).all()
        nodes = self.store.get_nodes(node_ids=list(chosen)) if chosen else []
        return [(node.get_content(MetadataMode.EMBED), node.get_embedding()) for node in nodes]

    def _engine(self) -> sqlalchemy.Engine:
        if self.store.client is None:  # it connects, and makes its table, when it is first asked for something
            self.store.get_nodes(node_ids=[_NO_NODE])
        engine: sqlalchemy.Engine = self.store.client
        return engine

    @property
    def _table(self) -> str:
        quote = self.store.client.dialect.identifier_preparer.quote
        return f"{quote(self.store.schema_name)}.{quote(self._name)}"

    @property
    def _name(self) -> str:
        return f"data_{self.store.table_name}"  # what LlamaIndex makes of it

    def _comment(self, connection: sqlalchemy.Connection) -> str:
        found = sqlalchemy.inspect(connection).get_table_comment(self._name, schema=self.store.schema_name)
        return found["text"] or ""


def _record_line(comment: str) -> str | None:
    """The line of a comment that is a record, whole or not."""
    for line in comment.splitlines():
        if line.startswith("{") and PREFIX in line:
            return line
    return None
