"""The facts about models."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from turnout.models import base_id, facts


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("gpt-5", "gpt-5"),
        ("gpt-5-mini-2025-08-07", "gpt-5"),
        ("gpt-5-chat-latest", "gpt-5-chat"),
        ("gpt-5.4", "gpt-5.4"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude"),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0", "amazon.nova-micro"),
        ("global.cohere.embed-v4:0", "cohere.embed-v4"),
        ("text-embedding-3-small", "text-embedding-3-small"),
        ("amazon.nova-2-multimodal-embeddings-v1:0", "amazon.nova-2-multimodal-embeddings"),
    ],
)
def test_the_longest_entry_wins(model: str, entry: str) -> None:
    assert facts(model).name == entry
    assert facts(model).known


@pytest.mark.parametrize("model", ["", "gpt-50", "gpt", "my-own-model", "text-embedding-3-smaller"])
def test_an_unknown_model_gets_no_others_facts(model: str) -> None:
    assert not facts(model).known


def test_a_known_model_names_its_sources_and_each_source_is_dated() -> None:
    document = tomllib.loads(files("turnout").joinpath("models.toml").read_text())
    for name in document["models"]:
        assert facts(name).source, name
        for source in facts(name).source:
            assert document["sources"][source]["seen"] >= "2026"


def test_every_embedding_model_says_its_dimensions() -> None:
    document = tomllib.loads(files("turnout").joinpath("models.toml").read_text())
    embedding = [facts(name) for name, entry in document["models"].items() if entry.get("kind") == "embedding"]
    assert len(embedding) >= 8
    assert all(found.dimensions and found.max_inputs for found in embedding)


def test_base_id_drops_region_and_arn() -> None:
    assert base_id("apac.amazon.nova-lite-v1:0") == "amazon.nova-lite-v1:0"
    assert base_id("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0") == "amazon.nova-lite-v1:0"
