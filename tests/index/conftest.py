"""An index in two spaces: long vectors on Azure, short ones on Bedrock."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import pytest

from turnout.embedding.embedder import Embedder
from turnout.routing import resolve
from turnout.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from turnout_emulator import Emulator

ROUTES = """
[embedding.default]
azure = { deployment = "embed-small", model = "text-embedding-3-small", dimensions = 64 }
bedrock = { model = "amazon.titan-embed-text-v2:0", dimensions = 256 }
openai = { model = "text-embedding-ada-002" }
"""


def settings_text(emulator: Emulator, index: str = "") -> str:
    text = emulator.settings_toml()
    return text[: text.index("[chat.")] + ROUTES + index


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return settings_text(fresh_emulator)


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Processes that begin with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            *("tests.index.worker", "tests.index.data.killed", "tests.index.data.warm"),
            *("turnout.llama_index.index", "turnout.llama_index.stores.chroma", "turnout.llama_index.stores.postgres"),
            *("turnout.langchain.index", "turnout.langchain.stores.chroma", "turnout.langchain.stores.pgvector"),
            *("turnout.langchain.stores.qdrant", "turnout.llama_index.stores.qdrant"),
            *("pyarrow.dataset", "pandas", "lance_namespace"),  # of LanceDB, which has a thread from its import on
            *("langchain_chroma", "faiss", "botocore.session", "aiohttp", "openai.resources", "openai.lib.streaming"),
        ]
    )
    return context


@pytest.fixture
def embedder(settings_file: Path) -> Callable[[str], Embedder]:
    """Backend → its embedder."""

    def made(backend: str) -> Embedder:
        settings = load_settings(settings_file)
        return Embedder(resolve(kind="embedding", backend=backend, settings=settings), settings, max_retries=0)

    return made
