"""The RAG application on LlamaIndex."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from llama_index.core import Document, PromptTemplate, VectorStoreIndex, get_response_synthesizer
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.ingestion import run_transformations
from llama_index.core.node_parser import MarkdownNodeParser, SentenceSplitter
from llama_index.core.node_parser.text.utils import split_by_regex
from llama_index.core.schema import MetadataMode, QueryBundle

from turnout.cli import rag
from turnout.cli.rag import INSTRUCTIONS, Hit
from turnout.index.guard.checks import cosine
from turnout.llama_index import TurnoutEmbedding, TurnoutIndex, TurnoutLLM
from turnout.llama_index.stores.base import document_chunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llama_index.core.schema import BaseNode

    from turnout.cli.documents import Page
    from turnout.settings import Settings

PROMPT = PromptTemplate(INSTRUCTIONS + "\n\nContext:\n\n{context_str}\n\nQuestion: {query_str}")
_SENTENCE = r"[^.!?\n]+[.!?\n]*"


class Application(rag.Application):
    """Load, split, embed, retrieve, answer.

    Args:
        settings: Which cloud answers.
        model: The chat route.
    """

    def __init__(self, settings: Settings, model: str = "default") -> None:
        self.llm = TurnoutLLM(model=model, settings=settings)
        self.index = VectorStoreIndex([], embed_model=TurnoutEmbedding(settings=settings))

    @staticmethod
    def split(pages: Sequence[Page]) -> list[BaseNode]:
        """Cut texts at headings and sentences, into chunks of at most 256 tokens."""
        documents = [Document(text=page.text, metadata={"source": page.source}) for page in pages]
        # Its own sentence splitter loads NLTK's data, and downloads them where they aren't at hand.
        splitter = SentenceSplitter(chunk_size=256, chunk_overlap=32, chunking_tokenizer_fn=split_by_regex(_SENTENCE))
        nodes = run_transformations(documents, [MarkdownNodeParser(), splitter])
        return [node for node in nodes if not _only_heading(node.get_content())]

    def embed(self, chunks: list[BaseNode]) -> None:
        """Embed chunks and put them into the index."""
        self.index.insert_nodes(chunks)

    def retrieve(self, question: str, top_k: int) -> list[Hit]:
        """Find the chunks that are nearest to a question."""
        found = self.index.as_retriever(similarity_top_k=top_k).retrieve(question)
        return [
            Hit(node.get_content(MetadataMode.NONE), node.metadata["source"], node.get_score(), node) for node in found
        ]

    def answer(self, question: str, hits: Sequence[Hit], *, stream: bool) -> Iterator[str]:
        """Answer from chunks: in pieces as they come, or as one."""
        synthesizer = get_response_synthesizer(llm=self.llm, text_qa_template=PROMPT, streaming=stream)
        answer = synthesizer.synthesize(question, [hit.chunk for hit in hits])
        if isinstance(answer, StreamingResponse):
            yield from answer.response_gen
        else:
            yield str(answer)


def cut_page(page: Page) -> Iterator[rag.Cut]:
    """The chunks of a page for a named index, each with what makes it under an id."""
    for node in Application.split([page]):
        yield node.get_content(), partial(document_chunk, node, page.source)


class IndexedApplication(Application, rag.IndexedApplication):
    """The same on a named index.

    Args:
        settings: Which cloud answers.
        model: The chat route.
        index: The index.
    """

    def __init__(self, settings: Settings, model: str, index: str) -> None:
        super().__init__(settings, model)
        named_index = TurnoutIndex(index, settings=settings)
        self.index, self.named = named_index, named_index.index
        self._embedding = TurnoutEmbedding(self.named.config.settings.embedding, settings=settings)

    def retrieve(self, question: str, top_k: int) -> list[Hit]:
        """Find the chunks that are nearest to a question, in the collection of the settings' space."""
        vector = self._embedding.get_query_embedding(question)
        retriever = self.index.as_retriever(similarity_top_k=top_k)
        found = retriever.retrieve(QueryBundle(question, embedding=vector))
        # Each store scores in its own way: Chroma's score is no cosine.
        stored = self.named.collection().vectors([node.node_id for node in found])
        return [
            Hit(
                node.get_content(MetadataMode.NONE), node.metadata["source"], cosine(vector, stored[node.node_id]), node
            )
            for node in found
        ]


def _only_heading(text: str) -> bool:
    return text.startswith("#") and "\n" not in text.strip()
