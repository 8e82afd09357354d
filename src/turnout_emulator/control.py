"""The queue of answers to give and the list of requests received; both safe across threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from turnout_emulator.answers import Answer, Cut, Failure, Queueable

Operation = Literal["chat", "embeddings", "models", "token", "other"]


@dataclass(slots=True)
class Received:
    """One request that reached the emulator.

    Attributes:
        service: `azure`, `openai`, `bedrock`, `mantle`, `entra`, `sts`, `sso`, `metadata`, `keyvault` or
            `secretsmanager`.
        method: HTTP method.
        path: Path as it was sent, still percent-encoded.
        query: Query parameters.
        headers: Request headers, names in lower case.
        body: The parsed JSON or form; None when there is none.
        operation: What was asked for.
        wire: The protocol of the body, e.g. `openai-chat`.
        model: The deployment or model id as the client named it.
        stream: Whether a stream was asked for.
        auth: How the client authenticated: `api-key`, `entra`, `bearer` or `sigv4`; None if it didn't.
        identity: Who that was: the key's name, the Entra client or the AWS access key; never a secret.
        received_at: Unix time in seconds.
        status: HTTP status answered; None while it is under way.
    """

    service: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    received_at: float
    body: Any = field(default=None, repr=False)
    operation: Operation = "other"
    wire: str | None = None
    model: str | None = None
    stream: bool = False
    auth: str | None = None
    identity: str | None = None
    status: int | None = None


Rule = Callable[[Received], Queueable | None]
"""Says what a request is answered with; None leaves it to the queue and the emulator."""


@dataclass(frozen=True, slots=True)
class _Queued:
    item: Queueable
    service: str | None
    model: str | None
    operation: Operation | None

    def fits(self, service: str, models: tuple[str, ...], operation: Operation) -> bool:
        wanted = self.operation or ("chat" if isinstance(self.item, Answer | Cut) else operation)
        return (self.service or service) == service and (not self.model or self.model in models) and wanted == operation


class Control:
    """Shared by all services of one emulator.

    Args:
        keep: How many received requests are kept; older ones are forgotten.
        rate: Calls a second that each deployment answers; those above are throttled.
    """

    def __init__(self, keep: int, rate: float | None) -> None:
        self._rate = rate
        self._used: dict[tuple[str, str], tuple[float, float]] = {}
        self._lock = threading.Lock()
        self._queue: list[_Queued] = []
        self._received: deque[Received] = deque(maxlen=keep)
        self.rule: Rule | None = None

    def queue(
        self, items: Iterable[Queueable], service: str | None, model: str | None, operation: Operation | None
    ) -> None:
        """Add what to answer next, first in first out among what fits a request."""
        with self._lock:
            self._queue.extend(_Queued(item, service, model, operation) for item in items)

    def take(self, received: Received, models: tuple[str, ...], operation: Operation) -> Queueable | None:
        """What the rule says of a request, else the first queued item that fits, which is removed."""
        decided = self.rule(received) if self.rule is not None else None
        if decided is not None:
            return decided
        with self._lock:
            for index, queued in enumerate(self._queue):
                if queued.fits(received.service, models, operation):
                    return self._queue.pop(index).item
            return self._throttled(received.service, models[0]) if models else None

    def _throttled(self, service: str, model: str) -> Failure | None:
        """Take one call from a deployment's quota: a bucket of a second's worth, which is always being filled."""
        if self._rate is None:
            return None
        now = time.monotonic()
        left, at = self._used.get((service, model), (self._rate, now))
        left = min(self._rate, left + (now - at) * self._rate)
        throttled = left < 1
        self._used[service, model] = (left if throttled else left - 1, now)
        return Failure.rate_limited(retry_after=(1 - left) / self._rate) if throttled else None

    def pending(self) -> int:
        """How many queued items have not been used."""
        with self._lock:
            return len(self._queue)

    def note(self, received: Received) -> None:
        """Remember a request."""
        with self._lock:
            self._received.append(received)

    def received(self) -> list[Received]:
        """The requests so far, oldest first."""
        with self._lock:
            return list(self._received)

    def clear(self) -> None:
        """Forget the queue, the rule and the requests."""
        with self._lock:
            self._queue.clear()
            self._received.clear()
            self.rule = None
