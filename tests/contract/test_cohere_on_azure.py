"""Cohere's embedding models on Azure: Cohere's own API, in both frameworks, and the space that Bedrock's have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.schema import TextNode

import turnout.langchain.index as langchain_index
import turnout.llama_index.index as llama_index_index
from tests.contract.test_unreadable import ANYWHERE, as_json
from tests.contract.test_unreadable_vectors import BAD
from tests.providers.test_clients import AZURE_KEY, entra
from tests.support.frameworks import FRAMEWORKS, Embedding
from turnout.errors import (
    AuthenticationError,
    ContextOverflowError,
    NotFoundError,
    RateLimitError,
    ServiceAnswerError,
    SettingsError,
)
from turnout.facts.spaces import space_of
from turnout.routing import resolve
from turnout.settings import Settings
from turnout_emulator import Failure, Raw

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

PAIRS = {
    "cohere-english": ("Cohere-embed-v3-english", "cohere.embed-english-v3"),
    "cohere-multilingual": ("Cohere-embed-v3-multilingual", "cohere.embed-multilingual-v3"),
    "cohere-v4": ("embed-v-4-0", "us.cohere.embed-v4:0"),
}
TEXTS = [f"passage {number}" for number in range(200)]


def settings(emulator: Emulator, deployment: str, model: str, bedrock: str = "", **more: Any) -> Settings:
    azure: dict[str, Any] = {"provider": "azure", "endpoint": emulator.azure.url, **more}
    aws = {"provider": "bedrock", "endpoint": emulator.bedrock.url, "region": "us-east-1", "bearer_token": None}
    keys = emulator.environment("bedrock")
    aws |= {"access_key_id": keys["AWS_ACCESS_KEY_ID"], "secret_access_key": keys["AWS_SECRET_ACCESS_KEY"]}
    targets: dict[str, Any] = {"azure": {"deployment": deployment, "model": model}}
    if bedrock:
        targets["bedrock"] = {"model": bedrock}
    return Settings.model_validate(
        {
            "backend": "azure",
            "backends": {"azure": azure, "bedrock": aws},
            "embedding": {"default": targets},
            "source": "turnout.toml",
        }
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("deployment", PAIRS)
def test_the_vectors_are_those_of_bedrock(fresh_emulator: Emulator, framework: str, deployment: str) -> None:
    made = settings(fresh_emulator, deployment, *PAIRS[deployment], api_key=AZURE_KEY)
    azure, bedrock = (Embedding(framework, settings=made, backend=name) for name in ("azure", "bedrock"))
    assert azure.texts(TEXTS) == bedrock.texts(TEXTS)
    assert azure.query("a passage") == bedrock.query("a passage") == asyncio.run(azure.aquery("a passage"))
    assert azure.query("a passage") != azure.texts(["a passage"])[0]
    spaces = {name: space_of(resolve(kind="embedding", backend=name, settings=made)) for name in ("azure", "bedrock")}
    assert spaces["azure"] == spaces["bedrock"]
    sent = [request for request in fresh_emulator.requests if request.service == "azure"]
    assert {request.path for request in sent} == {"/providers/cohere/v2/embed"}
    assert {request.wire for request in sent} == {"cohere-embed"}
    assert {request.headers.get("api-key") for request in sent} == {AZURE_KEY}
    assert max(len(request.body["texts"]) for request in sent) == 96
    assert {request.body["input_type"] for request in sent} == {"search_document", "search_query"}


_INDEX = """
[embedding.default]
azure = {{ deployment = "cohere-v4", model = "embed-v-4-0" }}
bedrock = "us.cohere.embed-v4:0"

[index.docs]
store = "chroma"
path = "chroma"
framework = "{framework}"
"""


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_index_moves_between_the_clouds(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, framework: str
) -> None:
    text = fresh_emulator.settings_toml()
    path = tmp_path / "turnout.toml"
    path.write_text(text[: text.index("[embedding.")] + _INDEX.format(framework=framework))
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    texts, question = ["Keys are rotated in March.", "The depot opens at seven."], "When does the depot open?"
    if framework == "langchain":
        documents = langchain_index.TurnoutIndex("docs")
        documents.add_texts(texts)
        fresh_emulator.clear()
        monkeypatch.setenv("TURNOUT_BACKEND", "azure")
        found = documents.similarity_search(question, k=1)[0].page_content
    else:
        nodes = llama_index_index.TurnoutIndex("docs")
        nodes.insert_nodes([TextNode(text=one) for one in texts])
        fresh_emulator.clear()
        monkeypatch.setenv("TURNOUT_BACKEND", "azure")
        found = nodes.as_retriever(similarity_top_k=1).retrieve(question)[0].text
    assert found == texts[1]
    assert [request.body["texts"] for request in fresh_emulator.requests] == [[question]]


UNREADABLE: dict[str, Raw] = {
    **ANYWHERE,
    "no vectors": as_json({"embeddings": None}),
    "a list of vectors": as_json({"embeddings": [[1.0] * 1024]}),
    **{f"vectors: {name}": as_json({"embeddings": {"float": vectors}}) for name, vectors in BAD.items()},
}


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("form", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_vectors_is_one_error(fresh_emulator: Emulator, form: Raw, framework: str, way: str) -> None:
    made = settings(fresh_emulator, "cohere-english", "Cohere-embed-v3-english", api_key=AZURE_KEY)
    embedding = Embedding(framework, settings=made, max_retries=1)

    def asked() -> list[float]:
        return embedding.query("x") if way == "sync" else asyncio.run(embedding.aquery("x"))

    fresh_emulator.queue(form)
    assert len(asked()) == 1024
    fresh_emulator.queue(form, form)
    with pytest.raises(ServiceAnswerError) as caught:
        asked()
    assert caught.value.attempts == 2
    assert not fresh_emulator.pending


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_embed_5_indexes_with_one_and_asks_with_the_other(fresh_emulator: Emulator, framework: str) -> None:
    pro = settings(fresh_emulator, "cohere-v5", "Cohere-Embed-V5-Pro", api_key=AZURE_KEY)
    fast = settings(fresh_emulator, "cohere-v5-fast", "Cohere-Embed-V5-Fast", api_key=AZURE_KEY)
    assert Embedding(framework, settings=pro).query("x") == Embedding(framework, settings=fast).query("x")
    assert len({str(space_of(resolve(kind="embedding", settings=made))) for made in (pro, fast)}) == 1
    short = Embedding(framework, settings=pro, dimensions=768)
    assert len(short.query("x")) == fresh_emulator.requests[-1].body["output_dimension"] == 768
    with pytest.raises(SettingsError, match="asks 'Cohere-Embed-V5-Pro' for 100 dimensions"):
        Embedding(framework, settings=pro, dimensions=100).query("x")


def test_openais_api_does_not_serve_embed_5(fresh_emulator: Emulator) -> None:
    made = settings(fresh_emulator, "cohere-v5", "Cohere-Embed-V5-Pro", api_key=AZURE_KEY)
    target = made.embedding["default"]["azure"].model_copy(update={"wire": "openai-embeddings"})
    forced = made.model_copy(update={"embedding": {"default": {"azure": target}}})
    with pytest.raises(SettingsError, match="is served on cohere-embed alone"):
        resolve(kind="embedding", settings=forced)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_token_of_entra(fresh_emulator: Emulator, framework: str) -> None:
    made = settings(fresh_emulator, "cohere-v4", "embed-v-4-0", **entra(fresh_emulator))
    embedding = Embedding(framework, settings=made)
    assert embedding.query("x") == asyncio.run(embedding.aquery("x"))
    assert {request.auth for request in fresh_emulator.requests if request.service == "azure"} == {"entra"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", ["sync", "async"])
def test_its_errors_are_turnouts(fresh_emulator: Emulator, framework: str, way: str) -> None:
    def asked(deployment: str = "cohere-english", text: str = "x", key: str = AZURE_KEY) -> list[float]:
        made = settings(fresh_emulator, deployment, "Cohere-embed-v3-english", api_key=key)
        embedding = Embedding(framework, settings=made, max_retries=0)
        return embedding.query(text) if way == "sync" else asyncio.run(embedding.aquery(text))

    with pytest.raises(AuthenticationError):
        asked(key="wrong")
    with pytest.raises(NotFoundError, match="providers/cohere"):
        asked("nothing-here")
    with pytest.raises(ContextOverflowError, match="too many tokens: max number of tokens is 512"):
        asked(text="word " * 600)
    fresh_emulator.queue(Failure.rate_limited(retry_after=7))
    with pytest.raises(RateLimitError) as caught:
        asked()
    assert caught.value.retry_after == 7
