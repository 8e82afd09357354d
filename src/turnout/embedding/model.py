"""The part of an embedding model that knows no framework: its route, its space, and settings that can be pinned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from turnout.hints import EmbeddingSpace, Failover, Route
from turnout.settings.fields import resolved_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnout.embedding.batching import EmbeddingProgress
    from turnout.embedding.embedder import Embedder
    from turnout.settings import Settings
    from turnout.settings.fields import SettingsField

_PINNED: ContextVar[Mapping[int, Settings]] = ContextVar("turnout_pinned")


class RoutedEmbedding:
    """The part of an embedding model that knows no framework; the model's class has the fields."""

    if TYPE_CHECKING:
        backend: str | None
        dimensions: int | None
        max_retries: int | None
        deadline: float | None
        progress: Callable[[EmbeddingProgress], object] | None
        on_failover: Callable[[Failover], object] | None
        settings: SettingsField

        @property
        def _route_name(self) -> str: ...

    @property
    def route(self) -> Route:
        """Where texts go, as the settings are now."""
        return self._embedder().route

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the vectors, as the settings are now."""
        from turnout.facts.spaces import space_of

        return space_of(self.route)

    @contextmanager
    def pinned(self) -> Iterator[EmbeddingSpace]:
        """Use the settings as they are now until the block ends, so that its vectors are all of one space.

        Only this object is pinned, and only in this thread or task and those that it begins.
        """
        token = _PINNED.set({**_PINNED.get({}), id(self): self._settings()})
        try:
            yield self.space
        finally:
            _PINNED.reset(token)

    def _settings(self) -> Settings:
        return _PINNED.get({}).get(id(self)) or resolved_settings(self.settings)

    def _embedder(self) -> Embedder:
        from turnout.embedding.embedder import Embedder
        from turnout.routing import resolve

        settings = self._settings()
        route = resolve(
            self._route_name, kind="embedding", backend=self.backend, dimensions=self.dimensions, settings=settings
        )
        return Embedder(
            route,
            settings,
            max_retries=self.max_retries,
            deadline=self.deadline,
            progress=self.progress,
            on_failover=self.on_failover,
        )
