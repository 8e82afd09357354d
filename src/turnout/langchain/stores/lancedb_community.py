"""langchain-community's `LanceDB`: the record is in the metadata of the table's column of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from turnout.errors import EmbeddingSpaceError
from turnout.index.guard.keepers import collection_gone
from turnout.index.lancedb import LanceRecordKeeper
from turnout.index.store_kinds import StoreKind
from turnout.langchain.stores import SpaceKeeper
from turnout.langchain.upstream import lancedb_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_community.vectorstores import LanceDB


class _CommunityKeeper(LanceRecordKeeper, SpaceKeeper):
    """A store that opens its table for each call, and makes it with its first texts."""

    has_embeddings: ClassVar[bool] = False

    def __init__(self, store: LanceDB) -> None:
        self.store = store
        self._name, self.vector_column, self._text_column, self._place = lancedb_names(store)
        self._seen = False
        if store.mode == "overwrite":
            fix = "LanceDB(…, mode='append')"
            msg = (
                f"the LanceDB {self._name!r} has mode='overwrite', LangChain's default: each time that texts are "
                f"added, they replace all that is there, the record of their space too. Use {fix}"
            )
            raise EmbeddingSpaceError(msg, index=self._name, fix=fix)

    @property
    def index(self) -> str:
        return self._name

    @property
    def place(self) -> str:
        return self._place

    def table(self) -> Any | None:
        found = self.store.get_table()
        if found is None and self._seen:
            raise collection_gone(self._name)
        self._seen = found is not None
        return found

    def text(self, row: Mapping[str, Any]) -> str:
        return str(row[self._text_column] or "")


KIND = StoreKind(_CommunityKeeper)
