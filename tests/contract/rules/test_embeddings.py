"""Texts to embed, as the services take them, in both frameworks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.embedding.test_large_requests import TABLE
from tests.support.frameworks import FRAMEWORKS, Embedding
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

FRAMEWORK = pytest.mark.parametrize("framework", FRAMEWORKS)


@FRAMEWORK
def test_tables_of_digits_go_in_halves(framework: str, fresh_emulator: Emulator, settings_file: Path) -> None:
    """A text has a token a byte at most, and requests are filled by half of that."""
    del settings_file
    embedding = Embedding(framework, model="azure:embed-small")
    texts = [f"{number} {TABLE}" for number in range(60)]
    vectors = embedding.texts(texts)
    statuses = [request.status for request in fresh_emulator.requests]
    assert (statuses.count(400), statuses.count(200)) == (1, 2)
    assert vectors[59] == embedding.texts([texts[59]])[0]


@FRAMEWORK
@pytest.mark.parametrize("model", ["azure:embed-small", "bedrock:amazon.titan-embed-text-v2:0"])
def test_half_of_a_surrogate_pair_is_named(
    framework: str, model: str, fresh_emulator: Emulator, settings_file: Path
) -> None:
    del settings_file
    embedding, said = Embedding(framework, model=model), "has half of a surrogate pair at character 5"
    with pytest.raises(InvalidRequestError, match=f"text 1 {said}"):
        embedding.texts(["fine", "lamp \ud83d", "fine, too"])
    for ask in (embedding.query, lambda text: asyncio.run(embedding.aquery(text))):
        with pytest.raises(InvalidRequestError, match=f"text 0 {said}"):
            ask("lamp \ud83d")
    assert not fresh_emulator.requests
