"""The RAG application on LlamaIndex."""

from __future__ import annotations

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
    from turnout.index.chunks import Chunk
    from turnout.settings import Settings

PROMPT = PromptTemplate(INSTRUCTIONS + "\n\nContext:\n\n{context_str}\n\nQuestion: {query_str}")
_SENTENCE = r"[^.!?\n]+[.!?\n]*"


def split(page: Page) -> list[BaseNode]:
    """Cut a text at headings and sentences, into chunks of at most 256 tokens."""
    # Its own sentence splitter loads NLTK's data, and downloads them where they aren't at hand.
    splitter = SentenceSplitter(chunk_size=256, chunk_overlap=32, chunking_tokenizer_fn=split_by_regex(_SENTENCE))
    document = Document(text=page.text, metadata={"source": page.source})
    nodes = run_transformations([document], [MarkdownNodeParser(), splitter])
    return [node for node in nodes if not _only_heading(node.get_content())]


def index_chunks(page: Page) -> list[Chunk]:
    """The chunks of a text for a named index."""
    nodes = split(page)
    ids = rag.chunk_ids(page.source, [node.get_content() for node in nodes])
    return [document_chunk(node, page.source, id_) for id_, node in zip(ids, nodes, strict=True)]


class Application(rag.Application):
    """Embed, retrieve, answer: with what is in a named index, or what is embedded into memory."""

    def __init__(self, settings: Settings, model: str, index: str | None) -> None:
        self.llm = TurnoutLLM(model=model, settings=settings)
        self.embedding = TurnoutEmbedding(settings=settings)
        self.index = VectorStoreIndex([], embed_model=self.embedding)
        self.named = None
        if index is not None:
            named = TurnoutIndex(index, settings=settings)
            self.index, self.named = named, named.index
            self.embedding = TurnoutEmbedding(named.index.config.settings.embedding, settings=settings)

    def embed(self, chunks: list[BaseNode]) -> None:
        """Embed chunks for one question and put them into the store."""
        self.index.insert_nodes(chunks)

    def retrieve(self, question: str, top_k: int) -> list[Hit]:
        """Find the chunks that are nearest to a question, in memory or in the collection of the settings' space."""
        vector = self.embedding.get_query_embedding(question)
        found = self.index.as_retriever(similarity_top_k=top_k).retrieve(QueryBundle(question, embedding=vector))
        scores = [node.get_score() for node in found]
        if self.named is not None:  # each store scores in its own way: Chroma's score is no cosine
            stored = self.named.collection().vectors([node.node_id for node in found])
            scores = [cosine(vector, stored[node.node_id]) for node in found]
        return [
            Hit(node.get_content(MetadataMode.NONE), node.metadata["source"], score, node)
            for node, score in zip(found, scores, strict=True)
        ]

    def answer(self, question: str, hits: Sequence[Hit], *, stream: bool) -> Iterator[str]:
        """Answer from chunks: in pieces as they come, or as one."""
        synthesizer = get_response_synthesizer(llm=self.llm, text_qa_template=PROMPT, streaming=stream)
        answer = synthesizer.synthesize(question, [hit.chunk for hit in hits])
        yield from answer.response_gen if isinstance(answer, StreamingResponse) else [str(answer)]


def _only_heading(text: str) -> bool:
    return text.startswith("#") and "\n" not in text.strip()
