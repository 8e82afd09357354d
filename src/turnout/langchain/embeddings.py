"""`TurnoutEmbeddings`: LangChain embeddings whose cloud is a setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from pydantic import BaseModel, ConfigDict, Field

from turnout.clients.embedder import Embedder
from turnout.errors import ModelCallError
from turnout.langchain.errors import as_langchain
from turnout.langchain.state import SettingsField, current, without_secrets
from turnout.routes import resolve
from turnout.spaces import space_of

if TYPE_CHECKING:
    from turnout.routes import Route
    from turnout.spaces import EmbeddingSpace


class TurnoutEmbeddings(BaseModel, Embeddings):
    """Embeds texts with the embedding model that the settings name.

    Attributes:
        model: A route (`default`), or a model of one backend (`bedrock:amazon.titan-embed-text-v2:0`).
        backend: Another backend than the active one.
        dimensions: Length of the vectors, where the model lets one choose.
        settings: Settings, or the path of a settings file; left out, they are found.

    Example:
        ```python
        from turnout.langchain import TurnoutEmbeddings

        vector = TurnoutEmbeddings().embed_query("How do I rotate a key?")
        ```
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str = "default"
    backend: str | None = None
    dimensions: int | None = Field(default=None, gt=0)
    settings: SettingsField = Field(default=None, exclude=True, repr=False)

    @property
    def route(self) -> Route:
        """Where texts go, as the settings are now."""
        return self._embedder().route

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the vectors, as the settings are now."""
        return space_of(self.route)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents.

        Args:
            texts: What to embed; none may be empty.

        Returns:
            One vector for each text, in order.

        Raises:
            ModelCallError: The service refused or failed, or a text is empty or too long.
        """
        try:
            return self._embedder().embed(texts, "document")
        except ModelCallError as error:
            raise as_langchain(error) from error.__cause__

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents without blocking the event loop."""
        try:
            return await self._embedder().aembed(texts, "document")
        except ModelCallError as error:
            raise as_langchain(error) from error.__cause__

    def embed_query(self, text: str) -> list[float]:
        """Embed a query: some models embed it differently from a document."""
        try:
            return self._embedder().embed([text], "query")[0]
        except ModelCallError as error:
            raise as_langchain(error) from error.__cause__

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a query without blocking the event loop."""
        try:
            return (await self._embedder().aembed([text], "query"))[0]
        except ModelCallError as error:
            raise as_langchain(error) from error.__cause__

    def _embedder(self) -> Embedder:
        settings = current(self.settings)
        route = resolve(
            self.model, kind="embedding", backend=self.backend, dimensions=self.dimensions, settings=settings
        )
        return Embedder(route, settings)

    def __getstate__(self) -> dict[Any, Any]:
        return without_secrets(super().__getstate__())
