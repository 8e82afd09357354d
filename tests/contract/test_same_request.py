"""Both frameworks send the same: what differs is listed here, each with its reason."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.contract.apps.settings import COLUMNS, Column
from tests.contract.columns import column, columns_file  # noqa: F401  # fixtures
from tests.contract.same import (
    PDF,
    PNG,
    Ask,
    File,
    Message,
    ToolUse,
    ask_langchain,
    ask_llama_index,
    assistant,
    go_on_in_langchain,
    go_on_in_llama_index,
    outcome,
    result,
    system,
    user,
)
from turnout_emulator import Answer, Reasoning, RedactedReasoning, Text, ToolCall

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Get the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
STATIONS: dict[str, Any] = {"type": "function", "function": {"name": "stations", "description": "List stations."}}
STRICT: dict[str, Any] = copy.deepcopy(WEATHER)
STRICT["function"] |= {"strict": True}
STRICT["function"]["parameters"]["additionalProperties"] = False


class Person(BaseModel):
    """A person."""

    name: str
    age: int = 0


class Labels(BaseModel):
    """Labels, which no service can be held to."""

    labels: dict[str, str]


PERSON: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
IMAGE = File("image", PNG, mime="image/png")
DOCUMENT = File("document", PDF, mime="application/pdf", name="report.pdf")
NOTES = File("document", b"Trains run.", mime="text/plain", name="notes.txt")
ADA = (user("Name: Ada Lovelace. Age: 36."),)
ASKED = user("What is the weather in Bern?")
CALLED = (ASKED, assistant("I look.", calls=(ToolUse("call_1"),)))
ANSWERED = (*CALLED, result("call_1", "sunny"))
TOOLS = {"tools": [WEATHER, STATIONS]}

CASES: dict[str, Ask] = {
    "words": Ask(),
    "system": Ask((system("Be brief."), ASKED)),
    "system, late": Ask((ASKED, assistant("Sunny."), system("Be brief."), user("And now?"))),
    "system alone": Ask((system("Say hello."),)),
    "assistant first": Ask((assistant("Hello. What can I do?"), ASKED)),
    "users in a row": Ask((user("One."), user("Two."))),
    "several texts": Ask((user("One.", "Two."),)),
    "blank": Ask((user(" "),)),
    "nothing": Ask(()),
    "parameters": Ask(options={"temperature": 0.5, "max_tokens": 64}),
    "top_p": Ask(options={"top_p": 0.9}),
    "stop": Ask(options={"stop": ["END"]}),
    "seed": Ask(options={"seed": 7}),
    "too hot": Ask(options={"temperature": 3.0}),
    "effort": Ask(options={"reasoning_effort": "low"}),
    "effort, hot": Ask(options={"reasoning_effort": "high", "temperature": 0.2, "max_tokens": 64}),
    "no such effort": Ask(options={"reasoning_effort": "huge"}),
    "tools": Ask(options=TOOLS),
    **{
        f"tool choice {choice}": Ask(options={**TOOLS, "tool_choice": choice})
        for choice in ("auto", "none", "any", "weather")
    },
    "one call": Ask(options={**TOOLS, "parallel_tool_calls": False}),
    "one call, auto": Ask(options={**TOOLS, "parallel_tool_calls": False, "tool_choice": "auto"}),
    "one call, forced": Ask(options={**TOOLS, "parallel_tool_calls": False, "tool_choice": "any"}),
    "several calls": Ask(options={**TOOLS, "parallel_tool_calls": True}),
    "strict tool": Ask(options={"tools": [STRICT]}),
    "effort, forced": Ask(options={**TOOLS, "tool_choice": "weather", "reasoning_effort": "low"}),
    "answered": Ask(ANSWERED, TOOLS),
    "answered, and on": Ask((*ANSWERED, assistant("It is sunny."), user("Thanks. And in Basel?")), TOOLS),
    "answered, no tools": Ask((*ANSWERED, user("Well?"))),
    "failed": Ask((*CALLED, result("call_1", "no such city", failed=True)), TOOLS),
    "failed, no tools": Ask((*CALLED, result("call_1", "no such city", failed=True), user("Well?"))),
    "failed, no words": Ask((*CALLED, result("call_1", failed=True)), TOOLS),
    "empty result": Ask((*CALLED, result("call_1")), TOOLS),
    "odd ids": Ask(
        (
            ASKED,
            assistant(calls=(ToolUse("functions.weather:0"), ToolUse("x" * 60, {"city": "Basel"}))),
            result("x" * 60, "rain"),
            result("functions.weather:0", "sun"),
        ),
        TOOLS,
    ),
    "ids that repeat": Ask(
        (*ANSWERED, assistant(calls=(ToolUse("call_1", {"city": "Basel"}),)), result("call_1", "rain")), TOOLS
    ),
    "system between call and result": Ask((*CALLED, system("Be brief."), result("call_1", "sunny")), TOOLS),
    "unreadable arguments": Ask((ASKED, assistant("Wait.", calls=(ToolUse("a", '{"city": "Be'),)), ASKED), TOOLS),
    "unreadable arguments, answered": Ask(
        (ASKED, assistant(calls=(ToolUse("a", '{"city": "Be'),)), result("a", "Give whole JSON.", failed=True)), TOOLS
    ),
    "result without call": Ask((ASKED, result("a", "sunny")), TOOLS),
    "call without result": Ask((*CALLED, user("Well?")), TOOLS),
    "second result": Ask((*ANSWERED, result("call_1", "sunny")), TOOLS),
    "image": Ask((user("See:", IMAGE),)),
    "image alone": Ask((user(IMAGE),)),
    "image in a result": Ask((*CALLED, result("call_1", "See:", IMAGE)), TOOLS),
    "document": Ask((user("Read:", DOCUMENT),)),
    "document alone": Ask((user(DOCUMENT),)),
    "documents of one name": Ask((user("Read:", DOCUMENT, DOCUMENT),)),
    "document in a result": Ask((*CALLED, result("call_1", DOCUMENT)), TOOLS),
    "text document": Ask((user("Read:", NOTES),)),
    "image in the assistant's turn": Ask((ASKED, Message("assistant", ("See:", IMAGE)), user("Thanks."))),
    "image in the system's": Ask((Message("system", ("See:", IMAGE)), ASKED)),
    "broken image": Ask((user("See:", File("image", b"no image", mime="image/png")),)),
    "image by address": Ask((user("See:", File("image", url="http://127.0.0.1:9/a.png")),)),
    "document by address": Ask((user("Read:", File("document", url="http://127.0.0.1:9/a.pdf")),)),
    "response_format": Ask(ADA, {"response_format": PERSON}),
    "response_format, class": Ask(ADA, {"response_format": Person}),
    "response_format, open": Ask(ADA, {"response_format": Labels}),
    "response_format, any JSON": Ask(ADA, {"response_format": {"type": "json_object"}}),
    "response_format, tools": Ask(ADA, {"response_format": PERSON, **TOOLS}),
    "response_format, forced": Ask(ADA, {"response_format": PERSON, **TOOLS, "tool_choice": "weather"}),
    "response_format, effort": Ask(ADA, {"response_format": PERSON, "reasoning_effort": "low"}),
    "schema": Ask(ADA, schema=Person),
    "schema, open": Ask(ADA, schema=Labels),
    "schema, effort": Ask(ADA, {"reasoning_effort": "low"}, schema=Person),
}


def test_both_send_the_same(column: Column, fresh_emulator: Emulator) -> None:  # noqa: F811  # the fixture
    found = {case: difference(ask, column, fresh_emulator) for case, ask in CASES.items()}
    different = [f"{case} on {why}" for case, why in found.items() if why]
    assert not different, "\n".join(different)


def difference(ask: Ask, where: Column, emulator: Emulator) -> str | None:
    """What differs between the frameworks in what they send, refuse or warn of; None if nothing does."""
    one, other = outcome(ask_langchain, ask, emulator), outcome(ask_llama_index, ask, emulator)
    for what, left, right in (
        ("errors", one.error, other.error),
        # LlamaIndex drops an answer's second call itself, so a model that can't be told needs no warning.
        ("warnings", [w for w in one.warned if not w.startswith("parallel_tool_calls")], list(other.warned)),
        ("body", plain(one.body), plain(other.body)),
    ):
        if left != right:
            return f"{where.name}: {what}\nLangChain:  {_shown(left)}\nLlamaIndex: {_shown(right)}"
    return None


def _shown(found: Any) -> str:
    return found if isinstance(found, str) else json.dumps(found, sort_keys=True, ensure_ascii=False)


THOUGHTS: dict[str, list[Any]] = {
    "reasoning": [Reasoning("The user wants the weather."), Text("I look."), ToolCall("weather", {"city": "Bern"})],
    "reasoning and a call": [Reasoning("The user wants the weather."), ToolCall("weather", {"city": "Bern"})],
    "redacted reasoning": [RedactedReasoning(b"redacted"), Text("I look."), ToolCall("weather", {"city": "Bern"})],
}


@pytest.mark.parametrize("thought", THOUGHTS)
def test_both_go_on_alike_with_what_the_model_thought(
    thought: str,
    column: Column,  # noqa: F811  # the fixture
    fresh_emulator: Emulator,
) -> None:
    blocks = THOUGHTS[thought]
    if column.wire != "anthropic-messages" and column.name != "bedrock_claude" and thought.startswith("redacted"):
        pytest.skip("Claude alone redacts its reasoning")
    bodies = []
    for go_on in (go_on_in_langchain, go_on_in_llama_index):
        fresh_emulator.queue(Answer(blocks=blocks))
        go_on([WEATHER])
        bodies.append(plain(fresh_emulator.requests[-1].body))
    assert _renumbered(bodies[0]) == _renumbered(bodies[1])


def _renumbered(body: Any) -> Any:
    """A request whose ids that the emulator made up are numbered in order."""
    ids: dict[str, str] = {}
    pattern = r"\b(?:call|toolu|tooluse|rs|fc|msg)_\w+"
    return json.loads(re.sub(pattern, lambda m: ids.setdefault(m[0], f"id_{len(ids)}"), json.dumps(body)))


# --- what may differ


def plain(body: Any) -> Any:
    """A request without what may differ, and means the same."""
    if body is None:
        return None
    body = copy.deepcopy(body)
    # ChatBedrockConverse writes members that are empty, the SDK's asynchronous and raw forms that they don't stream.
    body = {key: value for key, value in body.items() if not (value in ({}, []) or (key, value) == ("stream", False))}
    for name in ("messages", "input", "system"):
        if name in body:
            body[name] = _joined(body[name])
    return body


def _joined(node: Any) -> Any:
    """Texts side by side as one, and a lone text as a string: LlamaIndex's classes join them, LangChain's list them.

    `ChatAnthropic` says of results that they are no errors, and has an empty one as an empty string.
    """
    if isinstance(node, dict):
        members = {key: _joined(value) for key, value in node.items()}
        if node.get("type") == "tool_result":
            members = {key: value for key, value in members.items() if value not in (False, "", [])}
        return members
    if not isinstance(node, list):
        return node
    made: list[Any] = []
    for one in map(_joined, node):
        if _is_text(one) and made and _is_text(made[-1]):
            made[-1] = {**made[-1], "text": f"{made[-1]['text']}\n{one['text']}"}
        else:
            made.append(one)
    return made[0]["text"] if len(made) == 1 and _is_text(made[0]) else made


def _is_text(block: Any) -> bool:
    return isinstance(block, dict) and (
        block.keys() == {"text"}
        or (block.keys() == {"type", "text"} and block["type"] in {"text", "input_text", "output_text"})
    )


# --- more of them


_WORDS = st.sampled_from(["Hello.", "What is the weather?", "Thanks.\n", "Zürich 🚆", '{"json": 1}'])
_IDS = st.sampled_from(["call_1", "call_2", "functions.weather:0", "x" * 60, "ä"])
_ARGUMENTS = st.sampled_from([{}, {"city": "Bern"}, {"city": "Zürich", "days": [1, 2]}, '{"city": "Be'])


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Conversations that go on, most of them well formed."""
    messages: list[Message] = [system(draw(_WORDS))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        files = draw(st.lists(st.sampled_from([IMAGE, DOCUMENT, NOTES]), max_size=1))
        messages.append(user(draw(_WORDS), *files))
        ids = draw(st.lists(_IDS, max_size=2, unique=True))
        if ids:
            calls = tuple(ToolUse(one, draw(_ARGUMENTS)) for one in ids)
            # LangChain has calls that can't be read in a list of their own, so that they come last.
            calls = tuple(sorted(calls, key=lambda call: isinstance(call.arguments, str)))
            messages.append(assistant(*draw(st.lists(_WORDS, max_size=1)), calls=calls))
            order = draw(st.permutations(ids))
            messages += [result(one, draw(_WORDS), failed=draw(st.booleans())) for one in order]
        if draw(st.booleans()):
            messages.append(assistant(draw(_WORDS)))
        if draw(st.integers(0, 9)) == 0:
            messages.append(system(draw(_WORDS)))
    return (*messages, user(draw(_WORDS)))


_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0.0, 0.7, 1.0]),
        "top_p": st.sampled_from([0.5, 1.0]),
        "max_tokens": st.sampled_from([16, 400]),
        "stop": st.just(["END"]),
        "seed": st.just(7),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "high"]),
        "tools": st.sampled_from([[WEATHER], [WEATHER, STATIONS], [STRICT]]),
        "tool_choice": st.sampled_from(["auto", "none", "any", "weather"]),
        "parallel_tool_calls": st.booleans(),
        "response_format": st.sampled_from([PERSON, {"type": "json_object"}]),
    },
)


@given(name=st.sampled_from(list(COLUMNS)), messages=conversations(), options=_OPTIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_send_the_same_whatever_the_conversation(
    columns_file: Path,  # noqa: F811  # the fixture
    fresh_emulator: Emulator,
    name: str,
    messages: tuple[Message, ...],
    options: dict[str, Any],
) -> None:
    if "tools" not in options:
        options = {key: value for key, value in options.items() if key != "tool_choice"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TURNOUT_BACKEND", name)
        assert difference(Ask(messages, copy.deepcopy(options)), COLUMNS[name], fresh_emulator) is None
