"""Histories: who speaks and when, empty and odd messages, stored ones, what it costs, and that nothing is changed."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.messages.tool import tool_call
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from tests.langchain.history_support import BACKENDS, PNG, WIRES, Bench, aportable_history, portable_history, route
from turnout.errors import InvalidRequestError, TurnoutError, UnsupportedError

if TYPE_CHECKING:
    pass


def shape(messages: list[BaseMessage]) -> list[tuple[str, Any]]:
    return [(message.type, message.content) for message in messages]


# --- who speaks, and when


SYSTEMS = [
    SystemMessage("One."),
    HumanMessage("Hi?"),
    SystemMessage("Two."),
    AIMessage("Hello."),
    SystemMessage("Three."),
]


@pytest.mark.parametrize("wire", WIRES)
def test_system_messages_stay_or_come_first_as_the_wire_wants(wire: str) -> None:
    written = shape(portable_history(SYSTEMS, route(wire), has_tools=False))
    if wire.startswith("openai"):
        assert written == shape(list(SYSTEMS))
    else:
        spoken = [("human", "Hi?"), ("ai", "Hello."), ("human", "Go on.")]  # the model takes no beginning of an answer
        assert written == [("system", "One.\n\nTwo.\n\nThree."), *spoken]


@pytest.mark.parametrize("backend", BACKENDS)
def test_services_accept_system_messages_anywhere(bench: Bench, backend: str) -> None:
    body = json.dumps(bench.sent(backend, [*SYSTEMS, HumanMessage("And?")]))
    assert body.index("One.") < body.index("Two.") < body.index("Three.")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "messages",
    [
        [SystemMessage("Say hello.")],
        [SystemMessage("Be brief."), SystemMessage("Say hello.")],
        [AIMessage("Welcome!"), HumanMessage("Say hello.")],
        [
            HumanMessage("One."),
            HumanMessage("Say hello."),
            AIMessage("Hm."),
            AIMessage("Well."),
            HumanMessage("Go on."),
        ],
    ],
)
def test_services_accept_any_order_of_speakers(bench: Bench, backend: str, messages: list[BaseMessage]) -> None:
    body = json.dumps(bench.sent(backend, messages))
    assert all(message.text in body for message in messages)


def test_developer_messages_stay_so_on_openai_alone() -> None:
    message = SystemMessage("Be brief.", additional_kwargs={"__openai_role__": "developer"})
    for wire in WIRES:
        kept = portable_history([message, HumanMessage("Hi")], route(wire), has_tools=False)[0].additional_kwargs
        assert kept == ({"__openai_role__": "developer"} if wire.startswith("openai") else {})


@pytest.mark.parametrize("wire", WIRES)
def test_names_are_sent_where_there_is_a_place_for_them(wire: str) -> None:
    names = ["ada", "Ada Lovelace", "<script>", "x" * 90, " |/ "]
    messages = [HumanMessage("Hi", name=name) for name in names]
    messages.append(HumanMessage("Hi", additional_kwargs={"name": "Bob B."}))
    written = [message.name for message in portable_history(messages, route(wire), has_tools=False)]
    if wire.startswith("openai"):
        assert written == ["ada", "Ada_Lovelace", "script", "x" * 64, None, "Bob_B."]
    else:
        assert not any(written)


@pytest.mark.parametrize("backend", BACKENDS)
def test_services_accept_names(bench: Bench, backend: str) -> None:
    messages = [HumanMessage("Hi", name="Ada Lovelace"), AIMessage("Hello.", name="a/b"), HumanMessage("And?")]
    body = json.dumps(bench.sent(backend, messages))
    assert ("Ada_Lovelace" in body) == (backend == "azure")


# --- what is empty, odd or unknown


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_empty_is_left_out(wire: str) -> None:
    blank = {"type": "text", "text": " \n"}
    messages = [
        SystemMessage(""),
        HumanMessage([blank, "", {"type": "text", "text": "Hi?"}]),
        AIMessage(""),
        AIMessage([blank]),
        HumanMessage("  "),
        HumanMessage([]),
        AIMessage("Hello."),
        HumanMessage("And?"),
    ]
    written = shape(portable_history(messages, route(wire), has_tools=False))
    assert written == [("human", "Hi?"), ("ai", "Hello."), ("human", "And?")]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("messages", [[], [HumanMessage("")], [SystemMessage(" "), AIMessage([])]])
def test_nothing_to_answer_is_refused(wire: str, messages: list[BaseMessage]) -> None:
    with pytest.raises(InvalidRequestError, match="nothing to answer"):
        portable_history(messages, route(wire), has_tools=False)


@pytest.mark.parametrize("wire", WIRES)
def test_other_classes_of_messages_are_read(wire: str) -> None:
    messages = [
        SystemMessageChunk(content="Be brief."),
        ChatMessage(role="user", content="Hi?"),
        ChatMessage(role="assistant", content="Hello."),
        HumanMessageChunk(content="And?"),
        AIMessageChunk(content="Well."),
        {"role": "user", "content": "Go on."},
        ("user", "Please."),
    ]
    written = portable_history(messages, route(wire), has_tools=False)
    last = ["human", "human"] if wire.startswith("openai") else ["human"]  # in which the user speaks once at a time
    assert [message.type for message in written] == ["system", "human", "ai", "human", "ai", *last]
    assert type(written[3]) is HumanMessage


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (RemoveMessage(id="1"), "message 1 is a RemoveMessage"),
        (ChatMessage(role="narrator", content="Once"), "message 1 has the role 'narrator'"),
        ({"role": "narrator", "content": "Once"}, "message 1 can't be read"),
        ({"content": "Once"}, "message 1 can't be read"),
        (42, "message 1 can't be read"),
        (HumanMessage([{"type": "text", "text": 42}]), "message 1, block 0 is text, and its text is a int"),
        (HumanMessage([{"nonsense": 1}]), "message 1, block 0 has no type"),
    ],
)
def test_what_is_no_message_is_refused(wire: str, odd: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        portable_history([HumanMessage("Hi"), odd], route(wire), has_tools=False)


@pytest.mark.parametrize("wire", WIRES)
def test_a_block_of_an_unknown_kind_is_refused_from_the_user_and_left_out_of_answers(wire: str) -> None:
    odd: Any = {"type": "hologram", "data": "x"}
    with pytest.raises(UnsupportedError, match="message 0, block 1 is of type 'hologram'"):
        portable_history([HumanMessage(["See:", odd])], route(wire), has_tools=False)
    written = portable_history([HumanMessage("Hi"), AIMessage(["See:", odd])], route(wire), has_tools=False)
    assert written[1].content == "See:"


@pytest.mark.parametrize("wire", WIRES)
def test_blocks_for_one_service_are_kept_there_and_told_elsewhere(wire: str) -> None:
    blocks: list[str | dict[str, Any]] = [
        {"type": "text", "text": "Read:", "cache_control": {"type": "ephemeral"}},
        {"cachePoint": {"type": "default"}},
        {"type": "guard_content", "text": "the words"},
        {"type": "search_result", "title": "T", "source": "s", "content": [{"type": "text", "text": "found"}]},
    ]
    (message,) = portable_history([HumanMessage(blocks)], route(wire), has_tools=False)
    assert isinstance(message.content, list)
    first: Any = message.content[0]
    assert ("cache_control" in first) == (wire == "anthropic-messages")
    assert ({"cachePoint": {"type": "default"}} in message.content) == (wire == "bedrock-converse")
    text = json.dumps(message.content)
    assert "the words" in text
    assert "found" in text
    if wire.startswith("openai"):
        assert all(isinstance(block, dict) and block["type"] == "text" for block in message.content)


def test_a_refusal_goes_on_as_words() -> None:
    refused: list[str | dict[str, Any]] = [{"type": "refusal", "refusal": "I can't."}]
    for message in (AIMessage(refused), AIMessage("", additional_kwargs={"refusal": "I can't."})):
        for wire in WIRES:
            written = portable_history([HumanMessage("Hi"), message], route(wire), has_tools=False)
            assert written[1].content == "I can't."


# --- stored histories

STORED = [
    SystemMessage("Be brief."),
    HumanMessage([{"type": "text", "text": "See"}, {"type": "image", "base64": PNG, "mime_type": "image/png"}]),
    AIMessage(
        [{"type": "text", "text": "I look."}, {"type": "tool_use", "id": "a:1", "name": "weather", "input": {}}],
        tool_calls=[tool_call(name="weather", args={}, id="a:1")],
        response_metadata={"model_provider": "anthropic"},
    ),
    ToolMessage("sunny", tool_call_id="a:1", status="error", artifact={"x": 1}),
    HumanMessage("And?"),
]


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("wire", WIRES)
def test_stored_histories_are_the_same(wire: str) -> None:
    expected = portable_history(STORED, route(wire), has_tools=True)
    serde = JsonPlusSerializer()
    stored = [
        loads(dumps(STORED), allowed_objects="messages"),
        messages_from_dict(messages_to_dict(STORED)),
        serde.loads_typed(serde.dumps_typed(STORED)),
    ]
    for history in stored:
        assert portable_history(history, route(wire), has_tools=True) == expected


@pytest.mark.parametrize("backend", BACKENDS)
async def test_the_same_is_sent_from_coroutines(bench: Bench, backend: str) -> None:
    await bench.chat(backend).ainvoke(STORED)
    body = bench.emulator.requests[-1].body
    assert body == bench.sent(backend, STORED)


# --- nothing is changed, nothing else is raised


texts = st.sampled_from(["", " ", "Hi", "a\nb", "ü"])
ids = st.sampled_from(["a", "b", "a.b", "", "x" * 50])
blocks = st.one_of(
    texts,
    st.builds(lambda text: {"type": "text", "text": text, "index": 0}, texts),
    st.sampled_from(
        [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "s"}},
            {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "s"}},
            {"type": "tool_use", "id": "a", "name": "weather", "input": {}},
            {"type": "function_call", "call_id": "b", "name": "weather", "arguments": "{", "id": "fc_1"},
            {"type": "image", "base64": PNG, "mime_type": "image/png"},
            {"type": "image_url", "image_url": "https://example.com/a.png"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            {"type": "image", "base64": "no base64!", "mime_type": "image/png"},
            {"type": "image"},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "web_search_call", "id": "ws_1"},
            {"type": "non_standard", "value": {"type": "refusal", "refusal": "no"}},
            {"image": {"format": "png", "source": {"bytes": b"x"}}},
            {"cachePoint": {"type": "default"}},
            {"id": "msg_1", "index": 0},
            {},
            {"type": None},
            {"type": 7},
            {"type": []},
            {"type": "audio", "id": "audio_1"},
            {"type": "image_url", "image_url": {"url": 5}},
            {"type": "document", "source": {"type": "content", "content": [5]}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
            {"type": "reasoning", "extras": "x"},
            {"type": "tool_use", "name": 5, "input": 5},
            {"toolUse": {}},
            {"document": {"source": {"s3Location": "x"}}},
            {"document": {"source": "x"}},
            {"type": "search_result", "content": 5},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "video", "url": "s3://bucket/a.mp4"},
            {"type": "image", "url": "https://["},
        ]
    ),
)
contents: Any = st.one_of(texts, st.lists(blocks, max_size=4))
calls = st.lists(st.builds(lambda one: tool_call(name="weather", args={"c": [1]}, id=one), ids), max_size=2)
metadata = st.sampled_from(
    [{}, {"model_provider": "anthropic"}, *({"backend": "here", "wire": w, "deployment": "prod"} for w in WIRES)]
)
message = st.one_of(
    st.builds(HumanMessage, contents),
    st.builds(SystemMessage, contents),
    st.builds(AIMessage, contents, tool_calls=calls, response_metadata=metadata),
    st.builds(ToolMessage, contents, tool_call_id=ids),
)


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(message, max_size=6), st.sampled_from(WIRES), st.booleans())
def test_any_history_is_written_or_refused_and_never_changed(
    messages: list[BaseMessage], wire: str, has_tools: bool
) -> None:
    before = copy.deepcopy(messages)
    try:
        written = portable_history(messages, route(wire), has_tools=has_tools, fetch=_refuse)
    except TurnoutError:
        pass
    else:
        assert written
        for one in written:
            assert not any(one is given for given in messages)
            if isinstance(one.content, list):
                one.content.clear()
            one.additional_kwargs.clear()
    assert messages == before


def _refuse(url: str) -> Any:
    msg = f"{url} isn't fetched here"
    raise InvalidRequestError(msg)


async def test_both_forms_write_the_same() -> None:
    for wire in WIRES:
        assert await aportable_history(STORED, route(wire), has_tools=True) == portable_history(
            STORED, route(wire), has_tools=True
        )
