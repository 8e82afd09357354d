"""A framework registers what opens a named index's collections; the core knows none."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.index.conftest import settings_text
from turnout.errors import SettingsError
from turnout.index import frameworks
from turnout.reindex import NamedIndex

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

_SEEN = """
import sys
import turnout.{name}
from turnout.index import frameworks

PACKAGES = {{"chromadb", "faiss", "pgvector", "langchain_chroma", "langchain_community", "langchain_postgres"}}
PACKAGES |= {{"qdrant_client", "langchain_qdrant", "lancedb", "pyarrow"}}
assert not PACKAGES & set(sys.modules)
assert callable(__import__(frameworks._MODULES["{name}"], fromlist=["stores"]).open_collection)
assert not PACKAGES & set(sys.modules)
"""


@pytest.mark.parametrize("name", ["langchain", "llama_index"])
def test_importing_a_framework_registers_it_and_loads_no_store(name: str) -> None:
    subprocess.run([sys.executable, "-c", _SEEN.format(name=name)], check=True, timeout=60)


def test_an_index_of_a_framework_that_is_not_imported_says_what_to_import(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = f'[index.docs]\nstore = "chroma"\npath = "{tmp_path / "index"}"\n'
    file = tmp_path / "turnout.toml"
    file.write_text(settings_text(fresh_emulator, index), encoding="utf-8")
    monkeypatch.setattr(frameworks, "_MODULES", {})
    with pytest.raises(SettingsError, match=r"opened by turnout\.langchain; import that first"):
        NamedIndex("docs", file).reindex("bedrock")
