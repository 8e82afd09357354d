"""What calls say of their attempts, beside what the emulator gave to each, and what `turnout.health()` says beside both."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import turnout
from tests.storm.faults import TROUBLES
from turnout import errors as e
from turnout.calls.circuit import FAILURES, OUTAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.storm.calls import Call

Given = dict[int, list[str]]
"""By a call's number, what each request of it was given, in order: a fault, or nothing but the answer."""

_REACHED = {"", "-throttled"}  # groups whose every request reaches the emulator
_FOLLOWED = "a redirect to the same place"  # by the SDKs, within one attempt
_LOST = 0.1  # of its deadline, taken by the machine, from which a call's attempts aren't counted


def reported(call: Call) -> list[Mapping[str, Any]]:
    """The failed attempts that a call tells of, that which ended it included."""
    if call.error is None:
        found: Sequence[Mapping[str, Any]] = call.metadata.get("failed_attempts", ())
        return list(found)
    if not isinstance(call.error, e.ModelCallError):
        return []
    last = e.FailedAttempt.of(call.error, after=call.took)
    return [attempt.as_dict() for attempt in (*call.error.failed_attempts, last)]


def problem(call: Call, given: Sequence[str]) -> str | None:
    """What is wrong with what a call says of its attempts."""
    if call.what != "chat" or call.group not in _REACHED or call.lost > _LOST * call.deadline:
        return None
    if _FOLLOWED in given or (call.error is not None and not isinstance(call.error, e.ModelCallError)):
        return None
    faults = given[:-1] if call.error is None else given  # the last request of one that was answered was read
    told = [attempt for attempt in reported(call) if not _was_not_let_in(attempt)]
    said = f"told of {[attempt['error'] for attempt in told]}, and was given {list(given)}"
    if call.error is None and call.metadata.get("attempts", 0) < len(given):
        return f"told of {call.metadata.get('attempts')} attempts, and was given {list(given)}"
    if isinstance(call.error, e.ServiceTimeoutError) and len(told) == len(faults) + 1:
        told.pop()  # its deadline passed while it waited
    if len(told) != len(faults):
        return said
    fits = all(_fits(fault, attempt) for fault, attempt in zip(faults, told, strict=True))
    return None if fits else said


def _fits(fault: str, attempt: Mapping[str, Any]) -> bool:
    """Whether an attempt that was given this may have failed so."""
    if fault not in TROUBLES:
        return False
    return TROUBLES[fault].slow or issubclass(getattr(e, attempt["error"]), TROUBLES[fault].errors)


def _was_not_let_in(attempt: Mapping[str, Any]) -> bool:
    """Whether others' throttling kept it from being sent."""
    return attempt["error"] == e.RateLimitError.__name__ and "status" not in attempt and "code" not in attempt


@dataclass
class Deployments:
    """What calls tell of the deployments that may rest, over a storm."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: defaultdict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, calls: Iterable[Call]) -> None:
        """Take in calls that have ended."""
        for call in calls:
            if call.what != "chat" or call.settings != "circuit":
                continue
            for attempt in reported(call):
                self.failures[attempt["backend"], attempt["deployment"]][attempt["error"]] += 1
            if call.error is None:
                self.answers[call.metadata["backend"], call.metadata["deployment"]] += 1

    def problems(self, health: Iterable[turnout.Health]) -> list[str]:
        """Where `turnout.health()` says something else."""
        by_name = {(one.backend, one.deployment): one for one in health}
        found = [
            f"{name} was asked, and health() doesn't have it"
            for name in {*self.answers, *self.failures}
            if name not in by_name
        ]
        for name in {*self.answers, *self.failures} & {*by_name}:
            one, failed = by_name[name], self.failures[name]
            outages = sum(number for error, number in failed.items() if issubclass(getattr(e, error), OUTAGES))
            wrong = (
                one.failures > outages
                or (one.error is not None and one.error not in failed)
                or (one.failures == 0) != (one.error is None)
                or (one.state != "ok" and one.failures < FAILURES and e.RateLimitError.__name__ not in failed)
                or (not self.answers[name] and outages and not one.failures)
                or (not self.answers[name] and outages >= FAILURES and one.state == "ok")
            )
            if wrong:
                found.append(f"{one}, where {self.answers[name]} calls were answered and {dict(failed)} failed")
        return found
