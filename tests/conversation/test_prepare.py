"""Turns and requests, fitted to wire and model without a framework."""

from __future__ import annotations

from typing import Any

import pytest

from turnout.conversation.answer_formats import AnswerFormat
from turnout.conversation.attachments import Attachments, addresses
from turnout.conversation.fitting import fit
from turnout.conversation.history import prepare
from turnout.conversation.media import Media
from turnout.conversation.parameters import PARAMETERS
from turnout.conversation.request import Fitted, Request
from turnout.conversation.turns import Attachment, Call, Part, Reasoning, Source, Text, Turn, WireBlock
from turnout.errors import InvalidRequestError, UnsupportedError
from turnout.routing import Route

MODELS = {
    "openai-chat": "gpt-5",
    "openai-responses": "gpt-5",
    "bedrock-converse": "anthropic.claude-sonnet-4-6",
    "anthropic-messages": "claude-sonnet-4-6",
}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def route(wire: str, model: str | None = None) -> Route:
    provider = "bedrock" if wire == "bedrock-converse" else "azure"
    return Route("chat", "default", "here", provider, wire, "prod", model or MODELS[wire])


def prepared(wire: str, *turns: tuple[str, list[Part]], **request: Any) -> list[Turn]:
    where = route(wire)
    made: list[Any] = [Turn(index, role, parts) for index, (role, parts) in enumerate(turns)]  # type: ignore[arg-type]  # a string is a role here
    for turn in made:
        if turn.role == "assistant":
            turn.source = Source("here", wire, "prod")
    return prepare(lambda: made, where, fit(Request(**request), where))


@pytest.mark.parametrize("wire", MODELS)
def test_a_turn_of_nothing_but_reasoning_is_not_sent(wire: str) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    thought = Reasoning("Hm.", "signature", item=item)
    turns = prepared(wire, ("user", [Text("Hi.")]), ("assistant", [thought]), ("user", [Text("Well?")]))
    assert not [turn for turn in turns if turn.role == "assistant"]
    kept = prepared(wire, ("user", [Text("Hi.")]), ("assistant", [thought, Text("Hello.")]), ("user", [Text("Well?")]))
    (answer,) = [turn for turn in kept if turn.role == "assistant"]
    assert answer.native == (wire != "openai-chat")
    assert (thought in answer.parts) == answer.native


@pytest.mark.parametrize(
    ("wire", "part"),
    [
        ("anthropic-messages", Reasoning("Hm.")),  # not signed
        ("bedrock-converse", Reasoning("Hm.")),
        ("bedrock-converse", Reasoning(redacted="no base64")),
        ("openai-responses", Reasoning("Hm.", item={"type": "reasoning", "id": "rs_1", "summary": []})),  # kept nowhere
    ],
)
def test_reasoning_that_its_service_does_not_take_back_is_dropped(wire: str, part: Part) -> None:
    call = Call("call_1", "weather", {}, item_id="fc_1")
    turns = [("user", [Text("Hi.")]), ("assistant", [part, call, Text("I look.")])]
    result = Turn(2, "tool", [Text("sunny")], call_id="call_1")
    where = route(wire)
    read: list[Any] = [Turn(index, role, parts) for index, (role, parts) in enumerate(turns)]  # type: ignore[arg-type]  # a string is a role here
    read[1].source = Source("here", wire, "prod")
    answer = prepare(lambda: [*read, result], where, fit(Request(tools=[TOOL]), where))[1]
    assert (answer.native, answer.parts) == (False, [Text("I look."), call])


@pytest.mark.parametrize("wire", MODELS)
def test_the_user_speaks_once_at_a_time_where_the_wire_wants_that(wire: str) -> None:
    turns = prepared(wire, ("user", [Text("One.")]), ("user", [Text("Two.")]))
    assert len(turns) == (2 if wire.startswith("openai") else 1)
    assert [part for turn in turns for part in turn.parts] == [Text("One."), Text("Two.")]


@pytest.mark.parametrize("wire", MODELS)
def test_errors_name_the_place_and_the_deployment(wire: str) -> None:
    broken = Attachment("image", data="!", mime="image/png", where="message 0, block 1")
    with pytest.raises(InvalidRequestError, match="message 0, block 1") as caught:
        prepared(wire, ("user", [Text("See:"), broken]))
    assert (caught.value.backend, caught.value.deployment) == ("here", "prod")


@pytest.mark.parametrize("wire", MODELS)
def test_a_block_of_some_wires_is_said_in_words_on_the_others(wire: str) -> None:
    block = WireBlock({"type": "x"}, frozenset({"bedrock-converse"}), Text("instead"))
    (turn,) = prepared(wire, ("user", [block]))
    assert turn.parts == [block if wire == "bedrock-converse" else Text("instead")]


@pytest.mark.parametrize("wire", MODELS)
def test_an_instruction_stands_for_a_choice_that_cannot_be_forced(wire: str) -> None:
    where = route(wire, {"anthropic-messages": "claude-opus-5-5"}.get(wire))
    fitted = fit(Request(tools=[TOOL], tool_choice="weather", parameters={"reasoning_effort": "high"}), where)
    in_words = fitted.asked.must_call == "weather"
    assert in_words == (not wire.startswith("openai"))
    assert ("weather" in (fitted.instruction([]) or "")) == in_words
    if in_words:
        with pytest.raises(UnsupportedError, match="was told to call 'weather', and answered without"):
            fitted.check_called(where, called=False)
    fitted.check_called(where, called=True)


def test_an_object_that_comes_as_a_tools_call_is_one_call() -> None:
    form = AnswerFormat("labels", {"type": "object", "additionalProperties": {"type": "string"}}, strict=True)
    fitted = fit(Request(form=form), route("bedrock-converse"))
    assert fitted.arguments["additionalModelRequestFields"] == {"tool_choice": {"disable_parallel_tool_use": True}}
    assert fit(Request(form=form), route("openai-chat")).arguments["parallel_tool_calls"] is False
    nova = fit(Request(form=form), route("bedrock-converse", "amazon.nova-lite-v1:0"))
    assert "additionalModelRequestFields" not in nova.arguments


def test_a_model_of_the_o_series_is_not_told_to_call_one_tool() -> None:
    request = Request({"parallel_tool_calls": False}, tools=[TOOL])
    with pytest.warns(UserWarning, match="parallel_tool_calls is left out"):
        assert "parallel_tool_calls" not in fit(request, route("openai-chat", "o3-mini")).arguments
    request.first_call_only = True  # the framework sees to it itself
    assert "parallel_tool_calls" not in fit(request, route("openai-chat", "o3-mini")).arguments


def test_without_anything_to_fit_only_the_deployment_is_named() -> None:
    assert fit(Request(), route("openai-chat")) == Fitted({"model": "prod"})


@pytest.mark.parametrize("wire", MODELS)
def test_a_sound_by_its_address_is_fetched_where_the_wire_takes_sounds(wire: str) -> None:
    address, data = "https://example.com/hello.wav", b"RIFF\0\0\0\0WAVE"
    turns = [Turn(0, "user", [Attachment("audio", url=address)])]
    if wire != "openai-chat":
        assert addresses(turns, route(wire)) == {}
        return
    assert addresses(turns, route(wire)) == {address: "message 0"}
    found = Attachments(route(wire), {address: Media(data, "audio/wav")}).resolved(Attachment("audio", url=address), "")
    assert isinstance(found, Attachment)
    assert (found.data, found.format, found.url) == (data, "wav", None)


def conversation(model: str, *turns: tuple[str, list[Part]], tools: bool = True) -> list[tuple[str, str]]:
    """What is sent to a model on Converse: who says what."""
    where = Route("chat", "default", "here", "bedrock", "bedrock-converse", "prod", model)
    made: list[Any] = [Turn(index, role, parts) for index, (role, parts) in enumerate(turns)]  # type: ignore[arg-type]  # a string is a role here
    for turn in made:
        turn.source = Source("here", "bedrock-converse", "prod") if turn.role == "assistant" else None
        turn.call_id = "call_1" if turn.role == "tool" else None
    request = Request(parameters=dict.fromkeys(PARAMETERS), tools=[TOOL] if tools else [])
    sent = prepare(lambda: made, where, fit(request, where))
    return [
        (turn.role, "".join(part.text for part in turn.parts if isinstance(part, Text | Reasoning))) for turn in sent
    ]


CALLED: list[tuple[str, list[Part]]] = [
    ("user", [Text("The weather?")]),
    ("assistant", [Call("call_1", "weather", {})]),
    ("tool", [Text("Sunny.")]),
]


@pytest.mark.parametrize("model", ["us.meta.llama3-3-70b-instruct-v1:0", "mistral.mistral-large-2407-v1:0"])
def test_results_stand_alone_where_the_model_wants_that(model: str) -> None:
    sent = conversation(model, *CALLED, ("user", [Text("And tomorrow?")]))
    assert sent[2:] == [("tool", "Sunny."), ("assistant", "I have the results."), ("user", "And tomorrow?")]
    assert conversation("amazon.nova-lite-v1:0", *CALLED, ("user", [Text("And?")]))[2:] == [
        ("tool", "Sunny."),
        ("user", "And?"),
    ]
    assert conversation(model, *CALLED)[-1] == ("tool", "Sunny.")


@pytest.mark.parametrize(
    ("model", "prefilled"),
    [
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", True),
        ("us.anthropic.claude-sonnet-4-6", False),
        ("amazon.nova-lite-v1:0", False),
        ("my.own-model", False),
    ],
)
def test_the_beginning_of_an_answer_is_sent_where_a_model_takes_it(model: str, prefilled: bool) -> None:
    sent = conversation(model, ("user", [Text("A colour.")]), ("assistant", [Text("The colour is")]), tools=False)
    assert sent[1] == ("assistant", "The colour is")
    assert sent[2:] == ([] if prefilled else [("user", "Go on.")])


@pytest.mark.parametrize(
    ("model", "sent_back"),
    [("us.deepseek.r1-v1:0", False), ("qwen.qwen3-32b-v1:0", False), ("us.anthropic.claude-sonnet-4-6", True)],
)
def test_reasoning_is_not_sent_to_a_model_that_refuses_its_own(model: str, sent_back: bool) -> None:
    thought, answer = Reasoning("Hm.", "signature"), Text("Hello.")
    turns: list[tuple[str, list[Part]]] = [
        ("user", [Text("Hi.")]),
        ("assistant", [thought, answer]),
        ("user", [Text("?")]),
    ]
    sent = conversation(model, *turns, tools=False)
    assert sent[1] == ("assistant", "Hm.Hello." if sent_back else "Hello.")
