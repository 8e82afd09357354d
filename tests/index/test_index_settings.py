"""The table of a named index, and what its collections are called."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import SettingsError, UnknownBackendError
from turnout.facts.spaces import EmbeddingSpace, collection_name
from turnout.settings import IndexSettings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
backend = "azure"
[backends.azure]
endpoint = "https://contoso.openai.azure.com/"
[backends.bedrock]
region = "us-east-1"
[embedding.default]
azure = { deployment = "embed", model = "text-embedding-3-small" }
bedrock = "amazon.titan-embed-text-v2:0"
[index.docs]
"""
INDEX = 'store = "chroma"\npath = "./index"\nsource = "docs"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    below = tmp_path / "app"
    below.mkdir()
    monkeypatch.chdir(below)
    path = tmp_path / "turnout.toml"
    path.write_text(FILE + INDEX + 'also = ["bedrock"]\n')
    return path


def test_paths_begin_at_the_settings_file(file: Path) -> None:
    docs = load_settings().index["docs"]
    assert docs.path == str(file.parent / "index")
    assert docs.source == str(file.parent / "docs")
    assert (docs.opened_with, docs.fill, docs.also) == ("langchain", "refuse", ("bedrock",))


def test_the_environment_says_another_place_and_the_password(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_INDEX__DOCS__CONNECTION", "postgresql+psycopg://me:hush@db/docs")
    monkeypatch.setenv("TURNOUT_INDEX__DOCS__STORE", "pgvector")
    monkeypatch.setenv("TURNOUT_INDEX__DOCS__ALSO", "azure, bedrock")
    settings = load_settings()
    docs = settings.index["docs"]
    assert docs.connection is not None
    assert docs.connection.get_secret_value().endswith("hush@db/docs")
    assert docs.also == ("azure", "bedrock")
    assert "hush" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('store = "chroma"', "needs path"),
        ('store = "pgvector"', "needs connection"),
        ('store = "qdrant"', "a qdrant index needs path, the folder that it is in, or connection, its server"),
        ('store = "lancedb"\nconnection = "x"', "a lancedb index needs path"),
        ('store = "pinecone"', "index.docs.store"),
        ('store = "simple"\npath = "x"\nframework = "langchain"', "simple index is LlamaIndex's"),
        ('store = "faiss"\npath = "x"\nframework = "llama_index"', "LangChain's integration"),
        (INDEX + 'manifest = "postgresql://host/name"', "manifest is for an index on a chroma or qdrant server"),
        ('store = "pgvector"\nconnection = "x"\nmanifest = "y"', "this one has its manifest in its database"),
        (INDEX + 'fil = "refuse"', "unknown key (did you mean 'fill'"),
        (INDEX + 'embedding = "defualt"', "unknown embedding route 'defualt' (did you mean 'default'"),
    ],
)
def test_a_mistake_is_named_with_its_fix(file: Path, table: str, said: str) -> None:
    file.write_text(FILE + table)
    with pytest.raises(SettingsError, match=re.escape(said)):
        load_settings()


def test_a_backend_that_is_not_there_is_named(file: Path) -> None:
    file.write_text(FILE + INDEX + 'also = ["bedrok"]')
    with pytest.raises(UnknownBackendError, match=r"index\.docs\.also.*did you mean 'bedrock'"):
        load_settings()


def test_simple_is_llama_index_s() -> None:
    assert IndexSettings(store="simple", path="x").opened_with == "llama_index"


names = st.from_regex(r"[a-z][a-z0-9_-]{0,39}", fullmatch=True)
spaces = st.builds(
    EmbeddingSpace,
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.integers(1, 99999),
    st.from_regex(r"([a-z0-9][a-z0-9.-]{0,40})?", fullmatch=True),
)


@given(names, spaces, names, spaces)
def test_every_store_takes_the_name_of_a_collection_and_no_two_share_one(
    index: str, space: EmbeddingSpace, other: str, another: EmbeddingSpace
) -> None:
    name = collection_name(index, space)
    assert re.fullmatch(r"[a-z][a-z0-9_]{2,55}", name)
    assert (name == collection_name(other, another)) == ((index, space) == (other, another))


def test_the_name_can_be_read_and_stays() -> None:
    name = collection_name("docs", EmbeddingSpace("text-embedding-3-small", 1536))
    digest = hashlib.sha256(b"docs\ntext-embedding-3-small/1536").hexdigest()[:10]
    assert name == f"docs_text_embedding_3_small_1536_{digest}"


def test_a_name_needs_the_dimensions() -> None:
    with pytest.raises(SettingsError, match="dimensions"):
        collection_name("docs", EmbeddingSpace("acme"))


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
@pytest.mark.parametrize(("store", "packages"), [("qdrant", ["qdrant_client"]), ("lancedb", ["lancedb", "pyarrow"])])
def test_a_store_whose_packages_are_missing_names_the_extra(
    framework: str, store: Literal["qdrant", "lancedb"], packages: list[str], tmp_path: Path
) -> None:
    settings = f"IndexSettings(store={store!r}, path={str(tmp_path)!r}, allow_pickle=True)"
    opens = (
        f"import sys; sys.modules.update(dict.fromkeys({packages}))\n"
        "from turnout.settings import IndexSettings\nfrom turnout.facts.spaces import EmbeddingSpace\n"
        f"from turnout.{framework}.stores import open_collection\n"
        f"open_collection({settings}, 'docs', EmbeddingSpace('m', 3), create=True)"
    )
    done = subprocess.run([sys.executable, "-c", opens], capture_output=True, text=True, timeout=120, check=False)
    extra = f"turnout[{framework.replace('_', '-')}-{store}]"
    assert f"MissingExtraError: a {store} index needs {packages[0]}: pip install '{extra}'" in done.stderr
