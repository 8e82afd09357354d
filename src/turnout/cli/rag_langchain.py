"""The RAG application on LangChain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import Language, RecursiveCharacterTextSplitter

from turnout.cli import rag
from turnout.cli.rag import INSTRUCTIONS, Hit
from turnout.index.chunks import Chunk
from turnout.index.guard.checks import cosine
from turnout.langchain import ChatTurnout, TurnoutEmbeddings, TurnoutIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.cli.documents import Page
    from turnout.settings import Settings

PROMPT = ChatPromptTemplate.from_messages(
    [("system", INSTRUCTIONS), ("user", "Context:\n\n{context}\n\nQuestion: {question}")]
)


def split(page: Page) -> list[Document]:
    """Cut a text at headings and paragraphs, into chunks of about 1,000 characters."""
    # MarkdownTextSplitter would not do: it takes its patterns of headings for plain text (text-splitters 1.1.3).
    splitter = RecursiveCharacterTextSplitter.from_language(Language.MARKDOWN, chunk_size=1000, chunk_overlap=100)
    return splitter.split_documents([Document(page.text, metadata={"source": page.source})])


def index_chunks(page: Page) -> list[Chunk]:
    """The chunks of a text for a named index."""
    found = split(page)
    ids = rag.chunk_ids(page.source, [chunk.page_content for chunk in found])
    return [Chunk(id_, chunk.page_content, chunk.metadata) for id_, chunk in zip(ids, found, strict=True)]


class Application(rag.Application):
    """Embed, retrieve, answer: with what is in a named index, or what is embedded into memory."""

    def __init__(self, settings: Settings, model: str, index: str | None) -> None:
        self.chain = PROMPT | ChatTurnout(model=model, settings=settings) | StrOutputParser()
        self.memory = InMemoryVectorStore(TurnoutEmbeddings(settings=settings))
        self.index = None if index is None else TurnoutIndex(index, settings=settings)
        self.named = None if self.index is None else self.index.index

    def embed(self, chunks: list[Document]) -> None:
        """Embed chunks for one question and put them into the store."""
        self.memory.add_documents(chunks)

    def retrieve(self, question: str, top_k: int) -> list[Hit]:
        """Find the chunks that are nearest to a question, in memory or in the collection of the settings' space."""
        if self.index is None:
            scored = self.memory.similarity_search_with_score(question, k=top_k)
        else:
            vector = self.index.embeddings.embed_query(question)
            found = self.index.similarity_search_by_vector(vector, k=top_k)
            # Each store scores in its own way; the cosine is the same on all.
            stored = self.index.index.collection().vectors([chunk.id or "" for chunk in found])
            scored = [(chunk, cosine(vector, stored[chunk.id or ""])) for chunk in found]
        return [Hit(chunk.page_content, chunk.metadata["source"], score, chunk) for chunk, score in scored]

    def answer(self, question: str, hits: Sequence[Hit], *, stream: bool) -> Iterator[str]:
        """Answer from chunks: in pieces as they come, or as one."""
        context = "\n\n".join(f"Source: {hit.source}\n\n{hit.text}" for hit in hits)
        inputs = {"context": context, "question": question}
        yield from self.chain.stream(inputs) if stream else [self.chain.invoke(inputs)]
