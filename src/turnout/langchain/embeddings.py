"""`TurnoutEmbeddings`: LangChain embeddings whose cloud is a setting."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from pydantic import BaseModel, ConfigDict, Field

from turnout.embedding.batching import EmbeddingProgress
from turnout.embedding.model import RoutedEmbedding
from turnout.hints import Failover
from turnout.langchain.errors import langchain_errors
from turnout.langchain.recheck import arun_pending, run_pending
from turnout.settings.fields import SettingsField, portable_settings
from turnout.settings.foreign_arguments import refuse_unknown


class TurnoutEmbeddings(RoutedEmbedding, BaseModel, Embeddings):
    """Embeds texts with the embedding model that the settings name.

    The argument `model` is a route (`default`), or a model of one backend (`bedrock:amazon.titan-embed-text-v2:0`). The
    attribute `model` tells embedding spaces apart, as a namespace of LangChain's cache has to:
    `CacheBackedEmbeddings.from_bytes_store(embeddings, store, namespace=embeddings.model)`.

    Attributes:
        route_name: The argument `model`.
        backend: Another backend than the active one.
        dimensions: Length of the vectors, where the model lets one choose.
        max_retries: How often a failed request is repeated, over the backend's. Throttling doesn't count among many
            requests: it is waited out.
        deadline: Seconds that one request may take in all, its repetitions included, over the backend's.
        progress: Called after each request with how far a call has come.
        on_failover: Called with a `turnout.Failover` when a request moves on to another place of the same space.
        settings: Settings, or the path of a settings file; left out, they are found.

    Example:
        ```python
        from turnout.langchain import TurnoutEmbeddings

        vector = TurnoutEmbeddings().embed_query("How do I rotate a key?")
        ```
    """

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), hide_input_in_errors=True, serialize_by_alias=True, defer_build=True
    )

    route_name: str = Field(default="default", alias="model")
    backend: str | None = None
    dimensions: int | None = Field(default=None, gt=0)
    max_retries: int | None = Field(default=None, ge=0, le=20)
    deadline: float | None = Field(default=None, gt=0)
    progress: Callable[[EmbeddingProgress], object] | None = Field(default=None, exclude=True, repr=False)
    on_failover: Callable[[Failover], object] | None = Field(default=None, exclude=True, repr=False)
    settings: SettingsField = Field(default=None, exclude=True, repr=False)

    if not TYPE_CHECKING:  # for type checkers the fields are the arguments

        def __init__(self, **arguments: Any) -> None:
            fields = {field.alias or name: field for name, field in type(self).model_fields.items()}
            refuse_unknown(fields, arguments, "TurnoutEmbeddings")
            super().__init__(**arguments)

    @property
    def model(self) -> str:
        """The embedding space as the settings are now, in the characters that every store's keys may have."""
        from turnout.facts.spaces import folder_name

        return folder_name(self.space)

    @property
    def _route_name(self) -> str:
        return self.route_name

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents.

        Args:
            texts: What to embed; none may be empty.

        Returns:
            One vector for each text, in order.

        Raises:
            ModelCallError: The service refused or failed, or a text is empty or too long.
        """
        with langchain_errors():
            vectors = self._embedder().embed(texts, "document")
        run_pending(self)
        return vectors

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents without blocking the event loop."""
        with langchain_errors():
            vectors = await self._embedder().aembed(texts, "document")
        await arun_pending(self)
        return vectors

    def embed_iter(self, texts: Iterable[str]) -> Generator[list[float]]:
        """Embed documents of any number in bounded memory.

        Args:
            texts: What to embed; read as far ahead as requests may be in flight.

        Yields:
            One vector for each text, in order.

        Raises:
            ModelCallError: The service refused or failed, or a text is empty or too long; the vectors before it have
                been given.
        """
        with langchain_errors():
            yield from self._embedder().embed_iter(texts)

    async def aembed_iter(self, texts: Iterable[str] | AsyncIterable[str]) -> AsyncGenerator[list[float]]:
        """Embed documents of any number in bounded memory, without blocking the event loop."""
        with langchain_errors():
            async with aclosing(self._embedder().aembed_iter(texts)) as vectors:
                async for vector in vectors:
                    yield vector

    def embed_query(self, text: str) -> list[float]:
        """Embed a query: some models embed it differently from a document."""
        with langchain_errors():
            vector = self._embedder().embed([text], "query")[0]
        run_pending(self)
        return vector

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a query without blocking the event loop."""
        with langchain_errors():
            vector = (await self._embedder().aembed([text], "query"))[0]
        await arun_pending(self)
        return vector

    def __getstate__(self) -> dict[Any, Any]:
        portable = self.model_copy(update={"settings": portable_settings(self.settings)})
        return super(TurnoutEmbeddings, portable).__getstate__()
