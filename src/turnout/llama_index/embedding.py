"""`TurnoutEmbedding`: a LlamaIndex embedding model whose cloud is a setting."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from typing import Any, Self

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import ConfigDict, Field, model_validator

from turnout.clients.embedder import Embedder, EmbeddingProgress
from turnout.errors import TurnoutError
from turnout.llama_index.state import SettingsField, current, portable_settings
from turnout.routes import Route, resolve
from turnout.spaces import EmbeddingSpace, space_of

_LARGEST = 2048  # LlamaIndex's own limit; the embedder cuts it to what the model takes


class TurnoutEmbedding(BaseEmbedding):
    """Embeds texts with the embedding model that the settings name.

    `model_name`, which caches and stores see, is the embedding space: the same wherever the model is served.

    Attributes:
        model: A route (`default`), or a model of one backend (`bedrock:amazon.titan-embed-text-v2:0`).
        backend: Another backend than the active one.
        dimensions: Length of the vectors, where the model lets one choose.
        max_retries: How often a failed request is repeated, over the backend's. Throttling doesn't count among many
            requests: it is waited out.
        deadline: Seconds that one request may take in all, its repetitions included, over the backend's.
        progress: Called after each request with how far a call has come.
        settings: Settings, or the path of a settings file; left out, they are found.
        embed_batch_size: Texts that LlamaIndex hands over at once; they go out in the largest requests that the model
            takes, several at a time.

    Example:
        ```python
        from turnout.llama_index import TurnoutEmbedding

        vector = TurnoutEmbedding().get_query_embedding("How do I rotate a key?")
        ```
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), arbitrary_types_allowed=True)

    model: str = "default"
    backend: str | None = None
    dimensions: int | None = Field(default=None, gt=0)
    embed_batch_size: int = Field(default=_LARGEST, gt=0, le=_LARGEST)
    max_retries: int | None = Field(default=None, ge=0, le=20)
    deadline: float | None = Field(default=None, gt=0)
    progress: Callable[[EmbeddingProgress], object] | None = Field(default=None, exclude=True, repr=False)
    settings: SettingsField = Field(default=None, exclude=True, repr=False)

    def __init__(self, model: str = "default", **arguments: Any) -> None:
        super().__init__(model=model, **arguments)

    @model_validator(mode="after")
    def _named(self) -> Self:
        self.model_name = self._space_name()
        return self

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "TurnoutEmbedding"

    @property
    def route(self) -> Route:
        """Where texts go, as the settings are now."""
        return self._embedder().route

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the vectors."""
        return space_of(self.route)

    def _space_name(self) -> str:
        try:
            return str(self.space)
        except TurnoutError:
            return self.model  # settings may come later; a call without them says what is missing

    def to_payload(self) -> dict[str, Any]:
        """What events say of this model."""
        self.model_name = self._space_name()
        return super().to_payload()

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """The model as LlamaIndex serialises and hashes it: its arguments and its space, without settings."""
        self.model_name = self._space_name()
        return super().to_dict(**kwargs)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._embedder().embed([query], "query")[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return (await self._embedder().aembed([query], "query"))[0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embedder().embed([text])[0]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._embedder().aembed([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embedder().embed(texts)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await self._embedder().aembed(texts)

    def embed_iter(self, texts: Iterable[str]) -> Generator[list[float]]:
        """Embed texts of any number in bounded memory.

        Args:
            texts: What to embed; read as far ahead as requests may be in flight.

        Yields:
            One vector for each text, in order.
        """
        return self._embedder().embed_iter(texts)

    def aembed_iter(self, texts: Iterable[str] | AsyncIterable[str]) -> AsyncGenerator[list[float]]:
        """Embed texts of any number in bounded memory, without blocking the event loop."""
        return self._embedder().aembed_iter(texts)

    def _embedder(self) -> Embedder:
        settings = current(self.settings)
        route = resolve(
            self.model, kind="embedding", backend=self.backend, dimensions=self.dimensions, settings=settings
        )
        return Embedder(
            route, settings, max_retries=self.max_retries, deadline=self.deadline, progress=self.progress
        )

    def __getstate__(self) -> dict[str, Any]:
        # Of a copy: the base class takes what doesn't pickle out of the object itself.
        travelling = self.model_copy(update={"settings": portable_settings(self.settings)})
        return super(TurnoutEmbedding, travelling).__getstate__()
