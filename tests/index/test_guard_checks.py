"""What holds for the record of a space whatever the store is: a claim, and a store that refuses to be looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from turnout.errors import EmbeddingSpaceError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.checks import SpaceCheck
from turnout.index.guard.keepers import StampKeeper, StoreState, claim_record
from turnout.index.guard.records import SpaceRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

ACME = EmbeddingSpace("acme-embed-v3", 768)


@pytest.mark.parametrize("said", ["acme-embed-v3/768", "acme-embed-v3/?"])
def test_vectors_of_another_length_than_the_record_are_not_added_to(said: str) -> None:
    record = SpaceRecord(EmbeddingSpace.parse(said))
    assert claim_record(StoreState(record, empty=False, dimensions=768), ACME, index="docs") is record
    with pytest.raises(EmbeddingSpaceError, match="'docs' has vectors of acme-embed-v3/"):
        claim_record(StoreState(record, empty=False, dimensions=64), ACME, index="docs")


def test_vectors_without_a_record_are_not_added_to() -> None:
    assert claim_record(StoreState(None, empty=True), ACME, index="docs").space == ACME
    for adoptable in (True, False):
        with pytest.raises(EmbeddingSpaceError, match="'docs' has vectors and no record") as refused:
            claim_record(StoreState(None, empty=False), ACME, index="docs", adoptable=adoptable)
        assert ("adopt='verify'" in refused.value.fix) is adoptable
        assert "turnout.reindex.reindex" in refused.value.fix


class Refusing:
    """An empty store that can't be searched."""

    def embed(self, texts: list[str], /) -> Sequence[Sequence[float]]:
        return [[1.0] * 768 for _ in texts]

    async def aembed(self, texts: list[str], /) -> Sequence[Sequence[float]]:
        return self.embed(texts)

    def probe(self, text: str, /) -> Sequence[Any]:
        msg = f"no collection to search for {text!r} in"
        raise RuntimeError(msg)

    async def aprobe(self, text: str, /) -> Sequence[Any]:
        return self.probe(text)


async def test_a_store_that_refuses_to_be_searched_before_its_first_insert_is_empty() -> None:
    def check() -> SpaceCheck[StampKeeper]:
        return SpaceCheck(StampKeeper(object()), "refuse", "docs")

    assert check().run(ACME, Refusing(), inserting=True)[0].space == ACME
    assert (await check().arun(ACME, Refusing(), inserting=True))[0].space == ACME
    of_any_length = EmbeddingSpace(ACME.model)
    assert (await check().arun(of_any_length, Refusing(), inserting=True))[0].space == ACME
