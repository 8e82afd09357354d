"""The facts about models."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

import pytest

from turnout.facts.models import base_id, facts


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("gpt-5", "gpt-5"),
        ("gpt-5-mini-2025-08-07", "gpt-5"),
        ("gpt-5-chat-latest", "gpt-5-chat"),
        ("gpt-5.4", "gpt-5.4"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3"),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "anthropic.claude-opus-4"),
        ("claude-opus-5-5", "anthropic.claude-opus-5-5"),
        ("anthropic.claude-lyric-9", "anthropic.claude"),
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
    document = tomllib.loads(files("turnout.facts").joinpath("models.toml").read_text())
    for name in document["models"]:
        assert facts(name).source, name
        for source in facts(name).source:
            assert document["sources"][source]["seen"] >= "2026"


def test_every_chat_model_says_its_limits() -> None:
    document = tomllib.loads(files("turnout.facts").joinpath("models.toml").read_text())
    for name, entry in document["models"].items():
        if entry.get("kind") != "embedding":
            assert entry["output"] <= entry["context"], name


PACKAGED = ("langchain_aws.data._profiles", "langchain_openai.data._profiles", "langchain_anthropic.data._profiles")
OURS = re.compile(r"(anthropic\.claude|amazon\.nova|meta\.llama|mistral\.|openai\.gpt-oss|gpt-|o\d|claude)")
# Where models.dev says otherwise than the vendor, or than one of its own entries.
DISPUTED = {
    "gpt-4o-2024-05-13": "4,096 tokens, where later versions write 16,384",
    "openai.gpt-oss-120b": "Mantle's writes 131,072 and Converse's 128,000",
    "openai.gpt-oss-20b": "likewise",
    "us-gov.openai.gpt-oss-120b-1:0": "16,384 in GovCloud",
    "us-gov.openai.gpt-oss-20b-1:0": "likewise",
    "gpt-5.3-codex-spark": "a preview",
}


@pytest.mark.parametrize("module", PACKAGED)
def test_limits_are_those_that_the_integrations_are_packaged_with(module: str) -> None:
    """models.dev, by way of the installed packages; one that moves shows what has to be looked up again."""
    profiles = pytest.importorskip(module)._PROFILES
    told = {
        name: (said["max_input_tokens"], said["max_output_tokens"], said["image_inputs"], said["reasoning_output"])
        for name, said in profiles.items()
        if OURS.match(base_id(name)) and said.get("max_output_tokens") and name not in DISPUTED
    }
    kept = {name: facts(name) for name in told}
    # An id that is newer than the facts may only match the family's entry, or none.
    kept = {name: found for name, found in kept.items() if found.known and found.name != "anthropic.claude"}
    assert len(kept) > 10
    assert {name: (found.context, found.output, found.images, found.reasoning) for name, found in kept.items()} == {
        name: told[name] for name in kept
    }


def test_every_embedding_model_says_its_dimensions() -> None:
    document = tomllib.loads(files("turnout.facts").joinpath("models.toml").read_text())
    embedding = [facts(name) for name, entry in document["models"].items() if entry.get("kind") == "embedding"]
    assert len(embedding) >= 8
    assert all(found.dimensions and found.max_inputs for found in embedding)


def test_base_id_drops_region_and_arn() -> None:
    assert base_id("apac.amazon.nova-lite-v1:0") == "amazon.nova-lite-v1:0"
    assert base_id("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0") == "amazon.nova-lite-v1:0"
