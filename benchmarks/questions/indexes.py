"""The docs' passages in a named index, on either framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.questions.make import Passage


def filled(framework: str, passages: Sequence[Passage]) -> Any:
    """The index `docs` of the settings with passages added."""
    if framework == "langchain":
        from turnout.langchain import TurnoutIndex as LangChainIndex

        index = LangChainIndex("docs")
        metadatas: list[dict[str, Any]] = [{"source": passage.source} for passage in passages]
        index.add_texts([passage.text for passage in passages], metadatas, ids=[passage.id for passage in passages])
        return index
    from llama_index.core.schema import TextNode

    from turnout.llama_index import TurnoutIndex

    made = TurnoutIndex("docs")
    made.insert_nodes([TextNode(id_=passage.id, text=passage.text) for passage in passages])
    return made


def searcher(index: Any, k: int) -> Callable[[str], Sequence[str]]:
    """A question → the ids of the k nearest passages, as the index's framework searches."""
    if hasattr(index, "similarity_search"):
        return lambda question: [found.id for found in index.similarity_search(question, k=k)]
    retriever = index.as_retriever(similarity_top_k=k)
    return lambda question: [found.node_id for found in retriever.retrieve(question)]
