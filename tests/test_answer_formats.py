"""Pydantic classes as tools and schemas."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

import pytest
from pydantic import BaseModel, Field

from turnout.llama_index.schemas import as_tool, holds_strictly, json_schema

T = TypeVar("T")


class Inner(BaseModel):
    number: int = 0


class Outer(BaseModel):
    """An outer thing."""

    inner: Inner
    several: list[Inner]
    maybe: str | None = None


class Free(BaseModel):
    values: dict[str, int]


class Anything(BaseModel):
    model_config = {"extra": "allow"}

    name: str


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Pet(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Empty(BaseModel):
    pass


class Box(BaseModel, Generic[T]):
    content: T


@pytest.mark.parametrize(
    ("schema", "strictly"),
    [(Inner, True), (Outer, True), (Free, False), (Anything, False), (Pet, False), (Empty, False), (Box[int], True)],
)
def test_what_can_be_held_strictly(schema: type[BaseModel], strictly: bool) -> None:
    assert holds_strictly(schema) is strictly


def test_strict_leaves_nothing_out_at_any_depth() -> None:
    strict = json_schema(Outer).strict
    assert strict["required"] == ["inner", "several", "maybe"]
    assert strict["additionalProperties"] is False
    assert strict["$defs"]["Inner"]["required"] == ["number"]
    assert strict["$defs"]["Inner"]["additionalProperties"] is False
    assert "additionalProperties" not in json_schema(Outer).plain


def test_as_tool() -> None:
    function = as_tool(Outer)["function"]
    assert (function["name"], function["description"]) == ("Outer", "An outer thing.")
    assert function["parameters"] == Outer.model_json_schema()
    assert "description" not in as_tool(Inner)["function"]


def test_a_name_that_every_service_takes() -> None:
    assert json_schema(Box[int]).name == "Box_int_"
