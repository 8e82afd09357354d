"""`ChatTurnout` where LangChain's own suites don't look: switching, caching, pickling, errors, what is sent."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core import exceptions as lc
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, ValidationError

from turnout import errors
from turnout.emulator import Answer, Cut, Failure, Reasoning, Text, ToolCall
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.langchain.errors import AS_LANGCHAIN
from turnout.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from turnout.emulator import Emulator

CONTEXT = "Context: The depot opens at seven. Turnouts guide trains.\n\nQuestion: When does the depot open?"


def chats(emulator: Emulator) -> list[Any]:
    return [request for request in emulator.requests if request.operation == "chat"]


@pytest.mark.usefixtures("settings_file")
def test_the_variable_alone_changes_where_requests_go(
    fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Answer from the context."), ("human", "{question}")])
    chain = prompt | ChatTurnout() | StrOutputParser()
    embeddings = TurnoutEmbeddings()
    went = []
    for name in ("azure", "bedrock", "openai", "azure_dated"):
        monkeypatch.setenv("TURNOUT_BACKEND", name)
        fresh_emulator.clear()
        assert chain.invoke({"question": CONTEXT}) == "The depot opens at seven."
        embeddings.embed_query("depot")
        went.append([(r.service, r.wire, r.model, "api-version" in r.query) for r in fresh_emulator.requests])
    assert went == [
        [("azure", "openai-chat", "gpt-5-prod", False), ("azure", "openai-embeddings", "embed-small", False)],
        [
            ("bedrock", "bedrock-converse", "us.anthropic.claude-sonnet-4-6", False),
            ("bedrock", "bedrock-invoke", "amazon.titan-embed-text-v2:0", False),
        ],
        [("openai", "openai-chat", "gpt-5", False), ("openai", "openai-embeddings", "text-embedding-3-small", False)],
        [("azure", "openai-chat", "gpt-5-prod", True), ("azure", "openai-embeddings", "embed-small", True)],
    ]


@pytest.mark.usefixtures("settings_file")
async def test_one_call_switches_by_its_config(fresh_emulator: Emulator) -> None:
    model = ChatTurnout(backend="azure")
    chain = ChatPromptTemplate.from_messages([("human", "{text}")]) | model | StrOutputParser()
    there = chain.with_config(configurable={"backend": "bedrock"})
    config = RunnableConfig(configurable={"backend": "bedrock"})
    there.invoke({"text": "hello"})
    await there.ainvoke({"text": "hello"})
    list(chain.stream({"text": "hello"}, config))
    [_ async for _ in chain.astream({"text": "hello"}, config)]
    there.batch([{"text": "hello"}] * 2)
    await there.abatch([{"text": "hello"}] * 2)
    assert {r.service for r in chats(fresh_emulator)} == {"bedrock"}
    assert len(chats(fresh_emulator)) == 8
    chain.invoke({"text": "hello"})
    assert chats(fresh_emulator)[-1].service == "azure"


@pytest.mark.usefixtures("settings_file")
def test_tools_and_schemas_bound_before_the_switch_work_after_it(fresh_emulator: Emulator) -> None:
    class Depot(BaseModel):
        """A depot."""

        name: str
        tracks: int

    model = ChatTurnout(backend="azure")
    found = model.with_structured_output(Depot)
    for name in ("azure", "bedrock", "openai"):
        config = RunnableConfig(configurable={"backend": name})
        assert found.invoke("name: Northgate, tracks: 12", config) == Depot(name="Northgate", tracks=12)
        assert list(found.stream("name: Northgate, tracks: 12", config))[-1] == Depot(name="Northgate", tracks=12)
    bodies = {r.service: r.body for r in chats(fresh_emulator)}
    assert bodies["azure"]["response_format"]["type"] == "json_schema"
    assert bodies["bedrock"]["toolConfig"]["toolChoice"] == {"tool": {"name": "Depot"}}


@pytest.mark.usefixtures("settings_file")
def test_include_raw_gives_the_parsing_error_instead_of_raising(fresh_emulator: Emulator, backend: str) -> None:
    class Depot(BaseModel):
        name: str

    model = ChatTurnout().with_structured_output(Depot, include_raw=True)
    fresh_emulator.queue(Answer(text="no object here"))
    answer = model.invoke("x")
    assert answer["parsed"] is None
    assert isinstance(answer["parsing_error"], lc.OutputParserException)
    assert answer["raw"].content == "no object here"


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_each_method_of_structured_output(backend: str, method: str, fresh_emulator: Emulator) -> None:
    if method == "json_mode" and backend != "bedrock":  # the wire has no schema then, so the words decide
        fresh_emulator.queue(Answer(text='{"name": "Northgate", "tracks": 12}'))
    schema = {
        "title": "Depot",
        "type": "object",
        "properties": {"name": {"type": "string"}, "tracks": {"type": "integer"}},
        "required": ["name", "tracks"],
    }
    model = ChatTurnout().with_structured_output(schema, method=method)
    prompt = "name: Northgate, tracks: 12. Answer as JSON with the keys name and tracks."
    assert model.invoke(prompt) == {"name": "Northgate", "tracks": 12}


def test_text_is_a_string_streamed_or_not(backend: str, fresh_emulator: Emulator) -> None:
    model = ChatTurnout()
    chunks = list(model.stream(CONTEXT))
    assert all(isinstance(chunk.content, str) for chunk in chunks)
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content == model.invoke(CONTEXT).content == "The depot opens at seven."
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] > 0
    assert whole.response_metadata["backend"] == backend


def test_text_beside_a_tool_call_is_a_string_too(backend: str, fresh_emulator: Emulator) -> None:
    call = ToolCall(name="open_depot", arguments={"hour": 7}, id="call_1")
    for stream in (False, True):
        fresh_emulator.queue(Answer(text="One moment.", tool_calls=[call]))
        model = ChatTurnout().bind_tools(
            [
                {
                    "title": "open_depot",
                    "description": "Opens.",
                    "type": "object",
                    "properties": {"hour": {"type": "integer"}},
                }
            ]
        )
        if stream:
            chunks = list(model.stream("open"))
            answer: Any = chunks[0]
            for chunk in chunks[1:]:
                answer += chunk
        else:
            answer = model.invoke("open")
        assert answer.content == "One moment."
        assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("open_depot", {"hour": 7})]
        kinds = [block["type"] for block in answer.content_blocks]
        assert kinds == ["text", "tool_call"], kinds


@pytest.mark.usefixtures("settings_file")
def test_reasoning_stays_in_blocks(fresh_emulator: Emulator) -> None:
    answer = Answer(blocks=[Reasoning("Let me think.", signature="c2ln"), Text("Seven.")])
    fresh_emulator.queue(answer, answer)
    model = ChatTurnout(backend="bedrock")
    chunks = list(model.stream("x"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    for message in (model.invoke("x"), whole):
        assert [block["type"] for block in message.content_blocks] == ["reasoning", "text"]
        assert message.text == "Seven."


@pytest.mark.usefixtures("settings_file")
def test_parameters_are_sent_under_the_name_that_the_model_takes(fresh_emulator: Emulator) -> None:
    ChatTurnout(backend="azure", max_tokens=50, reasoning_effort="low").invoke("x")
    ChatTurnout(backend="openai", model="openai:gpt-4o", max_tokens=50, temperature=0.5, stop=["END"]).invoke("x")
    ChatTurnout(backend="bedrock", max_tokens=50, temperature=0.5, top_p=0.9, stop=["END"]).invoke("x", max_tokens=60)
    gpt5, gpt4o, converse = (r.body for r in chats(fresh_emulator))
    assert (gpt5["max_completion_tokens"], gpt5["reasoning_effort"]) == (50, "low")
    assert "max_tokens" not in gpt5
    assert (gpt4o["max_tokens"], gpt4o["temperature"], gpt4o["stop"]) == (50, 0.5, ["END"])
    assert "max_completion_tokens" not in gpt4o
    assert converse["inferenceConfig"] == {"maxTokens": 60, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}


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
def test_two_backends_do_not_share_a_cached_answer(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ChatTurnout(cache=InMemoryCache())
    for name in ("azure", "bedrock", "azure", "bedrock"):
        monkeypatch.setenv("TURNOUT_BACKEND", name)
        model.invoke("hello")
        model.invoke("hello", backend="openai")
    assert [r.service for r in chats(fresh_emulator)] == ["azure", "openai", "bedrock", "openai"]


class Counter(BaseCallbackHandler):
    def __init__(self) -> None:
        self.starts = self.tokens = self.ends = 0

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.starts += 1

    def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        self.tokens += 1

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.ends += 1


def test_one_call_is_one_run(backend: str) -> None:
    seen = Counter()
    ChatTurnout().invoke("hello", {"callbacks": [seen]})
    assert (seen.starts, seen.ends) == (1, 1)
    chunks = len(list(ChatTurnout().stream("hello", {"callbacks": [seen]})))
    assert (seen.starts, seen.ends) == (2, 2)
    assert chunks - 1 <= seen.tokens <= chunks


def test_a_model_travels_without_secrets(backend: str, settings_file: Path) -> None:
    made = ChatTurnout(settings=load_settings(), max_tokens=20)
    made.invoke("hello")
    data = pickle.dumps(made)
    for secret in (b"turnout-emulator-azure-key", b"turnout-emulator-aws-secret-key", b"sk-turnout"):
        assert secret not in data
        assert secret.decode() not in repr(made) + str(dumpd(made))
    assert pickle.loads(data).invoke("hello").response_metadata["backend"] == backend
    assert isinstance(pickle.loads(pickle.dumps(TurnoutEmbeddings())).embed_query("x"), list)


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_a_serialised_chain_loads_again(backend: str) -> None:
    made = ChatTurnout(max_tokens=20, model="fast")
    again = load(dumpd(made), valid_namespaces=["turnout"], allowed_objects=[ChatTurnout])
    assert isinstance(again, ChatTurnout)
    assert (again.model, again.max_tokens) == ("fast", 20)
    assert again.invoke("hello").content


FAILURES: list[tuple[Failure, type[errors.ModelCallError], type[lc.ModelError]]] = [
    (Failure.authentication(), errors.AuthenticationError, lc.ModelAuthenticationError),
    (Failure.permission(), errors.PermissionDeniedError, lc.ModelPermissionDeniedError),
    (Failure.not_found(), errors.NotFoundError, lc.ModelNotFoundError),
    (Failure.rate_limited(retry_after=3), errors.RateLimitError, lc.ModelRateLimitError),
    (Failure.invalid_request(), errors.InvalidRequestError, lc.ModelInvalidRequestError),
    (Failure.context_overflow(), errors.ContextOverflowError, lc.ContextOverflowError),
    (Failure.server_error(), errors.ServerError, lc.ModelAPIError),
]


@pytest.mark.parametrize(("failure", "ours", "langchains"), FAILURES)
def test_one_except_works_on_every_backend(
    backend: str,
    fresh_emulator: Emulator,
    failure: Failure,
    ours: type[errors.ModelCallError],
    langchains: type[lc.ModelError],
) -> None:
    model = ChatTurnout(max_retries=0)

    async def astream() -> None:
        [_ async for _ in model.astream("x")]

    calls: list[Any] = [
        lambda: model.invoke("x"),
        lambda: list(model.stream("x")),
        lambda: asyncio.run(model.ainvoke("x")),
        lambda: asyncio.run(astream()),
    ]
    for call in calls:
        fresh_emulator.queue(failure)
        with pytest.raises(ours) as caught:
            call()
        assert isinstance(caught.value, langchains)
        assert caught.value.backend == backend
        assert caught.value.original is not None
        assert caught.value.request_id
        again = pickle.loads(pickle.dumps(caught.value))
        assert type(again) is type(caught.value)
        assert (str(again), again.status, again.retry_after) == (
            str(caught.value),
            caught.value.status,
            caught.value.retry_after,
        )


def test_a_stream_that_is_cut_is_an_error(backend: str, fresh_emulator: Emulator) -> None:
    model = ChatTurnout(max_retries=0)
    fresh_emulator.queue(Cut(after_chunks=2))
    with pytest.raises(errors.ServiceConnectionError):
        list(model.stream(CONTEXT))


def test_every_error_of_a_call_is_langchains_too() -> None:
    leaves = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ModelCallError)
    }
    assert leaves - {errors.ModelCallError} == set(AS_LANGCHAIN)


@pytest.mark.usefixtures("settings_file")
def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(ValidationError, match="temperature"):
        ChatTurnout(temperature=3)
    with pytest.raises(ValidationError, match="modl"):
        ChatTurnout(modl="default")  # type: ignore[call-arg]
    with pytest.raises(errors.UnknownRouteError, match="did you mean 'fast'"):
        ChatTurnout(model="fst").invoke("x")


def test_many_at_once_from_threads_and_loops(backend: str) -> None:
    model = ChatTurnout()
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: model.invoke(CONTEXT).content, range(24)))

    async def many() -> list[str]:
        return [str(m.content) for m in await asyncio.gather(*(model.ainvoke(CONTEXT) for _ in range(24)))]

    for _ in range(2):
        answers |= set(asyncio.run(many()))
    assert answers == {"The depot opens at seven."}
    gc.collect()


def test_a_cancelled_stream_leaves_nothing_behind(backend: str, fresh_emulator: Emulator) -> None:
    model = ChatTurnout()

    async def first() -> str:
        async for chunk in model.astream(CONTEXT):
            if chunk.content:
                return str(chunk.content)
        return ""

    fresh_emulator.queue(Answer(text="one two three four five", chunk_delay=0.01))
    assert asyncio.run(first())
    for chunk in model.stream(CONTEXT):
        if chunk.content:
            break
    gc.collect()
    assert model.invoke(CONTEXT).content == "The depot opens at seven."


@pytest.mark.usefixtures("settings_file")
def test_counting_tokens_downloads_nothing() -> None:
    assert 2 <= ChatTurnout().get_num_tokens("The depot opens at seven.") <= 20
    assert ChatTurnout().get_num_tokens_from_messages([HumanMessage("hello")]) > 0


@pytest.mark.usefixtures("settings_file")
def test_traces_name_the_cloud_and_the_model() -> None:
    params = ChatTurnout(backend="bedrock", temperature=0.2)._get_ls_params()
    assert (params["ls_provider"], params["ls_model_name"], params["ls_temperature"]) == (
        "amazon_bedrock",
        "us.anthropic.claude-sonnet-4-6",
        0.2,
    )


@pytest.mark.usefixtures("settings_file")
def test_logs_hold_no_secret(fresh_emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for name in ("azure", "bedrock", "openai"):
        ChatTurnout(backend=name).invoke("hello")
    for secret in ("turnout-emulator-azure-key", "turnout-emulator-aws-secret-key", "sk-turnout"):
        assert secret not in caplog.text


def test_after_closing_all_clients_calls_go_on(backend: str) -> None:
    from turnout.clients import close_all

    model = ChatTurnout()
    before = model.invoke(CONTEXT).content
    close_all()
    assert model.invoke(CONTEXT).content == before
    assert asyncio.run(model.ainvoke(CONTEXT)).content == before


@pytest.mark.usefixtures("settings_file")
@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_redacted_reasoning_survives_saving(fresh_emulator: Emulator) -> None:
    from langchain_core.load import dumps, loads

    from turnout.emulator import RedactedReasoning

    model = ChatTurnout(backend="bedrock")
    for stream in (False, True):
        fresh_emulator.queue(Answer(blocks=[RedactedReasoning(b"sealed"), Text("Seven.")]))
        if stream:
            chunks = list(model.stream("When?"))
            answer: Any = chunks[0]
            for chunk in chunks[1:]:
                answer += chunk
        else:
            answer = model.invoke("When?")
        saved = loads(dumps([HumanMessage("When?"), answer, HumanMessage("Sure?")]), allowed_objects="all")
        fresh_emulator.clear()
        model.invoke(saved)
        sent = str(chats(fresh_emulator)[-1].body)
        assert "redactedContent" in sent, sent


@pytest.mark.usefixtures("settings_file")
def test_a_filtered_prompt_says_what_was_found(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Failure.content_filter({"violence": "high"}))
    with pytest.raises(errors.ContentFilterError) as caught:
        ChatTurnout(backend="azure").invoke("x")
    assert caught.value.stage == "prompt"
    assert caught.value.categories == {"violence": "high"}
    assert pickle.loads(pickle.dumps(caught.value)).categories == {"violence": "high"}


def test_a_filtered_answer_is_an_error_streamed_or_not(backend: str, fresh_emulator: Emulator) -> None:
    model = ChatTurnout()
    for call in (lambda: model.invoke("x"), lambda: list(model.stream("x"))):
        fresh_emulator.queue(Answer("No.", finish="content_filter"))
        with pytest.raises(errors.ContentFilterError) as caught:
            call()
        assert isinstance(caught.value, lc.ModelInvalidRequestError)
        assert caught.value.stage == "completion"


@pytest.mark.usefixtures("settings_file")
def test_a_claude_that_refuses_to_be_forced_is_told() -> None:
    from turnout.langchain.requests import Request
    from turnout.langchain.wires import wire
    from turnout.routes import Route

    tools: list[dict[str, Any]] = [{"type": "function", "function": {"name": name}} for name in ("open", "shut")]
    asked = []
    for model in ("claude-opus-5-5", "claude-sonnet-4-6"):
        route = Route("chat", "default", "here", "azure", "anthropic-messages", "prod", model)
        request = Request({}, tools=list(tools), tool_choice="shut")
        sent = wire(route).arguments(route, request)
        asked.append((sent.get("tool_choice"), len(sent["tools"]), request.must_call))
    assert asked == [(None, 1, "shut"), ({"type": "tool", "name": "shut"}, 2, None)]
