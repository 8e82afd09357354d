"""Applications that want objects."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from pydantic import BaseModel, Field

from tests.contract.apps.langchain_parts import LANGCHAIN
from tests.contract.apps.limits import needs

if TYPE_CHECKING:
    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory

LETTER = "Name: Ada Lovelace. Age: 36. City: London."


class Person(BaseModel):
    """A person."""

    name: str = Field(description="The whole name")
    age: int
    city: str


class PersonDict(TypedDict):
    """A person."""

    name: str
    age: int
    city: str


PERSON_SCHEMA: dict[str, Any] = {
    "title": "Person",
    "description": "A person.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["name", "age", "city"],
}
ADA = {"name": "Ada Lovelace", "age": 36, "city": "London"}


class Stop(BaseModel):
    """A stop of a journey."""

    city: str
    minutes: int = Field(description="How long the train stands there")


class Journey(BaseModel):
    """A journey."""

    kind: Literal["day", "night"]
    remark: str | None = None
    stops: list[Stop]


@LANGCHAIN.application()
def extraction_with_pydantic(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    assert chat().with_structured_output(Person).invoke(LETTER) == Person.model_validate(ADA)


@LANGCHAIN.application()
def extraction_with_typeddict(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    assert chat().with_structured_output(PersonDict).invoke(LETTER) == ADA


@LANGCHAIN.application()
def extraction_with_json_schema(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    answer: Any = chat().with_structured_output(PERSON_SCHEMA, include_raw=True).invoke(LETTER)
    assert answer["parsing_error"] is None
    assert answer["parsed"] == ADA
    assert answer["raw"].usage_metadata["input_tokens"] > 0


@LANGCHAIN.application(by_model=True)
def extraction_by_each_method(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """Each method that LangChain names gives what was asked for, for each kind of schema."""
    model = chat()
    for method in ("function_calling", "json_schema"):
        for schema in (Person, PersonDict, PERSON_SCHEMA):
            answer: Any = model.with_structured_output(schema, method=method).invoke(LETTER)
            found = answer.model_dump() if isinstance(answer, Person) else answer
            assert found == ADA, f"{method}: {found}"
    prompt = f"{LETTER}\nAnswer with a JSON object that has the keys 'name', 'age' and 'city'."
    answer = model.with_structured_output(Person, method="json_mode").invoke(prompt)
    assert isinstance(answer, Person)
    assert answer.name == "Ada Lovelace"


@LANGCHAIN.application(by_model=True)
def nested_extraction(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    text = "It is a night journey. stops: city Bern, 12 minutes; city Vienna, 40 minutes."
    found: Any = chat().with_structured_output(Journey).invoke(text)
    assert isinstance(found, Journey)
    assert found.kind == "night"
    assert [(stop.city, stop.minutes) for stop in found.stops] == [("Bern", 12), ("Vienna", 40)]


@LANGCHAIN.application("objects in pieces", by_model=True)
def streamed_structured_output(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    async def stream() -> list[Any]:
        return [found async for found in chat().with_structured_output(PERSON_SCHEMA).astream(LETTER)]

    for found in (list(chat().with_structured_output(PERSON_SCHEMA).stream(LETTER)), asyncio.run(stream())):
        assert found[-1] == ADA
        sizes = [len(str(one)) for one in found]
        assert sizes == sorted(sizes), f"objects didn't grow: {found}"
        needs("objects in pieces", len(found) > 2, f"{len(found)} objects came")


class Line(BaseModel):
    """A line, with branches that are lines themselves."""

    name: str
    length: int = Field(default=1, ge=1)
    branches: list[Line] = []


class Depot(BaseModel):
    """A depot, with a mapping of free members, a tuple and a union."""

    name: str = Field(min_length=1, max_length=40)
    place: tuple[float, float]
    keys: dict[str, str]
    next_stop: Stop | Person


@LANGCHAIN.application(by_model=True)
def schemas_that_no_service_holds_to(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """Defaults, limits, recursion, tuples, unions and free mappings: an object of the class comes all the same."""
    model = chat()
    line = model.with_structured_output(Line).invoke("Name: Brünig. Length: 74.")
    assert isinstance(line, Line)
    assert (line.name, line.length) == ("Brünig", 74)
    depot = model.with_structured_output(Depot).invoke("Name: Thun. Place: 46.75, 7.63. City: Bern. Minutes: 12.")
    assert isinstance(depot, Depot)
    assert depot.name == "Thun"


@LANGCHAIN.application("strict", by_model=True)
def strict_extraction(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The application insists on the schema, which has members that may be left out."""
    found: Any = (
        chat().with_structured_output(Journey, strict=True).invoke("A night journey. stops: city Bern, 12 minutes.")
    )
    assert isinstance(found, Journey)
    assert found.kind == "night"
