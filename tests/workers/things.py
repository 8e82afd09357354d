"""What travels to workers: each class of turnout's that an application holds, and one question to each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import Document
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import SimpleVectorStore, VectorStoreQuery

from turnout import llama_index as ours
from turnout import load_settings
from turnout.langchain import ChatTurnout, TurnoutEmbeddings, TurnoutIndex, guarded
from turnout.llama_index import GuardedVectorStore, TurnoutEmbedding, TurnoutLLM

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["Keys are rotated in March.", "The depot opens at seven."]
QUESTION = "When does the depot open?"


def things(settings_file: Path) -> dict[str, Any]:
    """Each of them, made with whole settings and used once, so that it holds all that it ever holds."""
    settings = load_settings(settings_file)
    found: dict[str, Any] = {}
    for backend in ("azure", "bedrock"):
        found |= {
            f"ChatTurnout on {backend}": ChatTurnout(backend=backend, settings=settings),
            f"TurnoutEmbeddings on {backend}": TurnoutEmbeddings(backend=backend, settings=settings),
            f"TurnoutLLM on {backend}": TurnoutLLM(backend=backend, settings=settings),
            f"TurnoutEmbedding on {backend}": TurnoutEmbedding(backend=backend, settings=settings),
        }
    store = guarded(InMemoryVectorStore(TurnoutEmbeddings(settings=settings)))
    store.add_texts(TEXTS)
    index = TurnoutIndex("docs", settings=settings)
    index.add_texts(TEXTS, ids=["keys", "depot"])
    embedding = TurnoutEmbedding(settings=settings)
    nodes = ours.guarded(SimpleVectorStore(), embedding)
    nodes.add([TextNode(text=text, id_=text, embedding=embedding.get_text_embedding(text)) for text in TEXTS])
    named = ours.TurnoutIndex("nodes", settings=settings)
    for text in TEXTS:
        named.insert(Document(text=text))
    found |= {
        "a guarded store": store,
        "its retriever": store.as_retriever(),
        "a named index": index,
        "its retriever too": index.as_retriever(),
        "a guarded LlamaIndex store": nodes,
        "a named LlamaIndex index": named,
    }
    for thing in found.values():
        ask(thing)
    return found


def ask(thing: Any) -> Any:
    """Ask a thing the question."""
    match thing:
        case ChatTurnout():
            return thing.invoke(f"Context: {TEXTS[1]}\n\nQuestion: {QUESTION}").content
        case TurnoutLLM():
            return str(thing.complete(f"Context: {TEXTS[1]}\n\nQuestion: {QUESTION}"))
        case TurnoutEmbeddings():
            return thing.embed_query(QUESTION)
        case TurnoutEmbedding():
            return thing.get_query_embedding(QUESTION)
        case GuardedVectorStore():
            vector = thing.embed_model.get_query_embedding(QUESTION)
            return thing.query(VectorStoreQuery(query_embedding=vector, similarity_top_k=1)).ids
    if hasattr(thing, "similarity_search"):
        return thing.similarity_search(QUESTION, k=1)[0].page_content
    if hasattr(thing, "as_retriever"):
        return thing.as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].text
    return thing.invoke(QUESTION)[0].page_content


def ask_all(found: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Ask all of them; with the process in which that was."""
    return os.getpid(), {name: ask(thing) for name, thing in found.items()}
