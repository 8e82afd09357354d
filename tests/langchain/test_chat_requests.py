"""What `ChatTurnout` sends: parameters, tools and their choice, schemas."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ValidationError

from tests.support.parts import chats
from turnout import errors
from turnout.langchain import ChatTurnout

if TYPE_CHECKING:
    from turnout_emulator import Emulator


@pytest.mark.usefixtures("settings_file")
def test_parameters_are_sent_under_the_name_that_the_model_takes(fresh_emulator: Emulator) -> None:
    ChatTurnout(backend="azure", max_tokens=50, reasoning_effort="low").invoke("x")
    ChatTurnout(backend="openai", model="openai:gpt-4o", max_tokens=50, temperature=0.5, stop=["END"]).invoke("x")
    ChatTurnout(backend="bedrock", max_tokens=50, temperature=0.5, stop=["END"]).invoke("x", max_tokens=60)
    gpt5, gpt4o, converse = (r.body for r in chats(fresh_emulator))
    assert (gpt5["max_completion_tokens"], gpt5["reasoning_effort"]) == (50, "low")
    assert "max_tokens" not in gpt5
    assert (gpt4o["max_tokens"], gpt4o["temperature"], gpt4o["stop"]) == (50, 0.5, ["END"])
    assert "max_completion_tokens" not in gpt4o
    assert converse["inferenceConfig"] == {"maxTokens": 60, "temperature": 0.5, "stopSequences": ["END"]}


@pytest.mark.usefixtures("settings_file")
def test_a_services_own_name_of_a_parameter_is_understood(fresh_emulator: Emulator) -> None:
    ChatTurnout(model="openai:gpt-4o").invoke("x", stop_sequences=["END"], max_output_tokens=40)
    ChatTurnout(backend="bedrock").invoke("x", stop_sequences=["END"], max_completion_tokens=40)
    gpt4o, converse = (r.body for r in chats(fresh_emulator))
    assert (gpt4o["max_tokens"], gpt4o["stop"]) == (40, ["END"])
    assert converse["inferenceConfig"] == {"maxTokens": 40, "stopSequences": ["END"]}


@pytest.mark.usefixtures("settings_file")
def test_what_a_model_does_not_take_is_left_out_with_a_warning(fresh_emulator: Emulator) -> None:
    with pytest.warns(UserWarning, match="temperature is left out: the model takes no sampling.*'gpt-5-prod'"):
        ChatTurnout(backend="azure", temperature=0.1).invoke("x")
    with pytest.warns(UserWarning, match="seed is left out: the wire bedrock-converse has no such"):
        ChatTurnout(backend="bedrock", seed=1).invoke("x")
    assert all("temperature" not in r.body and "seed" not in r.body for r in chats(fresh_emulator))


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", ("auto", {"auto": {}})),
        ("any", ("required", {"any": {}})),
        ("required", ("required", {"any": {}})),
        (True, ("required", {"any": {}})),
        ("depot", ({"type": "function", "function": {"name": "depot"}}, {"tool": {"name": "depot"}})),
        (
            {"type": "function", "function": {"name": "depot"}},
            ({"type": "function", "function": {"name": "depot"}}, {"tool": {"name": "depot"}}),
        ),
    ],
)
@pytest.mark.usefixtures("settings_file")
def test_tool_choice_in_every_way_of_writing_it(fresh_emulator: Emulator, choice: Any, sent: Any) -> None:
    def depot(name: str) -> str:
        """Look up a depot."""
        return name

    for name in ("azure", "bedrock"):
        ChatTurnout(backend=name).bind_tools([depot], tool_choice=choice).invoke("Look up the depot Northgate")
    azure, bedrock = (r.body for r in chats(fresh_emulator))
    assert (azure["tool_choice"], bedrock["toolConfig"]["toolChoice"]) == sent


@pytest.mark.usefixtures("settings_file")
def test_a_tool_choice_that_is_no_tool_is_refused() -> None:
    def depot(name: str) -> str:
        """Look up a depot."""
        return name

    with pytest.raises(errors.UnsupportedError, match="'dpot' is no tool that was given; there is 'depot'"):
        ChatTurnout().bind_tools([depot], tool_choice="dpot")


@pytest.mark.usefixtures("settings_file")
def test_a_claude_that_refuses_to_be_forced_is_told() -> None:
    from turnout.conversation.fitting import fit
    from turnout.conversation.request import Request
    from turnout.conversation.tools import checked_tool
    from turnout.routing import Route

    tools = [checked_tool({"type": "function", "function": {"name": name}}, 0) for name in ("open", "shut")]
    asked = []
    for model in ("claude-opus-5-5", "claude-sonnet-4-6"):
        route = Route("chat", "default", "here", "azure", "anthropic-messages", "prod", model)
        fitted = fit(Request(tools=list(tools), tool_choice="shut"), route)
        sent = fitted.arguments
        asked.append((sent.get("tool_choice"), len(sent["tools"]), fitted.asked.must_call))
    assert asked == [(None, 1, "shut"), ({"type": "tool", "name": "shut"}, 2, None)]


def test_a_schema_with_definitions_reaches_the_service_as_it_is(backend: str, fresh_emulator: Emulator) -> None:
    class track_state(BaseModel):  # noqa: N801 - the name must survive the wire's renaming of keys
        track_number: int

    class Plan(BaseModel):
        """A plan."""

        first_track: track_state

    ChatTurnout().with_structured_output(Plan, method="function_calling").invoke("track_number: 3")
    body = chats(fresh_emulator)[-1].body
    text = str(body)
    assert "track_number" in text
    assert "trackNumber" not in text


@pytest.mark.usefixtures("settings_file")
def test_the_callers_messages_are_not_changed(backend: str) -> None:
    history: list[Any] = [
        SystemMessage("Be brief."),
        HumanMessage([{"type": "text", "text": "hello"}]),
        HumanMessage("again"),
        AIMessage("", tool_calls=[{"name": "t", "args": {"a": 1}, "id": "call_1"}]),
        {"role": "tool", "content": "done", "tool_call_id": "call_1"},
    ]
    before = copy.deepcopy(history)
    ChatTurnout().invoke(history)
    assert history == before


@pytest.mark.usefixtures("settings_file")
def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(ValidationError, match="temperature"):
        ChatTurnout(temperature=3)
    with pytest.raises(ValidationError, match="modl"):
        ChatTurnout(modl="default")  # type: ignore[call-arg]
    with pytest.raises(errors.UnknownRouteError, match="did you mean 'fast'"):
        ChatTurnout(model="fst").invoke("x")
