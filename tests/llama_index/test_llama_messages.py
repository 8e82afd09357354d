"""LlamaIndex's messages of every class and age as turns, and turns as messages."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from openai.types.chat import ChatCompletionMessageToolCall
from openai.types.chat.chat_completion_message_tool_call import Function

from turnout.conversation import turns
from turnout.conversation.turns import Attachment, Call, Reasoning, Source, Text, Turn
from turnout.errors import InvalidRequestError
from turnout.llama_index.messages import read, write

if TYPE_CHECKING:
    from pathlib import Path

CALL = ToolCallBlock(tool_call_id="c1", tool_name="weather", tool_kwargs={"city": "Bern"})
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def turn(role: str, *blocks: Any, **extra: Any) -> Turn:
    (found,) = read([ChatMessage(role=MessageRole(role), blocks=list(blocks), additional_kwargs=extra)])
    return found


def attachment(block: Any) -> Attachment:
    (part,) = turn("user", block).parts
    assert isinstance(part, Attachment)
    return part


# --- reading


@pytest.mark.parametrize(
    ("given", "meant", "readable"),
    [
        ({"a": 1}, {"a": 1}, True),
        ('{"a": 1}', {"a": 1}, True),
        ("", {}, True),
        ('{"a": "be', {"a": "be"}, False),
        ('{"a": 1, "b', {"a": 1}, False),
        ("[1]", {}, False),
        ("nonsense", {}, False),
    ],
)
def test_arguments(given: Any, meant: dict[str, object], readable: bool) -> None:
    (call,) = turn("assistant", CALL.model_copy(update={"tool_kwargs": given})).calls
    assert (call.arguments, call.readable) == (meant, readable)


@pytest.mark.parametrize(
    "left",
    [
        ChatCompletionMessageToolCall(
            id="c1", type="function", function=Function(name="weather", arguments='{"city": "Bern"}')
        ),
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}},
        {"toolUseId": "c1", "name": "weather", "input": {"city": "Bern"}},
        {"tool_id": "c1", "tool_name": "weather", "tool_kwargs": {"city": "Bern"}},
    ],
    ids=["openai object", "openai dict", "converse", "selection"],
)
def test_calls_that_an_integration_left_in_additional_kwargs(left: object) -> None:
    assert turn("assistant", tool_calls=[left]).parts == [Call("c1", "weather", {"city": "Bern"})]


def test_blocks_are_not_doubled_by_what_is_left() -> None:
    left = [{"id": "c1", "function": {"name": "weather", "arguments": "{}"}}]
    assert turn("assistant", CALL, tool_calls=left).parts == [Call("c1", "weather", {"city": "Bern"})]


@pytest.mark.parametrize(
    ("role", "read_as", "developer"),
    [
        ("system", "system", False),
        ("developer", "system", True),
        ("chatbot", "assistant", False),
        ("model", "assistant", False),
        ("user", "user", False),
    ],
)
def test_roles(role: str, read_as: str, developer: bool) -> None:
    found = turn(role, TextBlock(text="x"))
    assert (found.role, found.developer, found.parts) == (read_as, developer, [Text("x")])


@pytest.mark.parametrize("role", ["tool", "function"])
@pytest.mark.parametrize("name", ["tool_call_id", "call_id"])
def test_a_result(role: str, name: str) -> None:
    found = turn(role, TextBlock(text="No."), **{name: "c1", "status": "error", "name": "weather"})
    assert (found.role, found.call_id, found.failed, found.name) == ("tool", "c1", True, "weather")


@pytest.mark.parametrize("left", [{}, {"tool_call_id": []}, {"tool_call_id": None}])
def test_a_result_of_no_call(left: dict[str, object]) -> None:
    assert turn("tool", **left).call_id is None


def test_messages_with_nothing_in_them() -> None:
    messages = [ChatMessage(" "), ChatMessage(role=MessageRole.ASSISTANT, content=""), ChatMessage("x")]
    assert [found.index for found in read(messages)] == [2]


def test_marks_for_caching() -> None:
    marks = [CacheControl(type="default"), CacheControl(type="ephemeral", ttl="1h")]
    found = turn("user", TextBlock(text="x"), *(CachePoint(cache_control=mark) for mark in marks))
    assert found.parts[1:] == [turns.CachePoint(converse=True), turns.CachePoint("1h")]


def test_reasoning() -> None:
    made_by = {"backend": "b", "wire": "w", "deployment": "d", "model": "m"}
    information = {"id": "rs_1", "encrypted_content": "…", "turnout": made_by}
    found = turn("assistant", ThinkingBlock(content="Hm.", additional_information=information))
    assert found.source == Source("b", "w", "d", "m")
    (part,) = found.parts
    assert isinstance(part, Reasoning)
    assert part.item == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": "…",
    }


def test_files_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "lamp.png"
    path.write_bytes(PNG)
    address = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    for block in (
        ImageBlock(image=PNG),
        ImageBlock(image=BytesIO(PNG)),
        ImageBlock(path=path),
        ImageBlock(url=address),
        DocumentBlock(data=PNG, document_mimetype="image/png"),
    ):
        found = attachment(block)
        assert (found.data, found.url) == (PNG, None)
    found = attachment(ImageBlock(url="https://example.com/lamp.png", detail="low"))
    assert (found.url, found.data, found.options) == ("https://example.com/lamp.png", None, {"detail": "low"})


def test_names_and_types_of_documents(tmp_path: Path) -> None:
    path = tmp_path / "lamps.md"
    path.write_text("Green.", encoding="utf-8")
    by_path = DocumentBlock(path=path)
    assert attachment(by_path.model_copy(update={"title": None, "document_mimetype": None})).mime == "text/markdown"
    assert attachment(DocumentBlock(data=b"x", document_mimetype="text/plain", title="a.txt")).name == "a.txt"
    assert attachment(DocumentBlock(data=b"x", document_mimetype="text/plain")).name is None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    block = DocumentBlock(data=b"x").model_copy(update={"data": None, "path": tmp_path / "none.txt"})
    with pytest.raises(InvalidRequestError, match=r"message 0, block 0: .*none\.txt can't be read"):
        turn("user", block)


def test_the_callers_messages_are_not_changed() -> None:
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[TextBlock(text="x"), CALL.model_copy()])
    before = message.model_copy(deep=True)
    (found,) = read([message])
    found.calls[0].arguments["city"] = "Zug"
    found.parts.clear()
    assert message == before


# --- writing for Chat Completions


def test_texts_are_told_apart() -> None:
    (message,) = write([Turn(0, "user", [Text("a"), Text("b")])])
    assert message.content == "a\nb"
    assert len(message.blocks) == 1


def test_calls_and_results() -> None:
    asked, result = write(
        [
            Turn(0, "assistant", [Text("Let me see."), Call("c1", "weather", {"city": "Zürich"})]),
            Turn(1, "tool", [Text("Sunny.")], call_id="c1"),
        ]
    )
    assert isinstance(asked.blocks[1], ToolCallBlock)
    assert asked.blocks[1].tool_kwargs == '{"city": "Zürich"}'
    assert (result.role, result.additional_kwargs) == (MessageRole.TOOL, {"tool_call_id": "c1"})


def test_files() -> None:
    document = Attachment("document", data=b"%PDF-1", mime="application/pdf", name="a.pdf")
    parts = [
        Attachment("image", data=PNG, mime="image/png", options={"detail": "low"}),
        Attachment("image", url="https://example.com/lamp.png"),
        Attachment("audio", data=b"RIFF", mime="audio/wav", format="wav"),
        document,
    ]
    (message,) = write([Turn(0, "user", [*parts])])
    image, by_address, sound, file = message.blocks
    assert isinstance(image, ImageBlock)
    assert image.resolve_image().read() == PNG
    assert (image.image_mimetype, image.detail) == ("image/png", "low")
    assert isinstance(by_address, ImageBlock)
    assert str(by_address.url) == "https://example.com/lamp.png"
    assert isinstance(sound, AudioBlock)
    assert sound.format == "wav"
    assert isinstance(file, DocumentBlock)
    assert (file.title, file.document_mimetype) == ("a.pdf", "application/pdf")
