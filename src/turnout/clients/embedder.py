"""Texts → vectors on one route, for both frameworks: batched, several requests in flight, order kept."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from turnout.classify import CallSite, classify
from turnout.clients import bridge
from turnout.clients.calls import call_site
from turnout.clients.invoke_bodies import Purpose, Vector, family
from turnout.clients.pool import bedrock_client, openai_client
from turnout.errors import ContextOverflowError, InvalidRequestError, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.routes import Route
    from turnout.settings import Settings

IN_FLIGHT = 16
"""Requests that one call has in flight at most."""

_UNKNOWN_BATCH = 256  # texts a request, for a model that turnout knows nothing of


class Embedder:
    """Embeds texts on one route.

    Attributes:
        route: Where the texts go.
    """

    def __init__(self, route: Route, settings: Settings) -> None:
        self.route = route
        self._settings = settings

    @property
    def _site(self) -> CallSite:
        return call_site(self.route, self._settings)

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> list[Vector]:
        """Embed texts.

        Args:
            texts: What to embed; none may be empty.
            purpose: `document` or `query`; some models embed them differently.

        Returns:
            One vector for each text, in order.

        Raises:
            InvalidRequestError: A text is empty or longer than the model takes; nothing was sent.
            ModelCallError: The service refused or failed.
        """
        batches = list(self._batches(texts))
        if len(batches) <= 1:
            parts = [self._request(batch, purpose) for batch in batches]
        else:
            with ThreadPoolExecutor(min(IN_FLIGHT, len(batches)), thread_name_prefix="turnout-embed") as pool:
                parts = list(pool.map(lambda batch: self._request(batch, purpose), batches))
        return [vector for part in parts for vector in part]

    async def aembed(self, texts: Sequence[str], purpose: Purpose = "document") -> list[Vector]:
        """Embed texts without blocking the event loop; arguments and errors as for `embed`."""
        batches = list(self._batches(texts))
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def one(batch: list[str]) -> list[Vector]:
            async with gate:
                return await self._arequest(batch, purpose)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(batch)) for batch in batches]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed.exceptions[0].__cause__
        return [vector for task in tasks for vector in task.result()]

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """The texts in the largest batches that the model takes."""
        facts = self.route.facts
        size = facts.max_inputs if facts.known or self.route.wire == "bedrock-invoke" else _UNKNOWN_BATCH
        budget = facts.max_request_tokens or float("inf")
        batch: list[str] = []
        tokens = 0
        for index, text in enumerate(texts):
            self._check(index, text)
            cost = len(text.encode()) // 2 + 1  # an upper bound: about four bytes a token in English, three in CJK
            if batch and (len(batch) == size or tokens + cost > budget):
                yield batch
                batch, tokens = [], 0
            batch.append(text)
            tokens += cost
        if batch:
            yield batch

    def _check(self, index: int, text: object) -> None:
        place = f"{self.route.deployment!r} on backend {self.route.backend!r}"
        if not isinstance(text, str):
            msg = f"text {index} is a {type(text).__name__}, not a string"
            raise InvalidRequestError(msg, backend=self.route.backend, deployment=self.route.deployment)
        if not text.strip():
            msg = f"text {index} is empty; {place} refuses empty texts. Leave it out"
            raise InvalidRequestError(msg, backend=self.route.backend, deployment=self.route.deployment)
        limit = self.route.facts.max_characters
        if limit is not None and len(text) > limit:
            msg = f"text {index} has {len(text):,} characters; {place} takes {limit:,}. Split it into smaller chunks"
            raise ContextOverflowError(msg, backend=self.route.backend, deployment=self.route.deployment)

    def _request(self, batch: list[str], purpose: Purpose) -> list[Vector]:
        try:
            if self.route.wire == "bedrock-invoke":
                return self._counted(batch, self._invoke(batch, purpose))
            client = openai_client(self._settings.backends[self.route.backend])  # type: ignore[arg-type]
            answer = client.sync.embeddings.create(**self._openai(batch))
            return self._counted(batch, _in_order(answer))
        except Exception as error:
            self._raise(error)
            raise

    async def _arequest(self, batch: list[str], purpose: Purpose) -> list[Vector]:
        try:
            if self.route.wire == "bedrock-invoke":
                return self._counted(batch, await bridge.run(self._invoke, batch, purpose))
            client = openai_client(self._settings.backends[self.route.backend])  # type: ignore[arg-type]
            answer = await client.aio.embeddings.create(**self._openai(batch))
            return self._counted(batch, _in_order(answer))
        except Exception as error:
            self._raise(error)
            raise

    def _openai(self, batch: list[str]) -> dict[str, Any]:
        options = {"dimensions": self.route.dimensions} if self.route.dimensions else {}
        return {"model": self.route.deployment, "input": batch, **options}

    def _invoke(self, batch: list[str], purpose: Purpose) -> list[Vector]:
        kind = family(self.route)
        client = bedrock_client(self._settings.backends[self.route.backend])  # type: ignore[arg-type]
        response = client.runtime.invoke_model(
            modelId=self.route.deployment,
            body=json.dumps(kind.body(batch, purpose, self.route.dimensions)),
            accept="application/json",
            contentType="application/json",
        )
        return kind.vectors(json.loads(response["body"].read()))

    def _counted(self, batch: list[str], vectors: list[Vector]) -> list[Vector]:
        if len(vectors) != len(batch):
            msg = f"{self.route.deployment!r} gave {len(vectors)} vectors for {len(batch)} texts"
            raise ServerError(msg, backend=self.route.backend, deployment=self.route.deployment)
        return vectors

    def _raise(self, error: Exception) -> None:
        known = classify(error, self._site)
        if known is not None and known is not error:
            raise known from error


def _in_order(answer: Any) -> list[Vector]:
    return [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
