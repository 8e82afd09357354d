"""Applications that read: retrieval, memory, long documents, many questions at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llama_index.core import VectorStoreIndex
from llama_index.core.chat_engine.types import ChatMode
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer

from tests.contract.apps.llama_index_parts import BUILT, LIBRARY, LLAMA_INDEX, memory, user

if TYPE_CHECKING:
    from tests.contract.apps.llama_index_parts import EmbeddingFactory, LLMFactory


def index(embeddings: EmbeddingFactory) -> VectorStoreIndex:
    """The library, searchable."""
    return VectorStoreIndex.from_documents(LIBRARY, embed_model=embeddings())


@LLAMA_INDEX.application(by_model=True)
def rag_with_sources(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    answer = index(embeddings).as_query_engine(llm=chat(), similarity_top_k=2).query(BUILT)
    assert "1892" in str(answer)
    assert answer.source_nodes[0].node.ref_doc_id == "signals"


@LLAMA_INDEX.application()
def streaming_rag(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    engine = index(embeddings).as_query_engine(llm=chat(), similarity_top_k=2, streaming=True)
    answer: Any = engine.query(BUILT)
    tokens = list(answer.response_gen)
    assert sum(map(bool, tokens)) > 3
    assert "1892" in "".join(tokens)


@LLAMA_INDEX.application()
def rag_async(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    async def ask() -> str:
        return str(await index(embeddings).as_query_engine(llm=chat(), similarity_top_k=2).aquery(BUILT))

    assert "1892" in asyncio.run(ask())


@LLAMA_INDEX.application()
def chat_with_memory(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    engine = index(embeddings).as_chat_engine(
        chat_mode=ChatMode.CONTEXT, llm=chat(), similarity_top_k=1, memory=memory()
    )
    engine.chat("My name is Ada and I live in Thun.")
    assert "1892" in str(engine.chat(BUILT))
    assert "Ada" in "".join(engine.stream_chat("What is my name?").response_gen)
    assert len(engine.chat_history) == 6


@LLAMA_INDEX.application()
def map_reduce_summary(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    text = " ".join(
        f"Chapter {number}. Line {number} of the railway has {number * 7} stations. The railway of line {number} is old. "
        + f"Its trains of the railway run on line {number} each day. " * 4
        for number in range(1, 13)
    )
    pieces = SentenceSplitter(chunk_size=200, chunk_overlap=0).split_text(text)
    assert len(pieces) > 3
    synthesizer = get_response_synthesizer(response_mode=ResponseMode.TREE_SUMMARIZE, llm=chat())
    whole = str(synthesizer.get_response("Write a summary of this text.", pieces))
    assert "railway" in whole
    assert len(whole) < len(text) / 4


@LLAMA_INDEX.application()
def batch_of_50(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    async def ask() -> list[Any]:
        llm = chat()
        questions = (f"Lamp {n} is shown on dial {n * 3}.\n\nOn which dial is lamp {n} shown?" for n in range(50))
        return await asyncio.gather(*(llm.achat([user(question)]) for question in questions))

    for number, answer in enumerate(asyncio.run(ask())):
        assert f"dial {number * 3}" in str(answer)


@LLAMA_INDEX.application()
def follow_up_question(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A question that means something only after the one before it is made whole, then looked up."""
    engine = index(embeddings).as_chat_engine(
        chat_mode=ChatMode.CONDENSE_PLUS_CONTEXT,
        llm=chat(),
        similarity_top_k=2,
        memory=memory(),
        condense_prompt="Rephrase as a standalone question.\n{chat_history}\nFollow up question: {question}",
    )
    assert "1892" in str(engine.chat(BUILT))
    answer = engine.chat("Who built it?")
    assert "Ruppert" in str(answer)
    assert answer.source_nodes[0].node.ref_doc_id == "signals"
