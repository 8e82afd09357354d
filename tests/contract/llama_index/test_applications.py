"""Small applications: engines over an index, chat engines, agents. Written once, run on every backend."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import PromptTemplate, VectorStoreIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine.types import ChatMode
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.storage.chat_store import SimpleChatStore

from tests.contract.llama_index.llama_parts import DOCUMENTS, TOOLS, Person, service_of
from tests.support.parts import chats
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout_emulator import Answer

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = [
    pytest.mark.usefixtures("backend"),
    # LlamaIndex's own: its workflows look at every attribute of an agent, its structured LLM calls the other.
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince211"),
]

BUILT = "When was the signal box at Interlaken built?"


@pytest.fixture(autouse=True)
def _event_loop(request: pytest.FixtureRequest) -> None:
    """An event loop for the sync tests."""
    if not inspect.iscoroutinefunction(request.function):
        request.getfixturevalue("event_loop")


def memory() -> ChatMemoryBuffer:
    """A memory without a database, which LlamaIndex's default one would leave open."""
    return ChatMemoryBuffer.from_defaults(token_limit=10_000, tokenizer_fn=str.split)


@pytest.fixture
def index(fresh_emulator: Emulator) -> VectorStoreIndex:
    return VectorStoreIndex.from_documents(DOCUMENTS, embed_model=TurnoutEmbedding())


def test_query_engine(index: VectorStoreIndex, backend: str, fresh_emulator: Emulator) -> None:
    answer = index.as_query_engine(llm=TurnoutLLM(), similarity_top_k=1).query(BUILT)
    assert "1892" in str(answer)
    assert [node.node.ref_doc_id for node in answer.source_nodes] == ["interlaken"]
    assert {received.service for received in fresh_emulator.requests} == {service_of(backend)}


async def test_query_engine_async(index: VectorStoreIndex) -> None:
    answer = await index.as_query_engine(llm=TurnoutLLM(), similarity_top_k=2).aquery(BUILT)
    assert "1892" in str(answer)


def test_streaming_query_engine(index: VectorStoreIndex) -> None:
    llm = TurnoutLLM()
    engine = RetrieverQueryEngine(
        retriever=index.as_retriever(similarity_top_k=1),
        response_synthesizer=get_response_synthesizer(llm=llm, streaming=True),
    )
    answer = engine.query(BUILT)
    tokens = list(answer.response_gen)  # type: ignore[union-attr, arg-type]
    assert len(tokens) > 3
    assert "1892" in "".join(tokens)


@pytest.mark.parametrize("mode", ["compact", "refine", "tree_summarize", "accumulate"])
def test_response_modes(index: VectorStoreIndex, mode: str) -> None:
    engine = index.as_query_engine(llm=TurnoutLLM(), similarity_top_k=2, response_mode=mode)
    assert "1892" in str(engine.query(BUILT))


def test_structured_query_engine(index: VectorStoreIndex) -> None:
    engine = index.as_query_engine(llm=TurnoutLLM().as_structured_llm(Person), similarity_top_k=1)
    response = engine.query("Ada is 36 years old. Who?").response  # type: ignore[union-attr]
    assert isinstance(response, Person)


@pytest.mark.parametrize("mode", [ChatMode.CONTEXT, ChatMode.CONDENSE_PLUS_CONTEXT])
def test_chat_engine(index: VectorStoreIndex, mode: ChatMode, fresh_emulator: Emulator) -> None:
    engine = index.as_chat_engine(chat_mode=mode, llm=TurnoutLLM(), similarity_top_k=1, memory=memory())
    assert "1892" in str(engine.chat(BUILT))
    assert len(engine.chat_history) == 2
    if mode is ChatMode.CONDENSE_PLUS_CONTEXT:
        fresh_emulator.queue(Answer(text="When are season tickets refunded?"))
    assert "refunded" in str(engine.chat("When are season tickets refunded?"))
    assert len(engine.chat_history) == 4


def test_condense_question_chat_engine(index: VectorStoreIndex) -> None:
    engine = index.as_chat_engine(
        chat_mode=ChatMode.CONDENSE_QUESTION, llm=TurnoutLLM(), similarity_top_k=1, memory=memory()
    )
    assert "1892" in str(engine.chat(BUILT))


def test_streaming_chat_engine(index: VectorStoreIndex) -> None:
    engine = index.as_chat_engine(chat_mode=ChatMode.CONTEXT, llm=TurnoutLLM(), similarity_top_k=1, memory=memory())
    tokens = list(engine.stream_chat(BUILT).response_gen)
    assert "1892" in "".join(tokens)
    assert len(engine.chat_history) == 2


async def test_streaming_chat_engine_async(index: VectorStoreIndex) -> None:
    engine = index.as_chat_engine(chat_mode=ChatMode.CONTEXT, llm=TurnoutLLM(), similarity_top_k=1, memory=memory())
    response = await engine.astream_chat(BUILT)
    assert "1892" in "".join([token async for token in response.async_response_gen()])


def test_ingestion_pipeline() -> None:
    pipeline = IngestionPipeline(transformations=[SentenceSplitter(chunk_size=64, chunk_overlap=0), TurnoutEmbedding()])
    nodes = pipeline.run(documents=DOCUMENTS)
    assert len(nodes) >= 3
    assert all(node.embedding for node in nodes)


@pytest.mark.parametrize("streaming", [True, False])
async def test_function_agent(streaming: bool, fresh_emulator: Emulator) -> None:
    agent = FunctionAgent(tools=TOOLS, llm=TurnoutLLM(), streaming=streaming)
    output: Any = await agent.run("Multiply 6 and 7.")
    assert "42" in str(output)
    assert [call.tool_name for call in output.tool_calls] == ["multiply"]
    assert len(chats(fresh_emulator)) == 2


async def test_function_agent_calls_several_tools() -> None:
    agent = FunctionAgent(tools=TOOLS, llm=TurnoutLLM())
    output: Any = await agent.run("Multiply 6 and 7, and get the weather in Bern.")
    assert {call.tool_name for call in output.tool_calls} == {"multiply", "weather"}
    assert "42" in str(output)
    assert "sunny" in str(output)


async def test_agent_workflow_with_memory() -> None:
    kept = memory()
    workflow = AgentWorkflow.from_tools_or_functions(list(TOOLS), llm=TurnoutLLM())
    await workflow.run("Multiply 6 and 7.", memory=kept)
    output = await workflow.run("What is the weather in Bern?", memory=kept)
    assert "sunny" in str(output)
    assert len(kept.get_all()) == 8


async def test_a_saved_history_goes_on_on_the_other_side(backend: str, fresh_emulator: Emulator) -> None:
    store = SimpleChatStore()
    kept = ChatMemoryBuffer.from_defaults(chat_store=store, token_limit=10_000, tokenizer_fn=str.split)
    workflow = AgentWorkflow.from_tools_or_functions(list(TOOLS), llm=TurnoutLLM())
    await workflow.run("Multiply 6 and 7.", memory=kept)
    other = TurnoutLLM(backend="openai" if backend == "bedrock" else "bedrock")
    saved = [message.model_dump_json() for message in store.get_messages(kept.chat_store_key)]
    history = [ChatMessage.model_validate_json(message) for message in saved]
    assert len(history) == 4
    answer = other.chat_with_tools(TOOLS, "The lamp is green. Which colour is the lamp?", chat_history=history)
    assert "green" in str(answer)
    sent = str(chats(fresh_emulator)[-1].body["messages"])
    assert "multiply" in sent
    assert "42" in sent


def test_predict_with_a_prompt_template() -> None:
    prompt = PromptTemplate("The lamp is green.\nWhich {what} is the lamp?")
    assert "green" in TurnoutLLM().predict(prompt, what="colour")
    assert "green" in "".join(TurnoutLLM().stream(prompt, what="colour"))


async def test_predict_async() -> None:
    prompt = PromptTemplate("The lamp is green.\nWhich {what} is the lamp?")
    assert "green" in await TurnoutLLM().apredict(prompt, what="colour")
    assert "green" in "".join([token async for token in await TurnoutLLM().astream(prompt, what="colour")])
