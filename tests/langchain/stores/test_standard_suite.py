"""LangChain's standard tests of a vector store, on each kind of store: bare, behind the guard, and as a named index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from tests.langchain.stores.everywhere import KINDS, make_bare
from turnout.langchain import guarded

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.vectorstores import VectorStore

    from tests.langchain.places import Place

_TAKEN = "FAISS adds no id that it has: ValueError, 'Tried to add ids that already exist'"
_GONE = "FAISS deletes no id that it hasn't: ValueError, 'Some specified ids do not exist'"
CANNOT = {
    "faiss": {
        "test_add_documents_with_ids_is_idempotent": _TAKEN,
        "test_add_documents_by_id_with_mutation": _TAKEN,
        "test_delete_missing_content": _GONE,
    }
}
"""Kind → test → why the store itself fails it, bare as well as guarded; its asynchronous form, too."""


class TestStores(VectorStoreIntegrationTests):
    """The stores, bare and behind the guard. A PGVector is synchronous or asynchronous, as the test is."""

    @pytest.fixture(params=KINDS)
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> VectorStore:
        kind, test = request.param, request.function.__name__
        if why := CANNOT.get(kind, {}).get(test.removesuffix("_async")):
            request.applymarker(pytest.mark.xfail(reason=why, raises=ValueError, strict=True))
        return make_bare(request, kind, self.get_embeddings(), 6, tmp_path)

    @pytest.fixture(params=["bare", "guarded"])
    def vectorstore(self, request: pytest.FixtureRequest, store: VectorStore) -> VectorStore:
        return store if request.param == "bare" else guarded(store, space="fake/6")


class TestNamedIndexes(VectorStoreIntegrationTests):
    """A named index passes all of it, whatever its store fails."""

    @pytest.fixture
    def vectorstore(self, place: Place) -> VectorStore:
        return place.open()
