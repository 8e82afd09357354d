"""LangChain's own `with_fallbacks`, with tools, schemas and backends bound after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel

from tests.support.parts import chats
from turnout.langchain import ChatTurnout
from turnout_emulator import Failure

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from turnout_emulator import Emulator

BACKENDS = ("azure", "azure_dated", "openai", "bedrock")
PAIRS = [(one, other) for one in BACKENDS for other in BACKENDS if one != other]
ASKED = "Get the weather in Bern."
LETTER = "Name: Ada Lovelace. Age: 36."

pytestmark = [
    pytest.mark.usefixtures("settings_file"),
    pytest.mark.parametrize(("first", "second"), PAIRS, ids=["-".join(pair) for pair in PAIRS]),
]


class Person(BaseModel):
    """A person."""

    name: str
    age: int


ADA = Person(name="Ada Lovelace", age=36)


@tool
def weather(city: str) -> str:
    """Get the weather in a city."""
    return f"sunny in {city}"


def both(first: str, second: str) -> Any:
    return ChatTurnout(backend=first, max_retries=0).with_fallbacks([ChatTurnout(backend=second, max_retries=0)])


@pytest.fixture(autouse=True)
def _the_first_fails(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Failure.server_error())


async def asked(model: Any, way: str, text: str) -> Any:
    if way == "invoke":
        return model.invoke(text)
    if way == "ainvoke":
        return await model.ainvoke(text)
    pieces = list(model.stream(text)) if way == "stream" else [piece async for piece in model.astream(text)]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = piece if isinstance(piece, BaseModel) and not hasattr(piece, "content") else whole + piece
    return whole


def check(emulator: Emulator, first: str, second: str) -> None:
    went = [(request.service, "api-version" in request.query) for request in chats(emulator)]
    assert went == [(name.removesuffix("_dated"), name == "azure_dated") for name in (first, second)]


WAYS = pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])


@WAYS
async def test_tools(way: str, first: str, second: str, fresh_emulator: Emulator) -> None:
    answer = await asked(both(first, second).bind_tools([weather]), way, ASKED)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Bern"})]
    check(fresh_emulator, first, second)


@WAYS
async def test_structured_output(way: str, first: str, second: str, fresh_emulator: Emulator) -> None:
    assert await asked(both(first, second).with_structured_output(Person), way, LETTER) == ADA
    check(fresh_emulator, first, second)


@WAYS
async def test_what_is_bound(way: str, first: str, second: str, fresh_emulator: Emulator) -> None:
    answer = await asked(both(first, second).bind(response_format=Person), way, LETTER)
    assert json.loads(answer.text) == ADA.model_dump()
    check(fresh_emulator, first, second)


def test_a_backend_of_the_call(first: str, second: str, fresh_emulator: Emulator) -> None:
    config: RunnableConfig = {"configurable": {"backend": second}}
    answer = both(first, first).bind_tools([weather]).invoke(ASKED, config)
    assert answer.tool_calls
    check(fresh_emulator, second, second)
