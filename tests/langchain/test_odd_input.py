"""Whatever a conversation holds, a call ends in an answer or in an error that says where to look."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from langchain_core import exceptions as lc
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue

from tests.langchain.history_support import BACKENDS, PDF, PNG, Bench
from turnout.errors import InvalidRequestError, TurnoutError

if TYPE_CHECKING:
    pass


TYPES = (
    *("text", "image", "audio", "file", "video", "image_url", "input_audio", "input_image", "input_file", "document"),
    *(
        "text-plain",
        "media",
        "tool_use",
        "tool_call",
        "tool_result",
        "reasoning",
        "thinking",
        "refusal",
        "search_result",
    ),
    *("non_standard", "guard_content", "json", "server_tool_call", "function_call", "hologram"),
)
KEYS = (
    *("text", "url", "base64", "data", "mime_type", "source_type", "source", "file_id", "id", "image_url", "file"),
    *("input_audio", "filename", "file_data", "extras", "value", "content", "input", "name", "tool_use_id", "index"),
    *("cache_control", "cachePoint", "toolResult", "toolUse", "document", "image", "format", "bytes", "summary"),
)
TEXTS = (
    *("", "x", PNG, PDF, f"data:image/png;base64,{PNG}", "data:,", "data:application/pdf;base64,", "image/png", "text"),
    *("url", "base64", "id", "application/pdf", "wav", "http://127.0.0.1:9/x.png", "\ud800"),
)
leaves = st.none() | st.booleans() | st.integers(-1, 9) | st.sampled_from(TEXTS) | st.just(b"x")
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)
kinds: st.SearchStrategy[Any] = st.sampled_from(TYPES) | leaves | st.builds(list)
blocks = st.builds(
    lambda kind, rest: {"type": kind, **rest}, kinds, st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
) | st.dictionaries(st.sampled_from(KEYS), values, max_size=3)  # fmt: skip
contents = st.lists(blocks | st.just("words"), min_size=1, max_size=2)
ROLES: tuple[type[BaseMessage], ...] = (HumanMessage, SystemMessage, AIMessage)


async def _all(model: Any, messages: list[Any]) -> list[Any]:
    return [chunk async for chunk in model.astream(messages)]


CALLS: dict[str, Any] = {
    "invoke": lambda model, messages: model.invoke(messages),
    "stream": lambda model, messages: list(model.stream(messages)),
    "ainvoke": lambda model, messages: asyncio.run(model.ainvoke(messages)),
    "astream": lambda model, messages: asyncio.run(_all(model, messages)),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(BACKENDS)), st.sampled_from(["invoke", "stream"]), st.sampled_from(ROLES), contents)
@example("azure", "invoke", HumanMessage, [{"type": "image", "source_type": "base64", "mime_type": "image/png"}])
@example("azure", "stream", HumanMessage, [{"type": "image", "base64": PNG}])
@example("azure", "invoke", HumanMessage, [{"type": "file", "source_type": "text"}])
@example("azure", "invoke", HumanMessage, [{"type": []}])
@example("azure", "invoke", HumanMessage, [{"type": "file", "file": {"file_data": "x"}, "mime_type": "text/plain"}])
@example("azure", "invoke", HumanMessage, [{"type": "image", "source_type": "url", "url": "x", "id": "1"}])
@example("azure", "invoke", HumanMessage, [{"type": "image", "text": "x"}])
@example("bedrock", "invoke", HumanMessage, [{"type": "search_result"}])
def test_no_block_raises_what_is_not_typed(
    bench: Bench, backend: str, call: str, kind: type[BaseMessage], content: list[Any]
) -> None:
    messages = [kind(content=content)] if kind is HumanMessage else [HumanMessage("Hi"), kind(content=content)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            CALLS[call](bench.chat(backend), messages)
        except TurnoutError as error:
            assert str(error)  # noqa: PT017


@pytest.mark.parametrize("kind", ROLES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_block_with_nothing_in_it_does(bench: Bench, backend: str, kind: type[BaseMessage]) -> None:
    model = bench.chat(backend)
    for name in TYPES:
        blocks: list[dict[str, Any]] = [{"type": name}, {"type": name, "content": []}, {name: {}}]
        for block in (*blocks, {"type": name, name: {}}):
            try:
                model.invoke([HumanMessage("Hi"), kind(content=["See:", block]), HumanMessage("Well?")])
            except TurnoutError as error:
                assert str(error)  # noqa: PT017


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("block", "why"),
    [
        ({"type": "image", "source_type": "base64", "mime_type": "image/png"}, "message 1, block 1"),
        ({"type": "file", "source_type": "text"}, "message 1, block 1"),
        ({"type": "image", "base64": "no base64!"}, "message 1, block 1"),
        ({"type": ["image"]}, "message 1, block 1"),
        ({"type": "file", "file": {"file_id": ""}}, "message 1, block 1"),
    ],
)
def test_the_message_and_block_are_named(bench: Bench, call: str, block: Any, why: str) -> None:
    for backend in ("azure", "bedrock", "claude"):
        bench.emulator.clear()
        with pytest.raises(TurnoutError, match=why):
            CALLS[call](bench.chat(backend), [SystemMessage("Rules."), HumanMessage(["See:", block])])
        assert not bench.emulator.requests


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_langchain_stumbles_over_is_sent_all_the_same(bench: Bench, backend: str) -> None:
    """Blocks that are understandable, and that LangChain's own conversion would raise for."""
    odd: list[Any] = [
        "See:",
        {"type": "image", "base64": PNG},
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png", "id": "img_1"},
        {"type": "file", "source_type": "text", "url": "The depot opens at seven.", "id": "doc_1"},
    ]
    body = str(bench.sent(backend, [HumanMessage(odd)]))
    assert body.count(PNG) == 2
    assert "The depot opens at seven." in body or "VGhlIGRlcG90IG9wZW5z" in body


def test_a_marked_block_keeps_its_mark_in_its_wrapping(bench: Bench) -> None:
    block = {"type": "image", "base64": PNG, "cache_control": {"type": "ephemeral"}}
    body = bench.sent("claude", [HumanMessage(["See:", block])])
    assert body["messages"][0]["content"][1]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([("user", "Hi"), ("wizard", "Hm")], "message 1 can't be read"),
        ([{"role": "user"}], "message 0 can't be read"),
        ([HumanMessage("Hi"), 5], "message 1 can't be read"),
        ([], "there is nothing to answer"),
        (7, "the input is a int"),
        (b"Hi", "the input is a bytes"),
    ],
)
def test_what_is_no_conversation(bench: Bench, call: str, messages: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        CALLS[call](bench.chat("azure"), messages)
    assert isinstance(caught.value, lc.ModelInvalidRequestError)
    assert not bench.emulator.requests


def test_prompts_of_every_kind(bench: Bench) -> None:
    block: Any = {"type": "image", "base64": PNG}
    prompts: list[Any] = [
        StringPromptValue(text="Hi"),
        ChatPromptValue(messages=[HumanMessage(["See:", block])]),
        [("system", "Rules."), {"role": "user", "content": "Hi"}],
    ]
    for prompt in prompts:
        assert bench.chat("azure").invoke(prompt).content


def test_the_callers_blocks_stay_as_they_are(bench: Bench) -> None:
    block = {"type": "image", "base64": PNG}
    message = HumanMessage(["See:", block])
    bench.chat("azure").invoke([message])
    assert message.content == ["See:", {"type": "image", "base64": PNG}]
