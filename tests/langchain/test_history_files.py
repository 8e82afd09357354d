"""Images, documents, sounds and films in a history, in every form that LangChain and the services have."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from tests.langchain.history_support import BACKENDS, PDF, PNG, WIRES, Bench, aportable_history, portable_history, route
from turnout.conversation.media import Media
from turnout.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    pass

URL = "https://example.com/pictures/map.png?sig=secret"
PNG_BYTES, PDF_BYTES = base64.b64decode(PNG), base64.b64decode(PDF)

IMAGES: dict[str, dict[str, Any]] = {
    "openai": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    "openai, short": {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
    "responses": {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
    "langchain": {"type": "image", "base64": PNG, "mime_type": "image/png"},
    "langchain, wrong type": {"type": "image", "base64": PNG, "mime_type": "image/jpeg"},
    "langchain, no type": {"type": "image", "base64": PNG},
    "langchain, data address": {"type": "image", "url": f"data:image/png;base64,{PNG}"},
    "langchain 0.3": {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
    "anthropic": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    "converse": {"image": {"format": "png", "source": {"bytes": PNG_BYTES}}},
    "converse, with a type": {"type": "image", "image": {"format": "png", "source": {"bytes": PNG_BYTES}}},
    "google": {"type": "media", "mime_type": "image/png", "data": PNG_BYTES},
    "as a file": {"type": "file", "base64": PNG, "mime_type": "image/png"},
}
LINKS: dict[str, dict[str, Any]] = {
    "openai": {"type": "image_url", "image_url": {"url": URL}},
    "openai, short": {"type": "image_url", "image_url": URL},
    "responses": {"type": "input_image", "image_url": URL},
    "langchain": {"type": "image", "url": URL},
    "langchain 0.3": {"type": "image", "source_type": "url", "url": URL},
    "anthropic": {"type": "image", "source": {"type": "url", "url": URL}},
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "openai": {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.b.pdf"}},
    "responses": {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.b.pdf"},
    "langchain": {"type": "file", "base64": PDF, "mime_type": "application/pdf", "filename": "a.b.pdf"},
    "langchain, extras": {"type": "file", "base64": PDF, "extras": {"filename": "a.b.pdf"}},
    "langchain 0.3": {
        "type": "file",
        "source_type": "base64",
        "data": PDF,
        "mime_type": "application/pdf",
        "metadata": {"filename": "a.b.pdf"},
    },
    "anthropic": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        "title": "a.b.pdf",
    },
    "converse": {"document": {"format": "pdf", "name": "a.b.pdf", "source": {"bytes": PDF_BYTES}}},
}
TEXTS: dict[str, dict[str, Any]] = {
    "langchain": {"type": "text-plain", "text": "the words", "mime_type": "text/plain", "title": "a"},
    "langchain, file": {
        "type": "file",
        "base64": base64.b64encode(b"the words").decode(),
        "mime_type": "text/markdown",
    },
    "langchain 0.3": {"type": "file", "source_type": "text", "text": "the words"},
    "anthropic": {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "the words"}},
    "anthropic, in blocks": {
        "type": "document",
        "source": {"type": "content", "content": [{"type": "text", "text": "the words"}]},
    },
    "converse": {"document": {"format": "txt", "name": "a", "source": {"bytes": b"the words"}}},
}


def block_of(block: dict[str, Any], wire: str, **kwargs: Any) -> Any:
    """What becomes of a block in a user's message."""
    (message,) = portable_history([HumanMessage(["See:", block])], route(wire), has_tools=False, **kwargs)
    assert isinstance(message.content, list)
    assert message.content[0] == {"type": "text", "text": "See:"}
    return message.content[1]


def never(url: str) -> Media:
    raise AssertionError(url)


# --- as data

IMAGE_ON: dict[str, Any] = {
    "openai-chat": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    "openai-responses": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    "bedrock-converse": {"image": {"format": "png", "source": {"bytes": PNG_BYTES}}},
    "anthropic-messages": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
}
PDF_ON: dict[str, Any] = {
    "openai-chat": {
        "type": "file",
        "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.b.pdf"},
    },
    "openai-responses": {
        "type": "file",
        "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.b.pdf"},
    },
    "bedrock-converse": {"document": {"format": "pdf", "name": "a b", "source": {"bytes": PDF_BYTES}}},
    "anthropic-messages": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        "title": "a.b.pdf",
    },
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("form", IMAGES)
def test_an_image_in_any_form(wire: str, form: str) -> None:
    assert block_of(IMAGES[form], wire, fetch=never) == IMAGE_ON[wire]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("form", DOCUMENTS)
def test_a_document_in_any_form(wire: str, form: str) -> None:
    assert block_of(DOCUMENTS[form], wire, fetch=never) == PDF_ON[wire]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("form", TEXTS)
def test_a_text_document_in_any_form(wire: str, form: str) -> None:
    block = block_of(TEXTS[form], wire, fetch=never)
    match wire:
        case "bedrock-converse":
            assert block["document"]["source"] == {"bytes": b"the words"}
            assert block["document"]["format"] in {"txt", "md"}
        case "anthropic-messages":
            assert block["source"] == {"type": "text", "media_type": "text/plain", "data": "the words"}
        case _:
            assert block["type"] == "text"
            assert "\nthe words\n" in block["text"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_services_accept_them_all(bench: Bench, backend: str) -> None:
    # Some forms LangChain itself can't read any more, and raises before any model sees them.
    images = [block for form, block in IMAGES.items() if form != "langchain, no type"]
    documents = [block for form, block in DOCUMENTS.items() if form != "langchain, extras"]
    texts = [block for form, block in TEXTS.items() if form != "langchain 0.3"]
    messages: list[BaseMessage] = [HumanMessage(["What is this?", *images, *texts]), HumanMessage([images[0]])]
    for begun in range(0, len(documents), 5):  # Bedrock takes so many in a message
        messages += [AIMessage("Well."), HumanMessage(["And this?", *documents[begun : begun + 5]])]
    body = json.dumps(bench.sent(backend, messages))
    assert body.count(PNG) == len(images) + 1
    assert body.count(PDF) == len(documents)


def test_documents_that_share_a_name_get_names_of_their_own_on_converse(bench: Bench) -> None:
    named = [{"type": "file", "base64": PDF, "filename": name} for name in ("x.pdf", "x.pdf", "Ü!.pdf", "", "y" * 300)]
    more = HumanMessage(["And:", DOCUMENTS["converse"], named[0]])
    body = bench.sent("bedrock", [HumanMessage(["See:", *named]), AIMessage("Well."), more])
    contents = [block for message in body["messages"] for block in message["content"]]
    names = [block["document"]["name"] for block in contents if "document" in block]
    assert names == ["x", "x 2", "Document", "Document 2", "y" * 200, "a b", "x 3"]


def test_converse_gets_words_beside_a_lone_document(bench: Bench) -> None:
    body = bench.sent("bedrock", [HumanMessage([DOCUMENTS["openai"]])])
    assert body["messages"][0]["content"][0] == {"text": "Attached: a b"}


def test_options_stay_where_they_mean_something() -> None:
    detailed = {"type": "image_url", "image_url": {"url": URL, "detail": "low"}}
    assert block_of(detailed, "openai-chat")["image_url"] == {"url": URL, "detail": "low"}
    assert "detail" not in json.dumps(block_of(detailed, "anthropic-messages"))
    cited = DOCUMENTS["anthropic"] | {"citations": {"enabled": True}, "cache_control": {"type": "ephemeral"}}
    assert block_of(cited, "anthropic-messages") == PDF_ON["anthropic-messages"] | {
        "citations": {"enabled": True},
        "cache_control": {"type": "ephemeral"},
    }
    del cited["cache_control"]
    assert block_of(cited, "bedrock-converse")["document"]["citations"] == {"enabled": True}
    assert "citations" not in json.dumps(block_of(cited, "openai-chat"))


# --- by their address


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("form", LINKS)
async def test_an_image_by_its_address_is_fetched_for_converse_alone(wire: str, form: str) -> None:
    asked: list[str] = []

    def fetch(url: str) -> Media:
        asked.append(url)
        return Media(PNG_BYTES, "image/png")

    async def afetch(url: str) -> Media:
        return fetch(url)

    messages = [HumanMessage(["See:", LINKS[form]]), HumanMessage([LINKS[form]])]
    written = portable_history(messages, route(wire), has_tools=False, fetch=fetch)
    assert asked == ([URL] if wire == "bedrock-converse" else [])
    block: Any = written[0].content[1]
    match wire:
        case "bedrock-converse":
            assert block == IMAGE_ON[wire]
        case "anthropic-messages":
            assert block == {"type": "image", "source": {"type": "url", "url": URL}}
        case _:
            assert block == {"type": "image_url", "image_url": {"url": URL}}
    assert await aportable_history(messages, route(wire), has_tools=False, fetch=afetch) == written


def test_an_address_that_gives_something_else_is_refused() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"message 0, block 1 holds an image, and https://.*map\.png is application/pdf"
    ):
        block_of(LINKS["openai"], "bedrock-converse", fetch=lambda _: Media(PDF_BYTES, "application/pdf"))


def test_what_cannot_be_fetched_is_refused_before_anything_is_sent(bench: Bench) -> None:
    internal = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest/meta-data"}}
    with pytest.raises(
        InvalidRequestError,
        match=r"message 0, block 0: http://169.254.169.254/latest/meta-data isn't fetched: .* internal",
    ) as caught:
        bench.chat("bedrock").invoke([HumanMessage([internal])])
    assert caught.value.backend == "bedrock"
    assert bench.emulator.requests == []


@pytest.mark.parametrize("wire", WIRES)
def test_a_document_by_its_address(wire: str) -> None:
    link = {"type": "file", "url": "https://example.com/papers/plan%201.pdf?sig=secret"}
    block = block_of(link, wire, fetch=lambda _: Media(PDF_BYTES, "application/pdf"))
    match wire:
        case "bedrock-converse":
            assert block["document"]["name"] == "plan 1"
        case "anthropic-messages":
            assert block == {"type": "document", "source": {"type": "url", "url": link["url"]}}
        case "openai-chat":
            assert block["file"] == {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "plan 1.pdf"}
        case _:
            assert block == {"type": "input_file", "file_url": link["url"]}


@pytest.mark.parametrize("wire", WIRES)
def test_what_lies_in_s3_is_for_bedrock(wire: str) -> None:
    stored = {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}}
    for block in (stored, {"type": "image", "url": "s3://bucket/a.jpg"}):
        if wire == "bedrock-converse":
            assert block_of(block, wire, fetch=never) == stored
        else:
            with pytest.raises(UnsupportedError, match=r"message 0, block . holds an image \(in S3\), which the wire"):
                block_of(block, wire, fetch=never)


def test_uploaded_files_are_for_the_services_that_have_them() -> None:
    uploaded = {"type": "file", "file": {"file_id": "file-1"}}
    assert block_of(uploaded, "openai-chat") == uploaded
    assert block_of(uploaded, "openai-responses") == {"type": "input_file", "file_id": "file-1"}
    assert block_of(uploaded, "anthropic-messages")["source"] == {"type": "file", "file_id": "file-1"}
    with pytest.raises(UnsupportedError, match=r"message 0, block . holds a document \(by a file's id\)"):
        block_of(uploaded, "bedrock-converse")


# --- sounds, films, and what can't be taken


@pytest.mark.parametrize("wire", WIRES)
def test_sounds_are_for_openai_chat(wire: str) -> None:
    for block in (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"},
    ):
        if wire == "openai-chat":
            assert block_of(block, wire) == {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
        else:
            with pytest.raises(
                UnsupportedError, match=f"message 0, block . holds an audio .audio/wav., which the wire {wire}"
            ):
                block_of(block, wire)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("block", "kind", "said"),
    [
        ({"type": "image", "base64": "no base64!"}, InvalidRequestError, "message 0, block 1 isn't valid base64"),
        ({"type": "image"}, InvalidRequestError, "message 0, block 1 is of type 'image' and holds no data"),
        ({"type": "image", "base64": "AAAA"}, InvalidRequestError, "message 0, block 1 holds data of an unknown type"),
        (
            {"type": "image", "base64": "AAAA", "mime_type": "image/tiff"},
            UnsupportedError,
            "an image of type 'image/tiff'",
        ),
        ({"type": "image", "url": "ftp://example.com/a.png"}, UnsupportedError, "no address that a service can read"),
        ({"type": "image", "base64": "A" * 30_000_000}, InvalidRequestError, "larger than 20,971,520 bytes"),
        ({"type": "file", "base64": "AAAA", "mime_type": "application/zip"}, UnsupportedError, "application/zip"),
    ],
)
def test_what_cannot_be_taken_is_refused(wire: str, block: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises((InvalidRequestError, UnsupportedError), match=said) as caught:
        block_of(block, wire)
    assert isinstance(caught.value, kind)


@pytest.mark.parametrize(
    ("wire", "model"),
    [("bedrock-converse", "amazon.nova-micro-v1:0"), ("openai-chat", "openai.gpt-oss-120b")],
)
def test_a_model_that_reads_no_images_gets_none(wire: str, model: str) -> None:
    messages = [HumanMessage("Hi"), HumanMessage([IMAGES["openai"]])]
    with pytest.raises(UnsupportedError, match=r"message 1, block . holds an image, and .* reads none"):
        portable_history(messages, route(wire, model), has_tools=False)
    assert portable_history(messages, route(wire, "a-model-of-ours"), has_tools=False)


def test_a_system_message_holds_no_files() -> None:
    with pytest.raises(UnsupportedError, match="message 0 is a system message and holds a file"):
        portable_history([SystemMessage([IMAGES["openai"]]), HumanMessage("Hi")], route("openai-chat"), has_tools=False)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_image_that_an_assistant_made_is_only_mentioned(bench: Bench, backend: str) -> None:
    messages = [HumanMessage("Draw."), AIMessage(["Here: ", IMAGES["langchain"]]), HumanMessage("Thanks.")]
    body = json.dumps(bench.sent(backend, messages))
    assert "Here: [image]" in body
    assert PNG not in body


# --- in the results of tools


def seen(*content: Any) -> list[BaseMessage]:
    calls = [tool_call(name="weather", args={}, id=one) for one in ("a", "b")]
    return [
        HumanMessage("Look."),
        AIMessage("", tool_calls=calls),
        ToolMessage(list(content), tool_call_id="a"),
        ToolMessage("done", tool_call_id="b"),
        HumanMessage("Well?"),
    ]


@pytest.mark.parametrize("tools", [True, False])
@pytest.mark.parametrize("backend", BACKENDS)
def test_services_accept_files_in_the_results_of_tools(bench: Bench, backend: str, *, tools: bool) -> None:
    messages = seen("See:", IMAGES["langchain"], DOCUMENTS["langchain"])
    body = json.dumps(bench.sent(backend, messages, tools=tools))
    assert body.count(PNG) == 1
    assert body.count(PDF) == 1


def test_where_the_files_of_results_go() -> None:
    messages = seen(IMAGES["langchain"], DOCUMENTS["langchain"])
    chat = portable_history(messages, route("openai-chat"), has_tools=True)
    assert [message.type for message in chat] == ["human", "ai", "tool", "tool", "human", "human"]
    assert chat[2].content == "The result is attached below."
    assert chat[4].content == [
        {"type": "text", "text": "Returned by weather:"},
        IMAGE_ON["openai-chat"],
        PDF_ON["openai-chat"],
    ]
    for wire in ("openai-responses", "bedrock-converse", "anthropic-messages"):
        written = portable_history(messages, route(wire), has_tools=True)
        assert [message.type for message in written] == ["human", "ai", "tool", "tool", "human"]
        assert written[2].content == [IMAGE_ON[wire], PDF_ON[wire]]


def test_nova_gets_documents_after_the_results(bench: Bench) -> None:
    body = bench.sent("bedrock", seen(IMAGES["langchain"], DOCUMENTS["langchain"]), tools=True, model="nova")
    kinds = [next(iter(block)) for block in body["messages"][2]["content"]]
    assert kinds == ["toolResult", "toolResult", "text", "document", "text"]
    assert "image" in body["messages"][2]["content"][0]["toolResult"]["content"][0]
