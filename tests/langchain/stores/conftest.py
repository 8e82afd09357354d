"""Two embedding models of one length on two backends, a third of another length, and a PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.langchain.stores import kinds
from tests.langchain.stores.everywhere import EVERYWHERE, Anywhere, make_anywhere

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

_ROUTES = """
[embedding.default]
azure = { deployment = "ada", model = "text-embedding-ada-002" }
bedrock = "amazon.titan-embed-text-v1"
openai = "text-embedding-3-large"

[embedding.elsewhere]
azure = { deployment = "ada", model = "text-embedding-ada-002" }
openai = "text-embedding-ada-002"

[embedding.unknown]
azure = { deployment = "embed-small" }
bedrock = "amazon.titan-embed-text-v1"
"""


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    """The emulator's settings, with embedding routes of the same length on Azure and Bedrock."""
    text = fresh_emulator.settings_toml()
    return text[: text.index("[chat.")] + _ROUTES


@pytest.fixture(params=["in_memory", "chroma", "faiss", "pgvector", "pgvectorstore", "qdrant", "lancedb"])
def kind(request: pytest.FixtureRequest, tmp_path: Path, settings_file: Path) -> kinds.Kind:
    """Each kind of store."""
    return _kind(request, tmp_path)


@pytest.fixture(params=["in_memory", "chroma", "faiss", "pgvector_async", "pgvectorstore", "qdrant", "lancedb"])
def async_kind(request: pytest.FixtureRequest, tmp_path: Path, settings_file: Path) -> kinds.Kind:
    """Each kind of store, as it is used from an event loop."""
    return _kind(request, tmp_path)


@pytest.fixture(params=EVERYWHERE)
def anywhere(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Anywhere:
    """A guarded store of each kind, and a named index on each."""
    return make_anywhere(request.param, request, fresh_emulator, tmp_path, monkeypatch)


def _kind(request: pytest.FixtureRequest, tmp_path: Path) -> kinds.Kind:
    folder = tmp_path / "store"
    folder.mkdir()
    place = request.getfixturevalue("database") if request.param.startswith("pgvector") else folder
    made: kinds.Kind = getattr(kinds, request.param)(place)
    return made
