"""The facts about models."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib.resources import files

import pytest

from tests.facts import published
from turnout.facts.models import base_id, facts, price_of

DOCUMENT = files("turnout.facts").joinpath("models.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("gpt-5", "gpt-5"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("gpt-5-chat-latest", "gpt-5-chat"),
        ("gpt-5.4", "gpt-5.4"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku"),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "anthropic.claude-opus-4-1"),
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
    document = tomllib.loads(DOCUMENT)
    for name in document["models"]:
        assert facts(name).source, name
        for source in facts(name).source:
            assert document["sources"][source]["seen"] >= "2026"


def test_every_chat_model_says_its_limits() -> None:
    document = tomllib.loads(DOCUMENT)
    for name in document["models"]:
        if facts(name).kind == "chat":
            assert facts(name).output is not None, name
            assert 0 < (facts(name).output or 0) <= facts(name).context, name


@pytest.mark.parametrize("package", published.PROFILES)
def test_facts_are_those_that_the_integrations_are_packaged_with(package: str) -> None:
    """models.dev, by way of the installed packages; one that moves shows what has to be looked up again."""
    pytest.importorskip(f"{package}.data._profiles")
    table = published.profiles(package)
    assert len(table) > 10
    assert list(published.differences(table)) == []


def test_a_difference_and_a_missing_model_are_seen() -> None:
    says = {"context": 1_000, "images": True, "efforts": ["minimal", "low", "medium", "high"], "retires": "2027-02-09"}
    table = [
        published.Published("a table", "gpt-5", "azure", says),
        published.Published("a table", "gpt-5", "azure", says),
        published.Published("a table", "my-own-model", "azure", {}),
    ]
    assert list(published.differences(table)) == [
        "gpt-5 (azure): context is 272000, a table says 1000",
        "my-own-model (azure): no facts; a table has it",
    ]


def test_a_disputed_difference_says_why() -> None:
    assert all(why for reasons in published.DISPUTED.values() for why in reasons.values())
    for fact in {fact for reasons in published.DISPUTED.values() for fact in reasons} - {"missing"}:
        assert hasattr(facts("gpt-5"), fact)


@pytest.mark.parametrize(
    ("model", "strictest"),
    [
        ("claude-opus-4-9", {"tool_choice": ("auto",), "temperature": False, "prefill": False, "context": 200_000}),
        ("claude-opus-4-9", {"one_sampling": True, "thinks_always": True}),
        ("gpt-5.7", {"chat_tools": "none_alone", "efforts": ("low", "medium", "high"), "wires": (), "tools": True}),
        ("gpt-5.7-pro", {"wires": ("openai-responses",), "structured": False}),
        ("gpt-5.9-codex", {"wires": ("openai-responses",), "efforts": ("low", "medium", "high")}),
        ("amazon.nova-3-lite-v1:0", {"family": "nova", "reasoning": False, "context": 128_000}),
    ],
)
def test_a_new_version_gets_the_strictest_facts_of_its_line(model: str, strictest: dict[str, object]) -> None:
    found = facts(model)
    assert found.known
    assert {name: getattr(found, name) for name in strictest} == strictest


@pytest.mark.parametrize(
    ("model", "context", "output"),
    [
        *((model, 922_000, 128_000) for model in ("gpt-5.4", "gpt-5.5", "gpt-5.6-sol", "gpt-6-sol")),
        *((model, 272_000, 128_000) for model in ("gpt-5.3-codex", "gpt-5.4-mini", "gpt-5.4-nano")),
        *((f"claude-{name}", 1_000_000, 128_000) for name in ("mythos-5", "mythos-5-1", "mythos-preview", "fable-5-2")),
        ("gpt-5.1-chat", 111_616, 16_384),  # of 128,000 in all
        ("o1-mini", 128_000, 65_536),
        ("amazon.nova-2-lite-v1:0", 1_000_000, 64_000),
        ("amazon.nova-2-pro-v1:0", 1_000_000, 64_000),
        ("mistral.devstral-2-123b", 256_000, 32_000),
        ("mistral.mistral-large-3-675b-instruct", 256_000, 32_000),
        ("mistral.mistral-large-2402-v1:0", 32_000, 4_096),
        ("mistral.ministral-3-8b-instruct", 128_000, 8_000),
        ("mistral.pixtral-large-2502-v1:0", 128_000, 16_384),
        ("meta.llama3-8b-instruct-v1:0", 8_192, 8_192),
        ("openai.gpt-oss-120b-1:0", 131_072, 16_384),
    ],
)
def test_what_a_model_reads_and_writes(model: str, context: int, output: int) -> None:
    assert (facts(model).context, facts(model).output) == (context, output)


@pytest.mark.parametrize(
    ("model", "fact", "value"),
    [
        ("claude-mythos-5", "temperature", False),
        ("claude-mythos-5-1", "tool_choice", ("auto",)),
        ("o1-mini", "images", False),
        ("meta.llama3-70b-instruct-v1:0", "tools", False),
        ("amazon.nova-2-pro-v1:0", "reasoning", True),
        ("amazon.nova-2-lite-v1:0", "cache_points", ("system", "messages")),
    ],
)
def test_what_a_model_takes(model: str, fact: str, value: object) -> None:
    assert getattr(facts(model), fact) == value


def test_haiku_5_is_called_5_5() -> None:
    assert "anthropic.claude-haiku-5" not in tomllib.loads(DOCUMENT)["models"]
    assert facts("anthropic.claude-haiku-5-5").name == "anthropic.claude-haiku-5-5"


@pytest.mark.parametrize("model", ["gpt-5-2025-08-07", "gpt-4-0613", "claude-opus-4-20250514", "o3-mini-2025-01-31"])
def test_a_date_is_no_new_version(model: str) -> None:
    assert facts(model).name in tomllib.loads(DOCUMENT)["models"]


def test_names_are_known_in_any_case() -> None:
    assert facts("DeepSeek-V3.2").name == "deepseek-v3.2"
    assert facts("Llama-3.3-70B-Instruct").family == "llama"


def test_an_unknown_model_is_forced_to_nothing_and_strict_in_nothing() -> None:
    found = facts("my-own-model")
    assert found.tool_choice == ("auto",)
    taken = (found.strict_tools, found.structured, found.efforts, found.prefill, found.tool_streams)
    assert not any(taken)


def test_every_effort_is_a_known_one() -> None:
    for name in tomllib.loads(DOCUMENT)["models"]:
        assert set(facts(name).efforts) <= {"none", "minimal", "low", "medium", "high", "xhigh", "max"}, name


def test_every_retirement_is_a_day_of_a_known_provider() -> None:
    for name in tomllib.loads(DOCUMENT)["models"]:
        for provider, day in facts(name).retires.items():
            assert provider in {"azure", "bedrock", "openai"}, name
            date.fromisoformat(day)


@pytest.mark.parametrize(
    ("model", "provider", "source"),
    [
        ("text-embedding-3-large", "azure", "genai-prices"),
        ("amazon.titan-embed-text-v2:0", "bedrock", "genai-prices"),
        ("cohere.embed-v4:0", "bedrock", "aws.amazon.com/bedrock/pricing"),
    ],
)
def test_a_price_names_its_source(model: str, provider: str, source: str) -> None:
    price, where = price_of(facts(model), provider)
    assert price is not None
    assert 0.005 < price < 1
    assert where.startswith(source)


def test_no_price_is_kept_that_genai_prices_has() -> None:
    calc_price = pytest.importorskip("genai_prices").calc_price
    usage = pytest.importorskip("genai_prices").Usage(input_tokens=1)
    for name in tomllib.loads(DOCUMENT)["models"]:
        if facts(name).price is not None:
            with pytest.raises(LookupError):
                calc_price(usage, facts(name).space or name, provider_id="aws")


def test_an_unknown_price_is_none() -> None:
    assert price_of(facts("my-own-model"), "azure") == (None, "")


def test_every_embedding_model_says_its_dimensions() -> None:
    document = tomllib.loads(DOCUMENT)
    embedding = [facts(name) for name, entry in document["models"].items() if entry.get("kind") == "embedding"]
    assert len(embedding) >= 8
    assert all(found.dimensions and found.max_inputs for found in embedding)


def test_base_id_drops_region_and_arn() -> None:
    assert base_id("apac.amazon.nova-lite-v1:0") == "amazon.nova-lite-v1:0"
    assert base_id("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0") == "amazon.nova-lite-v1:0"
