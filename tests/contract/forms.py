"""Schemas in each form in which an answer's can be written, and what is asked of them in both frameworks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

LETTER = "Name: Ada Lovelace. Age: 36. City: London."
ADA = {"name": "Ada Lovelace", "age": 36, "city": "London"}

CALLED = ("bedrock_nova", "bedrock_llama", "bedrock_mistral")
"""Columns where the answer is a tool's call."""


class Person(BaseModel):
    """A person."""

    name: str = Field(min_length=1)
    age: int
    city: str


class PersonDict(TypedDict):
    """A person."""

    name: str
    age: int
    city: str


@dataclass
class PersonData:
    """A person."""

    name: str
    age: int
    city: str


class Report(BaseModel):
    """A report of the weather."""

    city: str
    sky: str


def form(**more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "Person", "schema": Person.model_json_schema(), **more}}


FORMS: dict[str, Any] = {
    "pydantic": Person,
    "typeddict": PersonDict,
    "dataclass": PersonData,
    "json_schema": form(),
    "strict": form(strict=True),
    "schema": Person.model_json_schema(),
}


def weather(city: str) -> str:
    """Get the weather in a city."""
    return f"city: {city}, sky: sunny"
