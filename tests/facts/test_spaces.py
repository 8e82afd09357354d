"""Embedding spaces, and the record that an index keeps of one."""

from __future__ import annotations

import json
import pickle
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from turnout.errors import EmbeddingSpaceError, SettingsError, TurnoutError
from turnout.facts.models import facts, same_model
from turnout.facts.spaces import EmbeddingSpace, space_of
from turnout.index.guard.records import CHECK, FORMAT_KEY, KEYS, MADE, SPACE, SpaceRecord, mismatch, reindex_command
from turnout.routing import resolve
from turnout.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SMALL = EmbeddingSpace("text-embedding-3-small", 1536)
ADA = EmbeddingSpace("text-embedding-ada-002", 1536)
TITAN_V1 = EmbeddingSpace("amazon.titan-embed-text-v1", 1536)

spaces = st.builds(
    EmbeddingSpace,
    st.one_of(
        st.text(min_size=1),
        st.sampled_from(["BAAI/bge-small-en-v1.5", "azure:embed", "a/768", "us.cohere.embed-v4:0", "x/3+raw"]),
    ),
    st.one_of(st.none(), st.integers(1, 99_999)),
    st.one_of(st.just(""), st.from_regex(r"[a-z0-9][a-z0-9.-]{0,9}", fullmatch=True)),
)


def target(target: dict[str, Any] | str, provider: str = "bedrock", backend: str = "cloud") -> EmbeddingSpace:
    settings = Settings.model_validate(
        {
            "backends": {backend: {"provider": provider}},
            "embedding": {"default": {backend: target}},
            "source": "turnout.toml",
        }
    )
    return space_of(resolve(kind="embedding", settings=settings))


@given(spaces)
def test_a_space_is_its_text(space: EmbeddingSpace) -> None:
    assert EmbeddingSpace.parse(str(space)) == space
    assert pickle.loads(pickle.dumps(space)) == space
    assert SpaceRecord.from_text(SpaceRecord(space).to_text(), index="docs").space == space


@given(spaces, spaces)
def test_only_one_space_has_a_text(one: EmbeddingSpace, other: EmbeddingSpace) -> None:
    assert (str(one) == str(other)) == (one == other)


@pytest.mark.parametrize(
    "text", ["", "acme", "acme/", "/768", "acme/0", "acme/-1", "acme/768+", "acme/768+A B", "acme/x"]
)
def test_what_is_no_space_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(SettingsError, match="acme-embed-v3/768"):
        EmbeddingSpace.parse(text)


@pytest.mark.parametrize("wrong", [("", 3, ""), ("m", 0, ""), ("m", 3, "Raw"), ("m", 3, "a b")])
def test_a_space_that_has_no_text_cannot_be_made(wrong: tuple[str, int, str]) -> None:
    with pytest.raises(SettingsError):
        EmbeddingSpace(*wrong)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("bedrock", "us.cohere.embed-v4:0"), ("bedrock", "cohere.embed-v4:0")),
        (("bedrock", "global.cohere.embed-v4:0"), ("bedrock", "eu.cohere.embed-v4:0")),
        (("bedrock", "amazon.titan-embed-text-v2:0"), ("bedrock", {"model": "amazon.titan-embed-text-v2"})),
        (
            ("bedrock", "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v1"),
            ("bedrock", "amazon.titan-embed-text-v1"),
        ),
        (
            ("azure", {"deployment": "v4", "model": "embed-v-4-0"}),
            ("bedrock", "global.cohere.embed-v4:0"),
        ),
        (
            ("azure", {"deployment": "v3", "model": "Cohere-embed-v3-multilingual"}),
            ("bedrock", "cohere.embed-multilingual-v3"),
        ),
        (
            ("azure", {"deployment": "pro", "model": "Cohere-Embed-V5-Pro"}),
            ("azure", {"deployment": "fast", "model": "Cohere-Embed-V5-Fast"}),
        ),
        (
            ("bedrock", {"deployment": "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x", "model": "cohere.embed-v4"}),
            ("bedrock", "cohere.embed-v4:0"),
        ),
        (
            ("azure", {"deployment": "embed", "model": "text-embedding-3-small"}),
            ("openai", "text-embedding-3-small"),
        ),
        (("azure", {"deployment": "a", "model": "text-embedding-ada-002"}), ("openai", "text-embedding-ada-002-v2")),
        (("azure", {"deployment": "a", "space": "text-embedding-3-small/1536"}), ("openai", "text-embedding-3-small")),
        (
            ("openai", {"model": "text-embedding-3-large", "dimensions": 1024}),
            ("azure", {"deployment": "b", "model": "text-embedding-3-large", "dimensions": 1024}),
        ),
    ],
)  # fmt: skip
def test_one_model_is_one_space_wherever_it_is_served(
    one: tuple[str, dict[str, Any] | str], other: tuple[str, dict[str, Any] | str]
) -> None:
    first, second = (target(found, provider, provider) for provider, found in (one, other))
    assert first == second
    assert first.dimensions is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("openai", "text-embedding-3-large"), ("openai", {"model": "text-embedding-3-large", "dimensions": 1024})),
        (("openai", "text-embedding-ada-002"), ("bedrock", "amazon.titan-embed-text-v1")),
        (("openai", "text-embedding-3-small"), ("openai", "text-embedding-ada-002")),
        (("bedrock", "cohere.embed-english-v3"), ("bedrock", "cohere.embed-multilingual-v3")),
        (
            ("azure", {"deployment": "v5", "model": "Cohere-Embed-V5-Pro"}),
            ("azure", {"deployment": "v4", "model": "embed-v-4-0"}),
        ),
        (("bedrock", "amazon.titan-embed-text-v2:0"), ("bedrock", "amazon.titan-embed-text-v2:1")),
        # What an Azure deployment's name looks like says nothing.
        (("azure", "text-embedding-3-small"), ("openai", "text-embedding-3-small")),
        (("azure", "amazon.titan-embed-text-v2:0"), ("bedrock", "amazon.titan-embed-text-v2:0")),
    ],
)
def test_different_vectors_are_different_spaces(
    one: tuple[str, dict[str, Any] | str], other: tuple[str, dict[str, Any] | str]
) -> None:
    first, second = (target(found, provider, provider) for provider, found in (one, other))
    assert not first.fits(second)
    assert first != second


def test_an_unknown_deployment_is_never_a_known_model() -> None:
    known = {
        same_model(name) for name in tomllib.loads(files("turnout.facts").joinpath("models.toml").read_text())["models"]
    }
    unknown = {target(name, "azure", "amazon") for name in known}
    assert not {space.model for space in unknown} & known
    assert all(space.normalised is None for space in unknown)


def test_settings_state_the_space_of_a_custom_model() -> None:
    custom = {"deployment": "ours", "space": "acme-embed-v3/768"}
    assert target(custom, "azure") == target(custom, "openai") == EmbeddingSpace("acme-embed-v3", 768)
    tuned = {"deployment": "arn:aws:bedrock:us-east-1:1:custom-model/x", "model": "amazon.titan-embed-text-v2:0"}
    assert str(target({**tuned, "space": "acme-titan/1024"})) == "acme-titan/1024"
    with pytest.raises(SettingsError, match=r"embedding.default.cloud.*'acme-embed-v3/768'.*1024 dimensions"):
        target({**custom, "dimensions": 1024})
    assert target({"deployment": "ours", "space": "acme/?", "dimensions": 256}).dimensions == 256
    with pytest.raises(ValidationError, match="not an embedding space"):  # one problem among those that are listed
        target({"deployment": "ours", "space": "acme-embed-v3"})
    chat = {
        "backends": {"openai": {"provider": "openai"}},
        "chat": {"default": {"openai": {"model": "m", "space": "m/3"}}},
    }
    with pytest.raises(SettingsError, match="only embedding models"):
        resolve(settings=Settings.model_validate(chat))


def test_a_space_that_does_not_know_its_length_fits_until_it_does() -> None:
    unknown = EmbeddingSpace("bge", None)
    assert unknown.fits(EmbeddingSpace("bge", 384))
    assert EmbeddingSpace("bge", 384).fits(unknown)
    assert not unknown.fits(EmbeddingSpace("other", None))
    assert unknown != EmbeddingSpace("bge", 384)
    fixed = unknown.of_length(384)
    assert fixed == EmbeddingSpace("bge", 384)
    assert not fixed.fits(EmbeddingSpace("bge", 768))
    assert SMALL.of_length(3) == SMALL


def test_normalisation_is_part_of_what_is_known_of_a_space() -> None:
    assert SMALL.normalised
    assert TITAN_V1.normalised is False
    raw = EmbeddingSpace("amazon.titan-embed-text-v2:0", 1024, "raw")
    assert raw.normalised is False
    assert not raw.fits(EmbeddingSpace("amazon.titan-embed-text-v2:0", 1024))


SHARED = {
    "cohere.embed-english-v3": {"cohere.embed-english-v3", "cohere-embed-v3-english"},
    "cohere.embed-multilingual-v3": {"cohere.embed-multilingual-v3", "cohere-embed-v3-multilingual"},
    "cohere.embed-v4:0": {"cohere.embed-v4", "embed-v-4-0"},
    "cohere-embed-v5-pro": {"cohere-embed-v5-pro", "cohere-embed-v5-fast"},
}
"""The spaces of more entries than one: of a model that clouds name differently, and of Embed 5, Pro and Fast."""


def test_every_embedding_model_has_its_names_for_itself() -> None:
    document = tomllib.loads(files("turnout.facts").joinpath("models.toml").read_text())
    seen: set[str] = set()
    spaces: dict[str, set[str]] = {}
    for key, entry in document["models"].items():
        known = facts(key)
        if known.kind != "embedding":
            assert not {"space", "same"} & entry.keys()
            continue
        names = {*entry.get("same", ())} | ({key} if known.space in {"", key} else set())
        assert not names & seen
        seen |= names
        assert {facts(name).name for name in names if facts(name).known} <= {key}
        space = known.space or key
        assert same_model(key) == same_model(space) == space
        assert facts(space).known
        spaces.setdefault(space, set()).add(key)
    assert {space: keys for space, keys in spaces.items() if len(keys) > 1} == SHARED


def test_a_record_says_when_and_what() -> None:
    record = SpaceRecord(SMALL)
    kept = record.to_dict()
    assert tuple(kept) == KEYS
    assert all(isinstance(value, str) for value in kept.values())
    assert kept[SPACE] == "text-embedding-3-small/1536"
    assert kept[MADE].endswith("+00:00")
    assert SpaceRecord.from_dict({"hnsw:space": "cosine", **kept}, index="docs") == record
    assert SpaceRecord.from_dict({"hnsw:space": "cosine"}, index="docs") is None


@given(spaces, st.sampled_from(KEYS), st.text() | st.none() | st.integers())
def test_a_record_that_was_edited_is_found_out(space: EmbeddingSpace, key: str, value: object) -> None:
    kept: dict[str, object] = dict(SpaceRecord(space).to_dict())
    assume(kept[key] != value)
    if value is None:
        del kept[key]
    else:
        kept[key] = value
    with pytest.raises(EmbeddingSpaceError, match=r"isn't as it was written|update turnout") as caught:
        SpaceRecord.from_dict(kept, index="docs")
    assert caught.value.index == "docs"
    assert caught.value.fix


def test_another_model_written_into_a_record_is_found_out() -> None:
    edited = {**SpaceRecord(SMALL).to_dict(), SPACE: str(ADA)}
    with pytest.raises(EmbeddingSpaceError, match="says 'text-embedding-ada-002/1536', but its checksum"):
        SpaceRecord.from_dict(edited, index="docs")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"text"', '{"turnout_space": 1}', json.dumps({CHECK: "x"})])
def test_a_garbled_file_is_no_record(text: str) -> None:
    with pytest.raises(EmbeddingSpaceError, match="'docs' isn't as it was written"):
        SpaceRecord.from_text(text, index="docs")


def test_a_later_format_asks_for_a_later_turnout() -> None:
    later = {**SpaceRecord(SMALL).to_dict(), FORMAT_KEY: "2", CHECK: "of another kind"}
    with pytest.raises(EmbeddingSpaceError, match=r"format 2.*update turnout"):
        SpaceRecord.from_dict(later, index="docs")


def test_a_mismatch_names_both_spaces_and_the_command() -> None:
    SpaceRecord(ADA).check(ADA, index="docs")
    with pytest.raises(EmbeddingSpaceError) as caught:
        SpaceRecord(ADA).check(TITAN_V1, index="docs")
    error = caught.value
    assert (error.index, error.index_space, error.wanted_space) == ("docs", ADA, TITAN_V1)
    assert error.fix == "turnout.reindex.reindex(…)"
    for said in ("'docs'", str(ADA), str(TITAN_V1), error.fix):
        assert said in str(error)
    assert isinstance(error, TurnoutError)
    assert not isinstance(error, ValueError)


def test_the_error_travels() -> None:
    error = mismatch("our docs", ADA, TITAN_V1)
    there = pickle.loads(pickle.dumps(error))
    assert vars(there) == vars(error)
    assert str(there) == str(error)


def test_the_command_names_an_index_of_the_settings(settings_file: Path) -> None:
    with settings_file.open("a", encoding="utf-8") as file:
        file.write('\n[index.docs]\nstore = "chroma"\npath = "index"\n')
    assert reindex_command("docs") == "turnout reindex docs"
    assert reindex_command("docs_text_embedding_ada_002_1536_8c0915d03d") == "turnout reindex docs"
    assert reindex_command("InMemoryVectorStore") == "turnout.reindex.reindex(…)"
