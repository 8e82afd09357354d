"""Texts → the largest requests that a model takes, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from turnout.errors import ContextOverflowError, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

    from turnout.routing import Route

_UNKNOWN_BATCH = 256  # texts a request, for a model that turnout knows nothing of


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """How far a call has come.

    Attributes:
        done: Texts embedded; one that repeats is embedded once and counts as often as it was passed.
        total: Texts in all; None where they come from an iterator.
        in_flight: Requests that the deployment is working on.
    """

    done: int
    total: int | None
    in_flight: int


@dataclass(slots=True)
class Batch:
    """One request's texts."""

    texts: list[str] = field(default_factory=list)  # each once
    numbers: list[int] = field(default_factory=list)  # of each of them in the caller's list
    places: list[int] = field(default_factory=list)  # of each of the caller's texts among these
    tokens: int = 0  # about

    def halves(self) -> tuple[Batch, Batch]:
        """The texts in two requests; the places stay behind."""
        middle = len(self.texts) // 2
        first, second = (
            Batch(self.texts[part], self.numbers[part], tokens=sum(map(_tokens, self.texts[part])))
            for part in (slice(middle), slice(middle, None))
        )
        return first, second


def _tokens(text: str) -> int:
    """An estimate of a text's tokens, of which words in any language have fewer.

    A table of digits and commas may have twice as many: a token for each byte, which is the most that a text can have.
    Requests aren't filled by that bound, or they would be many times as many for ordinary text. What the service then
    refuses as too large goes again in halves.
    """
    return len(text.encode()) // 2 + 1


class Batcher:
    """Fills requests with texts, with `most` at most; one that repeats within a request goes once."""

    def __init__(self, route: Route, most: int | None = None) -> None:
        facts = route.facts
        self._route = route
        size = facts.max_inputs if facts.known or route.wire == "bedrock-invoke" else _UNKNOWN_BATCH
        self._size = size if most is None else min(size, most)
        self._budget = facts.max_request_tokens or float("inf")
        self._index = 0
        self._batch = Batch()
        self._seen: dict[str, int] = {}

    def add(self, text: str, number: int | None = None) -> Batch | None:
        """Take a text, with its number in the caller's list; gives a request that it didn't fit into any more."""
        number = self._index if number is None else number
        check(number, text, self._route)
        self._index += 1
        full, place = None, self._seen.get(text)
        if place is None:
            cost, batch = _tokens(text), self._batch
            if batch.texts and (len(batch.texts) == self._size or batch.tokens + cost > self._budget):
                full = self.rest()
            place = self._seen[text] = len(self._batch.texts)
            self._batch.texts.append(text)
            self._batch.numbers.append(number)
            self._batch.tokens += cost
        self._batch.places.append(place)
        return full

    def rest(self) -> Batch | None:
        """The request that is being filled, if there is anything in it; a new one is begun."""
        batch, self._batch, self._seen = self._batch, Batch(), {}
        return batch if batch.texts else None


def batches(texts: Iterable[str], route: Route, numbers: Iterable[int] | None = None) -> Iterator[Batch]:
    """The texts in the largest requests that the route's model takes; read only as far as the requests are.

    `numbers` are theirs in the caller's list, where some of that are left out.
    """
    batcher = Batcher(route)
    for text, number in zip(texts, count() if numbers is None else numbers, strict=False):
        if (full := batcher.add(text, number)) is not None:
            yield full
    if (last := batcher.rest()) is not None:
        yield last


async def abatches(texts: AsyncIterable[str], route: Route) -> AsyncIterator[Batch]:
    """Likewise, of texts that come asynchronously."""
    batcher = Batcher(route)
    async for text in texts:
        if (full := batcher.add(text)) is not None:
            yield full
    if (last := batcher.rest()) is not None:
        yield last


def check(index: int, text: object, route: Route) -> None:
    """Refuse a text that the model doesn't take, before anything is sent."""
    if not isinstance(text, str):
        raise _refused(f"text {index} is a {type(text).__name__}, not a string", route)
    if not text.strip():
        why = f"{route.deployment!r} on backend {route.backend!r} refuses empty texts. Leave it out"
        raise _refused(f"text {index} is empty; {why}", route)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _refused(half_pair(index, error), route) from error
    limit = route.facts.max_characters
    if limit is not None and len(text) > limit:
        where = f"{route.deployment!r} on backend {route.backend!r} takes {limit:,}"
        msg = f"text {index} has {len(text):,} characters; {where}. Split it into smaller chunks"
        raise ContextOverflowError(msg, backend=route.backend, deployment=route.deployment)


def half_pair(number: int, error: UnicodeEncodeError) -> str:
    """What an error says of a text that can't be encoded, as text out of a PDF may be."""
    what = f"text {number} has half of a surrogate pair at character {error.start}, which can't be sent"
    return f"{what}; replace it: text.encode(errors='replace').decode()"


def _refused(message: str, route: Route) -> InvalidRequestError:
    return InvalidRequestError(message, backend=route.backend, deployment=route.deployment)
