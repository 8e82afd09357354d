"""Two embedding models of one length on two backends, a third of another length, and each kind of store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.llama_index.stores import kinds
from tests.llama_index.stores.everywhere import EVERYWHERE, Anywhere, make_anywhere

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
bedrock = "cohere.embed-english-v3"
"""


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    """The emulator's settings, with embedding routes of the same length on Azure and Bedrock."""
    text = fresh_emulator.settings_toml()
    return text[: text.index("[chat.")] + _ROUTES


@pytest.fixture(params=["Simple", "Chroma", "Postgres", "Qdrant", "Lance"])
def kind(request: pytest.FixtureRequest, tmp_path: Path, settings_file: Path) -> kinds.Kind:
    """Each kind of store."""
    place = request.getfixturevalue("database") if request.param == "Postgres" else tmp_path / "store"
    made: kinds.Kind = getattr(kinds, request.param)(place)
    return made


@pytest.fixture(params=EVERYWHERE)
def anywhere(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Anywhere:
    """An index on each kind of store, bare and guarded, and a named index on each."""
    return make_anywhere(request.param, request, fresh_emulator, tmp_path, monkeypatch)
