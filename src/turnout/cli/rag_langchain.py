"""The RAG application on LangChain."""

from __future__ import annotations

from functools import partial
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


class Application(rag.Application):
    """Load, split, embed, retrieve, answer.

    Args:
        settings: Which cloud answers.
        model: The chat route.
    """

    def __init__(self, settings: Settings, model: str = "default") -> None:
        self.chain = PROMPT | ChatTurnout(model=model, settings=settings) | StrOutputParser()
        self.store = InMemoryVectorStore(TurnoutEmbeddings(settings=settings))

    @staticmethod
    def split(pages: Sequence[Page]) -> list[Document]:
        """Cut texts at headings and paragraphs, into chunks of about 1,000 characters."""
        documents = [Document(page.text, metadata={"source": page.source}) for page in pages]
        # MarkdownTextSplitter would not do: it takes its patterns of headings for plain text (text-splitters 1.1.3).
        splitter = RecursiveCharacterTextSplitter.from_language(Language.MARKDOWN, chunk_size=1000, chunk_overlap=100)
        return splitter.split_documents(documents)

    def embed(self, chunks: list[Document]) -> None:
        """Embed chunks and put them into the store."""
        self.store.add_documents(chunks)

    def retrieve(self, question: str, top_k: int) -> list[Hit]:
        """Find the chunks that are nearest to a question."""
        found = self.store.similarity_search_with_score(question, k=top_k)
        return [Hit(chunk.page_content, chunk.metadata["source"], score, chunk) for chunk, score in found]

    def answer(self, question: str, hits: Sequence[Hit], *, stream: bool) -> Iterator[str]:
        """Answer from chunks: in pieces as they come, or as one."""
        context = "\n\n".join(f"Source: {hit.source}\n\n{hit.text}" for hit in hits)
        inputs = {"context": context, "question": question}
        if stream:
            yield from self.chain.stream(inputs)
        else:
            yield self.chain.invoke(inputs)


def cut_page(page: Page) -> Iterator[rag.Cut]:
    """The chunks of a page for a named index, each with what makes it under an id."""
    for chunk in Application.split([page]):
        yield chunk.page_content, partial(Chunk, text=chunk.page_content, metadata=chunk.metadata)


class IndexedApplication(Application, rag.IndexedApplication):
    """The same on a named index.

    Args:
        settings: Which cloud answers.
        model: The chat route.
        index: The index.
    """

    def __init__(self, settings: Settings, model: str, index: str) -> None:
        super().__init__(settings, model)
        self.index = TurnoutIndex(index, settings=settings)
        self.named = self.index.index

    def retrieve(self, question: str, top_k: int) -> list[Hit]:
        """Find the chunks that are nearest to a question, in the collection of the settings' space."""
        vector = self.index.embeddings.embed_query(question)
        found = self.index.similarity_search_by_vector(vector, k=top_k)
        # Each store scores in its own way; the cosine is the same on all.
        stored = self.named.collection().vectors([chunk.id or "" for chunk in found])
        return [
            Hit(chunk.page_content, chunk.metadata["source"], cosine(vector, stored[chunk.id or ""]), chunk)
            for chunk in found
        ]
