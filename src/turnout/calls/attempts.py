"""A call of the application: one or more attempts, each admitted by the deployment's limiter."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from turnout import errors as e
from turnout.calls.circuit import OUTAGES, Circuit
from turnout.calls.limits import Limiter, Slot
from turnout.redaction import without_secrets
from turnout.transport.answers.unreadable import UnreadableAnswerError, shortened
from turnout.transport.arrival import Arrival, ExpectArrival
from turnout.transport.deadline import RetryPolicy, shorter, until

T = TypeVar("T")

_FIRST_WAIT, _LONGEST_BACKOFF = 0.5, 20.0  # seconds; a wait is random up to the first, doubled with each attempt
_MOST_DOUBLINGS = 10
_BORNE_WAIT = 0.1  # seconds at most, where waiting changes nothing: 0.5 halves bulk work of which 30 % is refused
_NO_TIME = 0.001  # seconds; what is left of a deadline that has passed
_SPREAD = 0.1  # of what the service asked for is added at most, so that not everybody comes back at once


@dataclass(frozen=True, slots=True)
class Share:
    """What one of several places may take of a call.

    Attributes:
        began: When the call began, on the monotonic clock.
        deadline: Seconds that the whole call may take.
        ends: When the call moves on, if it wasn't answered.
        wait: Seconds that it waits for a repetition at most, rather than move on; None at the last place.
        failed: The attempts elsewhere, before it came here.
    """

    began: float
    deadline: float | None
    ends: float | None
    wait: float | None
    failed: tuple[e.FailedAttempt, ...] = ()


@dataclass(slots=True)
class Attempts:
    """The attempts of one call of the application at one place, and its deadline."""

    policy: RetryPolicy
    limiter: Limiter
    translate: Callable[[Exception], e.TurnoutError | None]  # makes turnout's error of what an SDK raised
    backend: str = ""
    deployment: str = ""
    tokens: float = 0  # an estimate of what an attempt takes
    used: Callable[[Any], float | None] | None = None  # the tokens that an answer says it took
    failed: list[e.FailedAttempt] = field(default_factory=list)
    attempts: int = 0  # made so far
    began: float = field(default_factory=time.monotonic)
    circuit: Circuit | None = None
    share: Share | None = None  # of a call that may be made elsewhere too
    _is_queued: bool = False

    @property
    def ends_here(self) -> float | None:
        """When it must have been answered at this place."""
        return self.ends if self.share is None or self.share.ends is None else self.share.ends

    @property
    def ends(self) -> float | None:
        """When its deadline is, on the monotonic clock."""
        return None if self.policy.deadline is None else self.began + self.policy.deadline

    @property
    def left(self) -> float | None:
        """Seconds that it has at this place."""
        ends = self.ends_here
        return None if ends is None else max(ends - time.monotonic(), 0.001)

    def run(self, once: Callable[[], T]) -> T:
        """Make the call."""
        with until(self.ends_here):
            result: T = self.repeated(self._attempt, once)
            return result

    async def arun(self, once: Callable[[], Awaitable[T]]) -> T:
        """Make the call without blocking the event loop; its attempt is cancelled when the deadline passes."""
        return await self.awithin(self.arepeated(self._aattempt, once))

    async def awithin(self, awaited: Awaitable[T], *, begun: bool = False) -> T:
        """Await something that is part of the call; it is cancelled when the deadline passes."""
        ends = self.ends if begun else self.ends_here
        if ends is None:
            return await awaited
        limit = asyncio.timeout(max(ends - time.monotonic(), 0.001))
        began = time.monotonic()
        try:
            with until(ends):
                async with limit:
                    return await awaited
        except TimeoutError as error:
            if not limit.expired():
                raise
            if self._is_queued:
                raise self._not_admitted() from without_secrets(error)
            late = self.too_late()
            if self.circuit is not None and isinstance(late, e.ModelCallError):
                self.circuit.failed(late, began)
            raise late from without_secrets(error)

    def repeated(self, attempt: Callable[..., T], *arguments: Any) -> T:
        """Call a function until it succeeds or the policy says to stop."""
        while True:
            try:
                return attempt(*arguments)
            except e.ModelCallError as error:
                wait = self._wait_after(error)
                if wait is None:
                    raise
            time.sleep(wait)

    async def arepeated(self, attempt: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Call a coroutine function likewise."""
        while True:
            try:
                return await attempt(*arguments)
            except e.ModelCallError as error:
                wait = self._wait_after(error)
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    def _wait_after(self, error: e.ModelCallError) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if error.retry_after is not None:
            wait = error.retry_after * (1 + random.uniform(0, _SPREAD))  # noqa: S311 - no secret
        elif self._is_borne(error):
            wait = random.uniform(0, _BORNE_WAIT)  # noqa: S311 - no secret
        else:
            wait = _backoff(self.attempts)
        ends = self.ends_here
        too_late = ends is not None and time.monotonic() + wait >= ends
        too_long = too_late or wait > self.policy.max_retry_wait * (1 + _SPREAD)
        if self.share is not None and self.share.wait is not None:
            resting = self.circuit is not None and self.circuit.resting and error.retry_after is None
            too_long = too_long or wait > self.share.wait or resting or isinstance(error, e.ServiceTimeoutError)
        counted = self.failed
        if min(time.monotonic() - self.began, self.limiter.quiet) < self.policy.patience:
            counted = [attempt for attempt in self.failed if attempt.error != e.RateLimitError.__name__]
        return wait if error.retryable and not too_long and len(counted) <= self.policy.max_retries else None

    def _is_borne(self, error: e.ModelCallError) -> bool:
        """Whether bulk work was refused by a service that refuses as much however little it is asked."""
        throttled = isinstance(error, e.RateLimitError)
        return throttled and self.policy.patience > 0 and self.limiter.usually_refused > 0

    def _attempt(self, once: Callable[[], T]) -> T:
        with self.begin() as attempt, ExpectArrival(attempt.arrival):
            attempt.answer = result = once()
            return result

    async def _aattempt(self, once: Callable[[], Awaitable[T]]) -> T:
        with await self.abegin() as attempt, ExpectArrival(attempt.arrival):
            attempt.answer = result = await once()
            return result

    def begin(self) -> Attempt:
        """Begin an attempt, once the limiter admits it within the deadline."""
        try:
            slot = self.limiter.enter(self.tokens, within=shorter(self.left, self._queues), pauses=self._pauses)
        except TimeoutError as error:
            raise self._not_admitted() from without_secrets(error)
        self.attempts += 1
        return Attempt(self, slot)

    async def abegin(self) -> Attempt:
        """Begin an attempt without blocking the event loop."""
        self._is_queued = True
        try:
            async with asyncio.timeout(self._queues):
                slot = await self.limiter.aenter(self.tokens, pauses=self._pauses)
        except TimeoutError as error:
            raise self._not_admitted() from without_secrets(error)
        self._is_queued = False
        self.attempts += 1
        return Attempt(self, slot)

    @property
    def _queues(self) -> float | None:
        """Seconds that it waits to be let in, where it may go elsewhere; bulk work always waits behind its own."""
        return None if self.share is None or self.policy.patience > 0 else self.share.wait

    def _not_admitted(self) -> e.TurnoutError:
        """The error for a call that isn't let in before its deadline, or as long as it waits at one of its places."""
        if self._queues is None or (self.ends is not None and self.ends - time.monotonic() <= _NO_TIME):
            return self.too_late()
        made = e.RateLimitError(
            f"{self.deployment!r} on backend {self.backend!r} lets no call in for now: it was throttled, or as many as "
            "it takes are in flight",
            backend=self.backend,
            deployment=self.deployment,
        )
        made.retryable = False  # not here
        known = self.translate(made) or made
        self.note(known)
        return known

    @property
    def _pauses(self) -> bool:
        """Whether others' throttling holds the call up; one that isn't to be repeated fails at once instead."""
        return self.policy.max_retries > 0 or self.policy.patience > 0

    def report(self) -> dict[str, Any]:
        """What an answer's metadata say of its attempts: how many, and how the failed ones failed."""
        failed, attempts = self._so_far()
        if not failed:
            return {"attempts": attempts}
        return {"attempts": attempts, "failed_attempts": [attempt.as_dict() for attempt in failed]}

    def _so_far(self) -> tuple[tuple[e.FailedAttempt, ...], int]:
        """The attempts that failed, wherever, and how many there were."""
        elsewhere = self.share.failed if self.share is not None else ()
        return (*elsewhere, *self.failed), len(elsewhere) + self.attempts

    def too_late(self) -> e.TurnoutError:
        """The error for a deadline that passed."""
        whose = "the call's deadline"
        if self.ends_here != self.ends and (self.ends is None or time.monotonic() < self.ends):
            whose = "its share of the call's deadline"
        made = e.ServiceTimeoutError(
            f"{self.deployment!r} on backend {self.backend!r} had not answered when {whose} of "
            f"{self.policy.deadline:g} s passed; raise `deadline`, or ask for less",
            backend=self.backend,
            deployment=self.deployment,
        )
        known = self.translate(made) or made
        self.note(known)
        return known

    def unsendable(self, error: Exception) -> e.InvalidRequestError:
        """The error for a request that has no JSON, so that nothing was sent."""
        msg = (
            f"what was to be sent to {self.deployment!r} on backend {self.backend!r} can't be written as JSON: "
            f"{shortened(str(error))}"
        )
        if isinstance(error, UnicodeError):
            msg += ". Replace it: text.encode(errors='replace').decode()"
        made = e.InvalidRequestError(msg, backend=self.backend, deployment=self.deployment)
        made.__cause__ = error
        return made

    def note(self, error: e.TurnoutError) -> None:
        """Have an error say which attempt it ended, and what the ones before were."""
        if isinstance(error, e.ModelCallError):
            failed, attempts = self._so_far()
            error.attempts, error.failed_attempts = max(attempts, 1), failed
            if failed:
                before = ", ".join(self._told(attempt) for attempt in failed)
                error.args = (f"{error.args[0]} (attempt {attempts}; before it: {before})",)

    def _told(self, attempt: e.FailedAttempt) -> str:
        here = (attempt.backend, attempt.deployment) == (self.backend, self.deployment)
        where = "" if here else f" of {attempt.deployment!r} on backend {attempt.backend!r}"
        return f"{attempt.error}{where} after {attempt.after:.1f} s"


class Attempt:
    """One attempt, as a context. An SDK's error in it is raised as turnout's.

    Any other error is raised as one of an unreadable answer, if the answer has begun to arrive.
    """

    __slots__ = ("_call", "_in_flight", "_slot", "_used", "answer", "arrival")

    def __init__(self, call: Attempts, slot: Slot) -> None:
        self._call = call
        self._slot = slot
        self._in_flight = True
        self._used = call.used if call.limiter.counts_tokens else None
        self.answer: Any = None  # once it has come; of a stream, the piece that says what was used
        self.arrival = Arrival()

    def begun(self) -> None:
        """The answer comes in pieces: others aren't kept waiting by what its reader does between them."""
        self._call.limiter.leave(self._slot, answered=True)
        self._in_flight = False
        if self._call.circuit is not None:
            self._call.circuit.answered(self._slot.began)

    def see(self, piece: Any) -> None:
        """Look at a piece of a streamed answer for what it says was used."""
        if self._used is not None and self._used(piece):
            self.answer = piece

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        call, limiter = self._call, self._call.limiter
        if error is None:
            used = None if self._used is None or self.answer is None else self._used(self.answer)
            if self._in_flight:
                limiter.leave(self._slot, tokens=used, answered=True)
                if call.circuit is not None:
                    call.circuit.answered(self._slot.began)
            elif used is not None:
                limiter.correct(self._slot, used)
            return
        known = self._known(error)
        if self._in_flight and isinstance(known, e.RateLimitError):
            asked = _FIRST_WAIT if known.retry_after is None else known.retry_after
            limiter.throttled(self._slot, min(asked, call.policy.max_retry_wait))
        elif self._in_flight:
            limiter.leave(self._slot)
        if known is None:
            return
        if call.circuit is not None:
            self._tell(call.circuit, known)
        # An error without a backend says itself what was waited for until the deadline: a credential, say.
        ends = call.ends_here if self._in_flight else call.ends
        late = ends is not None and time.monotonic() >= ends
        if late and isinstance(known, e.ServiceTimeoutError) and known.backend:
            known = call.too_late()
        else:
            call.note(known)
        if isinstance(known, e.ModelCallError):
            call.failed.append(e.FailedAttempt.of(known, after=time.monotonic() - call.began))
        if known is not error:
            raise known from known.__cause__ or error

    def _tell(self, circuit: Circuit, known: e.TurnoutError) -> None:
        if isinstance(known, OUTAGES):
            circuit.failed(known, self._slot.began)
        elif isinstance(known, e.InvalidRequestError):  # it was read, so the deployment works
            circuit.answered(self._slot.began)

    def _known(self, error: BaseException) -> e.TurnoutError | None:
        if not isinstance(error, Exception):
            return None
        known = self._call.translate(error)
        if known is None and self.arrival.came and not isinstance(error, MemoryError):
            known = self._call.translate(UnreadableAnswerError.of(error))
        elif known is None and _is_no_json(error):
            known = self._call.translate(self._call.unsendable(error))
        return known


def _backoff(attempts: int) -> float:
    longest = min(_FIRST_WAIT * 2 ** min(attempts - 1, _MOST_DOUBLINGS), _LONGEST_BACKOFF)
    return random.uniform(0, longest)  # noqa: S311 - no secret


def _is_no_json(error: Exception) -> bool:
    """Whether a request couldn't be encoded; what else fails before an answer arrives is left as it is."""
    return isinstance(error, UnicodeError) or (isinstance(error, ValueError | TypeError) and "JSON" in str(error))
