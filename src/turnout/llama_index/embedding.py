"""`TurnoutEmbedding`: a LlamaIndex embedding model whose cloud is a setting."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import ConfigDict, Field, model_validator

from turnout.embedding.batching import EmbeddingProgress
from turnout.embedding.model import RoutedEmbedding
from turnout.errors import EmbeddingSpaceError, TurnoutError
from turnout.facts.spaces import EmbeddingSpace
from turnout.hints import Failover
from turnout.llama_index.vectors import Purpose, SpacedCache, keyed, remember
from turnout.settings.fields import SettingsField, portable_settings
from turnout.settings.foreign_arguments import refuse_unknown

_LARGEST = 2048  # LlamaIndex's own limit; the embedder cuts it to what the model takes


class TurnoutEmbedding(RoutedEmbedding, BaseEmbedding):
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
        on_failover: Called with a `turnout.Failover` when a request moves on to another place of the same space.
        settings: Settings, or the path of a settings file; left out, they are found.
        embed_batch_size: Texts that LlamaIndex hands over at once; they go out in the largest requests that the model
            takes, several at a time.
        embeddings_cache: A key-value store of vectors; its keys get the space, so that another model's can't come back.

    Example:
        ```python
        from turnout.llama_index import TurnoutEmbedding

        vector = TurnoutEmbedding().get_query_embedding("How do I rotate a key?")
        ```
    """

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    model: str = "default"
    backend: str | None = None
    dimensions: int | None = Field(default=None, gt=0)
    embed_batch_size: int = Field(default=_LARGEST, gt=0, le=_LARGEST)
    max_retries: int | None = Field(default=None, ge=0, le=20)
    deadline: float | None = Field(default=None, gt=0)
    progress: Callable[[EmbeddingProgress], object] | None = Field(default=None, exclude=True, repr=False)
    on_failover: Callable[[Failover], object] | None = Field(default=None, exclude=True, repr=False)
    settings: SettingsField = Field(default=None, exclude=True, repr=False)

    def __init__(self, model: str = "default", **arguments: Any) -> None:
        refuse_unknown(type(self).model_fields, arguments, "TurnoutEmbedding")
        super().__init__(model=model, **arguments)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.model_name = self._space_name()
        self._key_cache_by_space()
        return self

    def _key_cache_by_space(self) -> None:
        if self.embeddings_cache is not None and not isinstance(self.embeddings_cache, SpacedCache):
            self.embeddings_cache = SpacedCache(self.embeddings_cache)

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "TurnoutEmbedding"

    @property
    def _route_name(self) -> str:
        return self.model

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
        """The model as LlamaIndex hashes it for its caches: its space, and nothing that changes no number.

        The model with all its arguments is in `model_dump()`.
        """
        del kwargs
        self.model_name = self._space_name()
        return {"class_name": self.class_name(), "model_name": self.model_name}

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> Self:
        """The settings' embedding model, if it is of the space that `to_dict` said.

        Args:
            data: From `to_dict`.
            **kwargs: Arguments of the class, like `model` for another route than the default.

        Raises:
            EmbeddingSpaceError: It is of another space.
        """
        space = EmbeddingSpace.parse(data["model_name"])
        made = cls(**kwargs)
        if made.space != space:
            made = cls(**{"dimensions": space.dimensions, **kwargs})
        if made.space != space:
            fix = "name its route: TurnoutEmbedding.from_dict(…, model=…)"
            msg = f"the serialised model embeds with {space}, the settings' with {made.space}: {fix}"
            raise EmbeddingSpaceError(msg, index_space=space, wanted_space=made.space, fix=fix)
        return made

    @contextmanager
    def _one_space(self, purpose: Purpose) -> Iterator[EmbeddingSpace]:
        self._key_cache_by_space()
        with self.pinned() as space, keyed(space, purpose):
            yield space

    def get_query_embedding(self, query: str) -> list[float]:
        """Embed a query."""
        with self._one_space("query") as space:
            return remember(super().get_query_embedding(query), space)

    async def aget_query_embedding(self, query: str) -> list[float]:
        """`get_query_embedding` without blocking the event loop."""
        with self._one_space("query") as space:
            return remember(await super().aget_query_embedding(query), space)

    def get_agg_embedding_from_queries(
        self, queries: list[str], agg_fn: Callable[..., list[float]] | None = None
    ) -> list[float]:
        """Embed queries and make one vector of theirs: their mean, or what `agg_fn` makes of them."""
        with self.pinned() as space:
            return remember(super().get_agg_embedding_from_queries(queries, agg_fn), space)

    async def aget_agg_embedding_from_queries(
        self, queries: list[str], agg_fn: Callable[..., list[float]] | None = None
    ) -> list[float]:
        """`get_agg_embedding_from_queries` without blocking the event loop."""
        with self.pinned() as space:
            return remember(await super().aget_agg_embedding_from_queries(queries, agg_fn), space)

    def get_text_embedding(self, text: str) -> list[float]:
        """Embed a text as a document."""
        with self._one_space("document") as space:
            return remember(super().get_text_embedding(text), space)

    async def aget_text_embedding(self, text: str) -> list[float]:
        """`get_text_embedding` without blocking the event loop."""
        with self._one_space("document") as space:
            return remember(await super().aget_text_embedding(text), space)

    def get_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[list[float]]:
        """Embed texts as documents, all in one space."""
        with self._one_space("document") as space:
            vectors = super().get_text_embedding_batch(texts, show_progress, **kwargs)
            return [remember(vector, space) for vector in vectors]

    async def aget_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[list[float]]:
        """`get_text_embedding_batch` without blocking the event loop."""
        with self._one_space("document") as space:
            vectors = await super().aget_text_embedding_batch(texts, show_progress, **kwargs)
            return [remember(vector, space) for vector in vectors]

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

    def __getstate__(self) -> dict[str, Any]:
        # Of a copy: the base class takes what doesn't pickle out of the object itself.
        copy = self.model_copy(update={"settings": portable_settings(self.settings)})
        return super(TurnoutEmbedding, copy).__getstate__()
