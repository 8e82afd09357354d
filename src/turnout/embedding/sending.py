"""One request's texts, sent to one deployment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from turnout.calls.classification import classify
from turnout.calls.context import backend_of, call_site, new_attempts
from turnout.embedding.requests import (
    Purpose,
    Vector,
    aopenai_vectors,
    cohere_request,
    cohere_vectors,
    family,
    openai_vectors,
)
from turnout.errors import EmbeddingSpaceError
from turnout.facts.spaces import space_of
from turnout.providers.clients import client_for, existing_client
from turnout.transport import greenlets
from turnout.transport.answers import validation
from turnout.transport.blocking import off_loop, within_deadline

if TYPE_CHECKING:
    from turnout.calls.attempts import Attempts, Share
    from turnout.embedding.batching import Batch
    from turnout.routing import Route
    from turnout.settings import Settings


class EmbeddingCall:
    """The texts of one request at one deployment.

    Args:
        route: The deployment.
        settings: The settings.
        batch: The texts.
        purpose: What they are embedded for.
        max_retries: How often the request is repeated, over the backend's.
        deadline: Seconds that it may take in all, over the backend's.
        patience: Seconds for which throttling is waited out.
        share: What this deployment may take of them, where there are others.
    """

    def __init__(
        self,
        route: Route,
        settings: Settings,
        batch: Batch,
        purpose: Purpose,
        *,
        max_retries: int | None = None,
        deadline: float | None = None,
        patience: float = 0.0,
        share: Share | None = None,
    ) -> None:
        self.route = route
        self._backend = backend_of(route, settings)
        self._batch = batch
        self._purpose: Purpose = purpose
        self._attempts: Attempts = new_attempts(
            route,
            settings,
            lambda error: classify(error, call_site(route, settings)),
            max_retries=max_retries,
            deadline=deadline,
            tokens=lambda: batch.tokens,
            patience=patience,
            share=share,
        )

    def answer(self) -> list[Vector]:
        """Their vectors."""
        return self._attempts.run(lambda: self._request(self._batch.texts, self._purpose))

    async def aanswer(self) -> list[Vector]:
        """Their vectors, without blocking the event loop."""
        return await self._attempts.arun(lambda: self._arequest(self._batch.texts, self._purpose))

    def _request(self, texts: list[str], purpose: Purpose) -> list[Vector]:
        if existing_client(self.route, self._backend) is None:
            within_deadline(f"the client of backend {self.route.backend!r}", self._client)
        if self.route.wire == "bedrock-invoke":
            return self._of_space(self._invoke(texts, purpose))
        client = self._client().sync
        if self.route.wire == "cohere-embed":
            answer = client.post("embed", cast_to=object, body=cohere_request(self.route, texts, purpose))
            return self._of_space(cohere_vectors(answer, len(texts)))
        return self._of_space(openai_vectors(client, self._openai(texts)))

    async def _arequest(self, texts: list[str], purpose: Purpose) -> list[Vector]:
        if existing_client(self.route, self._backend) is None:
            await off_loop(self._client)  # imports the SDK and makes its client
        if self.route.wire == "bedrock-invoke":
            return self._of_space(await greenlets.run(self._invoke, texts, purpose))
        client = self._client().aio
        if self.route.wire == "cohere-embed":
            answer = await client.post("embed", cast_to=object, body=cohere_request(self.route, texts, purpose))
            return self._of_space(cohere_vectors(answer, len(texts)))
        return self._of_space(await aopenai_vectors(client, self._openai(texts)))

    def _client(self) -> Any:
        return client_for(self.route, self._backend)

    def _openai(self, texts: list[str]) -> dict[str, Any]:
        options = {"dimensions": self.route.dimensions} if self.route.dimensions else {}
        return {"model": self.route.deployment, "input": texts, **options}

    def _invoke(self, texts: list[str], purpose: Purpose) -> list[Vector]:
        kind = family(self.route)
        response = self._client().sync.invoke_model(
            modelId=self.route.deployment,
            body=json.dumps(kind.body(texts, purpose, self.route.dimensions)),
            accept="application/json",
            contentType="application/json",
        )
        return validation.vectors(kind.vectors(json.loads(response["body"].read())), len(texts))

    def _of_space(self, vectors: list[Vector]) -> list[Vector]:
        space = space_of(self.route)
        wrong = {len(vector) for vector in vectors} - {space.dimensions}
        if wrong and space.dimensions is not None:
            fix = f'space = "…/{min(wrong)}"'
            msg = (
                f"{self.route.deployment!r} on backend {self.route.backend!r} returned vectors of {min(wrong)} "
                f"numbers, but the settings say that its space is {space}; state the space of its model: {fix}"
            )
            raise EmbeddingSpaceError(msg, wanted_space=space, fix=fix)
        return vectors
