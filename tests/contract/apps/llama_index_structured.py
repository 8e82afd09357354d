"""Applications that want objects, and one that shows pictures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, MessageRole, TextBlock
from pydantic import BaseModel, Field

from tests.contract.apps.limits import needs
from tests.contract.apps.llama_index_parts import LLAMA_INDEX, user
from tests.contract.apps.pictures import PICTURE, gallery

if TYPE_CHECKING:
    from tests.contract.apps.llama_index_parts import EmbeddingFactory, LLMFactory

LETTER = "Name: Ada Lovelace. Age: 36. City: London."


class Person(BaseModel):
    """A person."""

    name: str = Field(description="The whole name")
    age: int
    city: str


ADA = Person(name="Ada Lovelace", age=36, city="London")


@LLAMA_INDEX.application(by_model=True)
def structured_predict(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    async def later() -> Person:
        found: Person = await chat().astructured_predict(Person, PromptTemplate("{letter}"), letter=LETTER)
        return found

    assert chat().structured_predict(Person, PromptTemplate("{letter}"), letter=LETTER) == ADA
    assert asyncio.run(later()) == ADA


@LLAMA_INDEX.application()
def structured_llm(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat().as_structured_llm(Person)
    assert llm.chat([user(LETTER)]).raw == ADA
    assert Person.model_validate_json(llm.complete(LETTER).text) == ADA


@LLAMA_INDEX.application("objects in pieces", by_model=True)
def streamed_structured_output(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    async def later() -> list[Any]:
        found = await chat().astream_structured_predict(Person, PromptTemplate("{letter}"), letter=LETTER)
        return [one async for one in found]

    now = list(chat().stream_structured_predict(Person, PromptTemplate("{letter}"), letter=LETTER))
    for found in (now, asyncio.run(later())):
        assert found[-1] == ADA
        names = [str(getattr(one, "name", None) or "") for one in found]
        assert all("Ada Lovelace".startswith(name) for name in names)
        needs("objects in pieces", len({str(one) for one in found}) > 2, f"objects didn't grow: {found}")


@LLAMA_INDEX.application("images", by_model=True)
def vision(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A picture's bytes arrive whole."""
    blocks = [TextBlock(text="What do you see?"), ImageBlock(image=PICTURE)]
    said = str(chat().chat([ChatMessage(role=MessageRole.USER, blocks=blocks)]))
    assert "64 x 32 pixels" in said, said
    assert f"{len(PICTURE)} bytes" in said


@LLAMA_INDEX.application("images")
def vision_by_url(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A picture's address: some services fetch it themselves, for others the client must, blocking nobody."""

    async def ask(message: ChatMessage) -> str:
        return str(await chat().achat([message]))

    with gallery() as url:
        blocks = [TextBlock(text="What do you see?"), ImageBlock(url=url)]
        message = ChatMessage(role=MessageRole.USER, blocks=blocks)
        for said in (str(chat().chat([message])), asyncio.run(ask(message))):
            assert "64 x 32 pixels" in said or url in said, said


class Stop(BaseModel):
    """A stop on the way."""

    city: str
    minutes: int = Field(description="How long the train stands there")


class Journey(BaseModel):
    """A journey by train."""

    kind: Literal["day", "night"]
    stops: list[Stop]


@LLAMA_INDEX.application(by_model=True)
def nested_extraction(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    text = "It is a night journey. stops: city Bern, 12 minutes; city Vienna, 40 minutes."
    found = chat().structured_predict(Journey, PromptTemplate("{text}"), text=text)
    assert found.kind == "night"
    assert [(stop.city, stop.minutes) for stop in found.stops] == [("Bern", 12), ("Vienna", 40)]


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


@LLAMA_INDEX.application(by_model=True)
def schemas_that_no_service_holds_to(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """Defaults, limits, recursion, tuples, unions and free mappings: an object of the class comes all the same."""
    llm = chat()
    line = llm.structured_predict(Line, PromptTemplate("Name: Brünig. Length: 74."))
    assert isinstance(line, Line)
    assert (line.name, line.length) == ("Brünig", 74)
    depot = llm.structured_predict(Depot, PromptTemplate("Name: Thun. Place: 46.75, 7.63. City: Bern. Minutes: 12."))
    assert isinstance(depot, Depot)
    assert depot.name == "Thun"


@LLAMA_INDEX.application(by_model=True)
def form_of_a_call(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """The form of the answer is said in the call: its text is an object of the class."""
    found = chat().chat([user(LETTER)], response_format=Person)
    assert Person.model_validate_json(str(found.message.content)) == ADA
