"""What comes with success and is no vectors: one typed error on every wire, in both frameworks, asked again once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.test_unreadable import ANYWHERE, as_json, outcome
from turnout.embedding.embedder import Embedder
from turnout.errors import ServiceAnswerError
from turnout.langchain import TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding
from turnout.routing import resolve
from turnout.settings import load_settings
from turnout_emulator import Emulator, Raw

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "the harbour"
NAN, HUGE = float("nan"), float("inf")


pytestmark = pytest.mark.usefixtures("settings_file", "no_backoff")


def openai(*vectors: Any) -> Raw:
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    return as_json({"object": "list", "data": data, "model": "m"})


BAD: dict[str, list[Any]] = {
    "null": [None],
    "a number": [5],
    "empty": [[]],
    "text for a number": [["1.0"] * 1024],
    "not a number": [[NAN] * 1024],
    "infinite": [[HUGE] * 1024],
    "too deep": [[[1.0] * 1024]],
    "none": [],
    "too many": [[1.0] * 1024, [1.0] * 1024],
}
FORMS: dict[str, dict[str, Raw]] = {
    "openai:text-embedding-3-small": {
        **ANYWHERE,
        **{name: openai(*vectors) for name, vectors in BAD.items()},
        "no base64": openai("no numbers"),
        "data null": as_json({"data": None}),
        "data of none": as_json({"data": [None]}),
    },
    "bedrock:amazon.titan-embed-text-v2:0": {
        **ANYWHERE,
        **{name: as_json({"embedding": vectors[0]}) for name, vectors in BAD.items() if len(vectors) == 1},
    },
    "bedrock:cohere.embed-english-v3": {
        "null": as_json("null"),
        "an empty object": as_json("{}"),
        **{f"vectors: {name}": as_json({"embeddings": vectors}) for name, vectors in BAD.items()},
    },
    "bedrock:amazon.nova-2-multimodal-embeddings-v1:0": {
        "null": as_json("null"),
        "an empty object": as_json("{}"),
        **{
            f"vectors: {name}": as_json({"embeddings": [{"embedding": vector} for vector in vectors]})
            for name, vectors in BAD.items()
        },
    },
}
WAYS: dict[str, Callable[[str], list[float]]] = {
    "LangChain": lambda model: TurnoutEmbeddings(model=model, max_retries=1).embed_documents([TEXT])[0],
    "LangChain async": lambda model: asyncio.run(
        TurnoutEmbeddings(model=model, max_retries=1).aembed_documents([TEXT])
    )[0],
    "LlamaIndex": lambda model: TurnoutEmbedding(model=model, max_retries=1).get_text_embedding(TEXT),
    "LlamaIndex async": lambda model: asyncio.run(
        TurnoutEmbedding(model=model, max_retries=1).aget_text_embedding(TEXT)
    ),
}
CASES = [
    pytest.param(model, form, id=f"{model.partition(':')[2]}-{name}")
    for model, forms in FORMS.items()
    for name, form in forms.items()
]


@pytest.mark.parametrize(("model", "form"), CASES)
def test_vectors(fresh_emulator: Emulator, model: str, form: Raw) -> None:
    right, problems = WAYS["LangChain"](model), {}
    for how, ask in WAYS.items():
        once, left = outcome(fresh_emulator, lambda ask=ask: ask(model), form)  # type: ignore[misc]
        if once != right or left:
            problems[how] = f"once: {once!r:.300}"
        always, left = outcome(fresh_emulator, lambda ask=ask: ask(model), form, form)  # type: ignore[misc]
        if not isinstance(always, ServiceAnswerError) or always.attempts != 2 or left or len(str(always)) > 3_000:
            problems[how] = f"always: {always!r:.300}"
    assert not problems


def test_one_among_many_is_asked_again(fresh_emulator: Emulator) -> None:
    settings = load_settings()
    made = Embedder(resolve("bedrock:amazon.titan-embed-text-v2:0", kind="embedding", settings=settings), settings)
    texts = [f"text {number}" for number in range(100)]
    expected = made.embed(texts)
    fresh_emulator.queue(as_json("{}"), as_json({"embedding": [NAN]}), as_json(json.dumps({"embedding": [1.0]})[:9]))
    assert made.embed(texts) == expected
    assert not fresh_emulator.pending
