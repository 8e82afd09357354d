"""What a check asks of a LangChain store and its embeddings, synchronously or not."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from turnout.errors import EmbeddingSpaceError

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import VectorStore

    from turnout.langchain.stores.keeper import SpaceKeeper
    from turnout.space_checks import Checked, Checking


def run(steps: Checking, keeper: SpaceKeeper, embeddings: Embeddings | None, store: VectorStore) -> Checked:
    """Carry out the steps of a check."""
    answer: Any = None
    while True:
        try:
            what, given = steps.send(answer)
        except StopIteration as ended:
            checked: Checked = ended.value
            return checked
        if what == "embed":
            answer = some(embeddings).embed_documents(*given)
        elif what == "probe":
            answer = None
            with suppress(Exception):  # an empty store may refuse to be searched
                answer = store.similarity_search(given[0], k=1)
            answer = answer or []
        else:
            answer = getattr(keeper, what)(*given)


async def arun(steps: Checking, keeper: SpaceKeeper, embeddings: Embeddings | None, store: VectorStore) -> Checked:
    """Carry out the steps of a check without blocking the event loop."""
    answer: Any = None
    while True:
        try:
            what, given = steps.send(answer)
        except StopIteration as ended:
            checked: Checked = ended.value
            return checked
        if what == "embed":
            answer = await some(embeddings).aembed_documents(*given)
        elif what == "probe":
            answer = None
            with suppress(Exception):
                answer = await store.asimilarity_search(given[0], k=1)
            answer = answer or []
        else:
            answer = await getattr(keeper, f"a{what}")(*given)


def some(embeddings: Embeddings | None) -> Embeddings:
    """The embeddings, which there have to be.

    Raises:
        EmbeddingSpaceError: There are none.
    """
    if embeddings is None:
        fix = "guarded(store, embeddings)"
        msg = f"this store doesn't say what it embeds with; give its embeddings to {fix}"
        raise EmbeddingSpaceError(msg, fix=fix)
    return embeddings
