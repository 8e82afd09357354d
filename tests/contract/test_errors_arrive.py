"""Every error of the tree arrives at the caller, through whatever a framework puts around a call.

LlamaIndex's synthesizers and agents catch ValueError and TypeError, and go on as if the model had said nothing.
"""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import StorageContext, VectorStoreIndex, get_response_synthesizer
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    CondenseQuestionChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import Document, NodeWithScore, TextNode
from llama_index.core.vector_stores import SimpleVectorStore
from pydantic import BaseModel

from tests.conftest import settings_text
from tests.index.named_support import IDS, METADATAS, TEXTS, settings, use
from turnout import errors as e
from turnout.langchain import ChatTurnout, TurnoutEmbeddings, TurnoutIndex, guarded
from turnout.langchain import errors as langchain_errors
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout.llama_index import TurnoutIndex as LlamaTurnoutIndex
from turnout.llama_index import guarded as llama_guarded
from turnout_emulator import Answer, Emulator, Failure, Raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llama_index.core.schema import QueryBundle

QUESTION = "When does the depot open?"
CAUGHT = (ValueError, TypeError, KeyError, AttributeError, OSError, LookupError, RuntimeError)
"""What a framework may catch around a call."""

_MORE = """
[backends.empty]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"

[backends.keyless]
provider = "openai"

[chat.keyless]
keyless = "gpt-5"
"""


pytestmark = pytest.mark.usefixtures("settings_file")


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return f'unsupported = "error"\n{settings_text(fresh_emulator)}{_MORE}'


def tree(kind: type[e.TurnoutError]) -> set[type[e.TurnoutError]]:
    return {kind}.union(*(tree(one) for one in kind.__subclasses__()))


def test_no_error_is_of_a_kind_that_frameworks_catch() -> None:
    assert langchain_errors.AS_LANGCHAIN
    kinds = tree(e.TurnoutError)
    assert {e.ServiceAnswerError, e.StructuredOutputError, langchain_errors.LangChainAnswerError} <= kinds
    for kind in kinds:
        assert not issubclass(kind, (*CAUGHT, UnicodeError)), kind


@dataclass(frozen=True, slots=True)
class Trouble:
    """What makes every call of a model fail.

    Attributes:
        error: What arrives.
        model: Arguments of the model.
        queued: What the service answers.
    """

    error: type[e.TurnoutError]
    model: dict[str, Any] = field(default_factory=dict)
    queued: Failure | Raw | None = None


TROUBLES = {
    "no target": Trouble(e.SettingsError, {"backend": "empty"}),
    "no backend": Trouble(e.UnknownBackendError, {"backend": "nowhere"}),
    "no route": Trouble(e.UnknownRouteError, {"model": "nowhere"}),
    "unsupported": Trouble(e.UnsupportedError, {"backend": "bedrock", "seed": 7}),
    "no credential": Trouble(e.CredentialError, {"model": "keyless", "backend": "keyless"}),
    "authentication": Trouble(e.AuthenticationError, queued=Failure.authentication()),
    "permission": Trouble(e.PermissionDeniedError, queued=Failure.permission()),
    "not found": Trouble(e.NotFoundError, queued=Failure.not_found()),
    "rate limited": Trouble(e.RateLimitError, queued=Failure.rate_limited()),
    "invalid request": Trouble(e.InvalidRequestError, queued=Failure.invalid_request()),
    "context overflow": Trouble(e.ContextOverflowError, queued=Failure.context_overflow()),
    "content filter": Trouble(e.ContentFilterError, queued=Failure.content_filter()),
    "server error": Trouble(e.ServerError, queued=Failure.server_error()),
    "overloaded": Trouble(e.ServerError, queued=Failure.overloaded()),
    "timeout": Trouble(e.ServiceTimeoutError, queued=Failure("timeout", status=408)),
    "unreadable": Trouble(e.ServiceAnswerError, queued=Raw(200, {"content-type": "application/json"}, "null")),
}


class Fixed(BaseRetriever):
    """Retrieves what it is given."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return NODES


NODES = [NodeWithScore(node=TextNode(text=text), score=1.0) for text in TEXTS]


class Opening(BaseModel):
    """When something opens."""

    hour: int


def lookup(name: str) -> str:
    """Look something up."""
    return name


def synthesizer(llm: TurnoutLLM, mode: ResponseMode, **options: Any) -> RetrieverQueryEngine:
    made = get_response_synthesizer(response_mode=mode, llm=llm, **options)
    return RetrieverQueryEngine(Fixed(), response_synthesizer=made)


def drained(response: Any) -> str:
    return "".join(response.response_gen)


async def adrained(response: Any) -> str:
    return "".join([piece async for piece in response.async_response_gen()])


async def asked(engine: Any) -> str:
    return str(await engine.aquery(QUESTION))


async def chatted(engine: Any) -> str:
    return str(await engine.achat(QUESTION))


async def streamed(engine: Any) -> str:
    return await adrained(await engine.astream_chat(QUESTION))


async def worked(agent: Any) -> str:
    return str(await agent.run(QUESTION, memory=memory()))


MODES = [mode for mode in ResponseMode if mode not in {ResponseMode.NO_TEXT, ResponseMode.CONTEXT_ONLY}]


def memory() -> ChatMemoryBuffer:
    """A memory without a database, which LlamaIndex's default one would leave open."""
    return ChatMemoryBuffer.from_defaults(token_limit=10_000, tokenizer_fn=str.split)


ENGINES: dict[str, Callable[[TurnoutLLM], Any]] = {
    "simple": lambda llm: SimpleChatEngine.from_defaults(llm=llm, memory=memory()),
    "context": lambda llm: ContextChatEngine.from_defaults(Fixed(), llm=llm, memory=memory()),
    "condense and context": lambda llm: CondensePlusContextChatEngine.from_defaults(Fixed(), llm=llm, memory=memory()),
    "condense": lambda llm: CondenseQuestionChatEngine.from_defaults(
        synthesizer(llm, ResponseMode.COMPACT), llm=llm, memory=memory()
    ),
}
LLAMAS: dict[str, Callable[[TurnoutLLM], object]] = {
    **{mode.value: lambda llm, mode=mode: synthesizer(llm, mode).query(QUESTION) for mode in MODES},  # type: ignore[misc]
    **{
        f"{mode.value}, async": lambda llm, mode=mode: asyncio.run(asked(synthesizer(llm, mode)))  # type: ignore[misc]
        for mode in MODES
    },
    **{
        f"{mode.value}, streamed": lambda llm, mode=mode: drained(
            synthesizer(llm, mode, streaming=True).query(QUESTION)
        )  # type: ignore[misc]
        for mode in (ResponseMode.COMPACT, ResponseMode.REFINE, ResponseMode.TREE_SUMMARIZE)
    },
    "an object": lambda llm: synthesizer(llm, ResponseMode.COMPACT, output_cls=Opening).query(QUESTION),
    "an object, async": lambda llm: asyncio.run(asked(synthesizer(llm, ResponseMode.REFINE, output_cls=Opening))),
    "filtering": lambda llm: synthesizer(llm, ResponseMode.REFINE, structured_answer_filtering=True).query(QUESTION),
    **{f"{name} chat": lambda llm, make=make: make(llm).chat(QUESTION) for name, make in ENGINES.items()},  # type: ignore[misc]
    **{
        f"{name} chat, async": lambda llm, make=make: asyncio.run(chatted(make(llm)))  # type: ignore[misc]
        for name, make in ENGINES.items()
    },
    **{
        f"{name} chat, streamed": lambda llm, make=make: drained(make(llm).stream_chat(QUESTION))  # type: ignore[misc]
        for name, make in ENGINES.items()
    },
    **{
        f"{name} chat, streamed async": lambda llm, make=make: asyncio.run(streamed(make(llm)))  # type: ignore[misc]
        for name, make in ENGINES.items()
    },
    "structured": lambda llm: llm.structured_predict(Opening, PromptTemplate(QUESTION)),
    "structured, streamed": lambda llm: list(llm.stream_structured_predict(Opening, PromptTemplate(QUESTION))),
    "structured LLM": lambda llm: llm.as_structured_llm(Opening).complete(QUESTION),
    "function agent": lambda llm: asyncio.run(worked(FunctionAgent(tools=[lookup], llm=llm))),
    "function agent, unstreamed": lambda llm: asyncio.run(
        worked(FunctionAgent(tools=[lookup], llm=llm, streaming=False))
    ),
    "react agent": lambda llm: asyncio.run(worked(ReActAgent(tools=[lookup], llm=llm))),
    "agent workflow": lambda llm: asyncio.run(
        worked(AgentWorkflow(agents=[FunctionAgent(name="a", description="a", tools=[lookup], llm=llm)]))
    ),
}


def chain(model: ChatTurnout) -> Any:
    prompt = ChatPromptTemplate.from_template("{context}\n\n{question}")
    found: Any = RunnableLambda(lambda _: TEXTS[1])
    return {"context": found, "question": RunnablePassthrough()} | prompt | model | StrOutputParser()


LOOKUP = tool(lookup)


def agent(model: ChatTurnout) -> Any:
    from langgraph.prebuilt import create_react_agent

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is called create_agent, in a package of its own
        return create_react_agent(model, [LOOKUP])


async def achain(model: ChatTurnout) -> list[str]:
    return [piece async for piece in chain(model).astream(QUESTION)]


CHAINS: dict[str, Callable[[ChatTurnout], object]] = {
    "chain": lambda model: chain(model).invoke(QUESTION),
    "chain, async": lambda model: asyncio.run(chain(model).ainvoke(QUESTION)),
    "chain, streamed": lambda model: list(chain(model).stream(QUESTION)),
    "chain, streamed async": lambda model: asyncio.run(achain(model)),
    "chain, a batch": lambda model: chain(model).batch([QUESTION, QUESTION]),
    "chain, an async batch": lambda model: asyncio.run(chain(model).abatch([QUESTION, QUESTION])),
    "structured": lambda model: model.with_structured_output(Opening).invoke(QUESTION),
    "structured with its raw answer": lambda model: model.with_structured_output(Opening, include_raw=True).invoke(
        QUESTION
    ),
    "agent": lambda model: agent(model).invoke({"messages": [("user", QUESTION)]}),
    "agent, async": lambda model: asyncio.run(agent(model).ainvoke({"messages": [("user", QUESTION)]})),
    "agent, streamed": lambda model: list(agent(model).stream({"messages": [("user", QUESTION)]})),
}


def arrives(emulator: Emulator, trouble: Trouble, run: Callable[[], object]) -> None:
    if trouble.queued is not None:
        emulator.queue(*[trouble.queued] * 8)
    with pytest.raises(trouble.error) as caught:
        run()
    assert not isinstance(caught.value, CAUGHT)
    assert isinstance(caught.value, e.TurnoutError)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # a chat engine's thread raises too
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")  # LlamaIndex's own
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince211")
@pytest.mark.filterwarnings("ignore:is_running called from within a step")
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("application", LLAMAS)
def test_through_llama_index(fresh_emulator: Emulator, application: str, trouble: str) -> None:
    given = TROUBLES[trouble]
    llm = TurnoutLLM(**{"max_retries": 0, **given.model})
    arrives(fresh_emulator, given, lambda: LLAMAS[application](llm))


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("application", CHAINS)
def test_through_langchain(fresh_emulator: Emulator, application: str, trouble: str) -> None:
    given = TROUBLES[trouble]
    model = ChatTurnout(**{"max_retries": 0, **given.model})
    arrives(fresh_emulator, given, lambda: CHAINS[application](model))


def test_an_answer_of_another_form_through_a_synthesizer(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer("In the morning."))
    with pytest.raises(
        e.StructuredOutputError, match=r"'gpt-5-prod' on backend 'azure'.*doesn't fit Opening"
    ) as caught:
        synthesizer(TurnoutLLM(), ResponseMode.COMPACT, output_cls=Opening).query(QUESTION)
    assert (caught.value.backend, caught.value.deployment) == ("azure", "gpt-5-prod")
    fresh_emulator.queue(Answer("In the morning."))
    with pytest.raises(e.StructuredOutputError, match="expected at least one tool call"):
        synthesizer(TurnoutLLM(), ResponseMode.REFINE, structured_answer_filtering=True).query(QUESTION)
    fresh_emulator.queue(Answer('{"hour": "se', finish="length"))
    with pytest.raises(e.StructuredOutputError, match="cut off at the limit of tokens"):
        list(TurnoutLLM().stream_structured_predict(Opening, PromptTemplate(QUESTION)))


def switched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")


def test_an_index_of_another_space(monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(InMemoryVectorStore(TurnoutEmbeddings()))
    store.add_texts(TEXTS)
    context = StorageContext.from_defaults(vector_store=llama_guarded(SimpleVectorStore(), TurnoutEmbedding()))
    documents = [Document(text=text) for text in TEXTS]
    index = VectorStoreIndex.from_documents(documents, storage_context=context, embed_model=TurnoutEmbedding())
    switched(monkeypatch)
    prompt = ChatPromptTemplate.from_template("{context}\n\n{question}")
    parts: Any = {"context": store.as_retriever(), "question": RunnablePassthrough()}
    with pytest.raises(e.EmbeddingSpaceError):
        (parts | prompt | ChatTurnout()).invoke(QUESTION)
    for mode in MODES:
        if mode is not ResponseMode.GENERATION:
            with pytest.raises(e.EmbeddingSpaceError):
                index.as_query_engine(llm=TurnoutLLM(), response_mode=mode).query(QUESTION)
    for made in (ContextChatEngine, CondensePlusContextChatEngine):
        with pytest.raises(e.EmbeddingSpaceError):
            made.from_defaults(index.as_retriever(), llm=TurnoutLLM(), memory=memory()).chat(QUESTION)


def test_an_index_that_is_behind(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def index(framework: str) -> None:
        lines = f'store = "chroma"\npath = "{tmp_path / framework}"\nframework = "{framework}"'
        use(settings(fresh_emulator, tmp_path, lines), monkeypatch)
        monkeypatch.setenv("TURNOUT_BACKEND", "azure")

    index("langchain")
    docs = TurnoutIndex("docs")
    docs.add_texts(TEXTS, METADATAS, ids=IDS)
    switched(monkeypatch)
    with pytest.raises(e.IndexBehindError):
        (docs.as_retriever() | RunnableLambda(str) | ChatTurnout()).invoke(QUESTION)
    index("llama_index")
    LlamaTurnoutIndex("docs").insert_nodes([TextNode(text=text) for text in TEXTS])
    switched(monkeypatch)
    engine = LlamaTurnoutIndex("docs").as_query_engine(llm=TurnoutLLM())
    with pytest.raises(e.IndexBehindError):
        engine.query(QUESTION)
