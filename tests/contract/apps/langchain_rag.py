"""Applications that read: retrieval, memory, long documents, many questions at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableConfig, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

from tests.contract.apps.langchain_parts import BUILT, LANGCHAIN, LIBRARY, said

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import BaseMessage
    from langchain_core.vectorstores import VectorStoreRetriever

    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory

PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer from the context alone and name your sources.\n\n{context}"),
        ("user", "{question}"),
    ]
)


def shelf(embeddings: EmbeddingsFactory, found: int = 2) -> VectorStoreRetriever:
    """The library, searchable."""
    store = InMemoryVectorStore.from_documents(LIBRARY, embeddings())
    return store.as_retriever(search_kwargs={"k": found})


def numbered(documents: list[Document]) -> str:
    """Documents as a prompt has them."""
    return "\n\n".join(f"source: {one.metadata['source']}\n{one.page_content}" for one in documents)


@LANGCHAIN.application(by_model=True)
def rag_with_sources(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    retriever = shelf(embeddings)
    documents = retriever.invoke(BUILT)
    assert documents[0].metadata["source"] == "signals"
    answer = (PROMPT | chat() | StrOutputParser()).invoke({"context": numbered(documents), "question": BUILT})
    assert "1892" in answer
    assert "signals" in answer


@LANGCHAIN.application()
def streaming_rag(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    chain = {"context": shelf(embeddings) | numbered, "question": RunnablePassthrough()} | PROMPT | chat()
    chunks = list(chain.stream(BUILT))
    assert sum(bool(chunk.text) for chunk in chunks) > 3
    assert "1892" in said(*chunks)
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk  # type: ignore[assignment]
    assert isinstance(whole, AIMessageChunk)
    assert whole.usage_metadata is not None, "no usage"
    assert whole.usage_metadata["input_tokens"] > 10
    assert whole.usage_metadata["output_tokens"] > 0


@LANGCHAIN.application()
def streaming_rag_async(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    async def ask() -> list[AIMessage]:
        store = InMemoryVectorStore(embeddings())
        await store.aadd_documents(LIBRARY)
        context = numbered(await store.asimilarity_search(BUILT, k=2))
        answer = (PROMPT | chat()).astream({"context": context, "question": BUILT})
        return [chunk async for chunk in answer]

    assert "1892" in said(*asyncio.run(ask()))


@LANGCHAIN.application()
def chat_with_memory(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    prompt = ChatPromptTemplate.from_messages(
        [("system", "You talk with travellers."), MessagesPlaceholder("history"), ("user", "{said}")]
    )
    model = prompt | chat()
    memory: list[BaseMessage] = []

    def say(text: str) -> str:
        answer = model.invoke({"history": memory, "said": text})
        memory.extend([HumanMessage(text), answer])
        return said(answer)

    say("My name is Ada and I live in Thun.")
    say("The next train leaves at 9:15.")
    assert "Ada" in say("What is my name?")
    assert "9:15" in say("When does the next train leave?")


@LANGCHAIN.application()
def follow_up_question(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    condense = ChatPromptTemplate.from_messages(
        [
            MessagesPlaceholder("history"),
            ("user", "Rephrase as a standalone question.\nHuman: {before}\nFollow up question: {said}"),
        ]
    )
    model = chat()
    first = (PROMPT | model).invoke({"context": numbered(LIBRARY), "question": BUILT})
    history = [("user", BUILT), first]
    alone = (condense | model | StrOutputParser()).invoke(
        {"history": history, "before": BUILT, "said": "Who built it?"}
    )
    documents = shelf(embeddings).invoke(alone)
    assert "Ruppert" in (PROMPT | model).invoke({"context": numbered(documents), "question": alone}).text


@LANGCHAIN.application()
def map_reduce_summary(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    chapters = [
        f"Chapter {number}. Line {number} of the railway has {number * 7} stations. The railway of line {number} is old. "
        + f"Its trains of the railway run on line {number} each day. " * 4
        for number in range(1, 13)
    ]
    pieces = RecursiveCharacterTextSplitter(chunk_size=800, chunk_overlap=0).split_text("\n\n".join(chapters))
    assert len(pieces) > 3
    summarise = ChatPromptTemplate.from_template("Write a summary of this text:\n\n{text}") | chat() | StrOutputParser()
    parts = summarise.batch([{"text": piece} for piece in pieces])
    assert all(parts)
    whole = summarise.invoke({"text": "\n\n".join(parts)})
    assert "railway" in whole
    assert len(whole) < sum(map(len, pieces)) / 4


def fifty() -> list[LanguageModelInput]:
    """Fifty questions, each with an answer of its own."""
    return [f"Lamp {one} is shown on dial {one * 3}.\n\nOn which dial is lamp {one} shown?" for one in range(50)]


@LANGCHAIN.application()
def batch_of_50(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    config: RunnableConfig = {"max_concurrency": 10}
    answers = chat().batch(fifty(), config)
    for number, answer in enumerate(answers):
        assert f"dial {number * 3}" in said(answer)
        assert answer.usage_metadata is not None


@LANGCHAIN.application()
def abatch_of_50(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    answers = asyncio.run(chat().abatch(fifty()))
    for number, answer in enumerate(answers):
        assert f"dial {number * 3}" in said(answer)
