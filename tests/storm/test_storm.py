"""A small storm, and that what is looked for in one would be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import turnout
from tests.storm import attempts
from tests.storm.attempts import Deployments
from tests.storm.calls import DEADLINE, draw
from tests.storm.embedded import expect
from tests.storm.faults import NAMES, TROUBLES
from tests.storm.places import files
from tests.storm.rule import Rule, right
from tests.storm.running import Models, run
from tests.storm.tables import Tally
from turnout.errors import RateLimitError, ServerError, ServiceConnectionError, StructuredOutputError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storm.calls import Call
    from turnout_emulator import Emulator

CALLS = 300


def test_nothing_gets_through_wrong(emulator: Emulator, tmp_path: Path) -> None:
    services = (emulator.azure, emulator.openai, emulator.bedrock, emulator.mantle)
    emulator.clear()
    settings = files(tmp_path, {service.name: service.url for service in services})
    calls = [call for call in draw(CALLS, 7, groups={"": 0.85, "-throttled": 0.15}) if not call.slow]
    assert len({call.fault for call in calls}) > 30
    expect(calls, settings)
    turnout.reset_health()
    rule, tally, deployments = Rule(), Tally(), Deployments()
    emulator.rule(rule)
    try:
        left = run(calls, Models(settings))
    finally:
        emulator.clear()
    tally.add(calls, rule.given)
    deployments.add(calls)
    assert left + tally.problems + deployments.problems(turnout.health()) == []
    assert sum(call.error is None for call in calls) > 0.8 * len(calls)


def call(fault: str = "500", where: str = "first", **other: object) -> Call:
    """A call that meets a fault."""
    given = {"what": "chat", "wire": "chat", "way": "stream", "group": "", "settings": "alone", **other}
    made = draw(1, 1)[0]
    made.fault, made.where, made.expected = fault, where, right(made.number)
    made.got = made.expected
    for name, value in given.items():
        setattr(made, name, value)
    return made


def cut_after(characters: int) -> ServiceConnectionError:
    error = ServiceConnectionError("cut")
    error.delivered = characters
    return error


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (call(), None),
        (call(got="It is said"), "answered"),
        (call(got=""), "answered"),
        (call(took=21.5), "late"),
        (call(took=21.5, lost=1.0), None),
        (call("silence before the head", took=DEADLINE + 1.5), "late"),
        (call(got="", error=ServerError("it broke")), "could have been answered"),
        (call("500", "always", got="", error=ServerError("it broke")), None),
        (call("500", "place", got="", error=ServerError("it broke"), settings="fallbacks"), "could have been answered"),
        (call("500", "always", got="", error=RateLimitError("slow")), "wrong error"),
        (call("500", "always", got="", error=KeyError("choices")), "KeyError"),
        (call("401", got="", error=ServerError("it broke")), "wrong error"),
        (call("reset in the body", got="It was", error=ServiceConnectionError("cut")), "delivered 'It was'"),
        (call("reset in the body", got="It is", error=ServiceConnectionError("cut")), "and said 0"),
        (call("reset in the body", got="It is", error=cut_after(5)), None),
        (call("HTTP/1.0", "always", got="", error=ServerError("it broke")), "could have been answered"),
        (call("", got="", error=StructuredOutputError("no")), "could have been answered"),
    ],
)
def test_what_is_wrong_is_found(found: Call, said: str | None) -> None:
    problem = found.problem()
    assert (problem is None) if said is None else (problem is not None and said in problem)


FAILED = {"error": "ServerError", "backend": "azure", "deployment": "gpt-5-prod", "after": 0.1, "status": 500}


def answered(*failed: dict[str, object], **more: str) -> Call:
    where = {"backend": "azure", "deployment": "gpt-5-prod"}
    made = call(**more)
    made.metadata = {"attempts": len(failed) + 1, "failed_attempts": list(failed), **where}
    return made


@pytest.mark.parametrize(
    ("found", "given", "is_wrong"),
    [
        (answered(FAILED), ["500", ""], False),
        (answered(), [""], False),
        (answered(), ["gzip"], False),
        (answered(), ["500", ""], True),
        (answered(FAILED), [""], True),
        (answered(FAILED), ["500", "500", ""], True),
        (answered({**FAILED, "error": "RateLimitError"}), ["500", ""], True),
        (answered({**FAILED, "error": "RateLimitError"}), ["429", ""], False),
        (call(got="", error=ServerError("it broke", status=500)), ["500"], False),
        (call(got="", error=ServerError("it broke", status=500)), ["500", "500"], True),
        (call(got="", error=ServerError("it broke", status=500)), ["429"], True),
        (call(got="", error=ServerError("it broke", status=500)), [""], True),
        (answered(), ["a redirect to the same place", ""], False),
    ],
)
def test_what_is_told_wrong_of_attempts_is_found(found: Call, given: list[str], is_wrong: bool) -> None:
    assert (attempts.problem(found, given) is not None) is is_wrong


def health(**other: object) -> turnout.Health:
    known: dict[str, object] = {"backend": "azure", "deployment": "gpt-5-prod", "endpoint": "here", "state": "ok"}
    return turnout.Health(**{**known, "failures": 0, "rest": 0.0, "error": None, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "is_wrong"),
    [
        ([health()], False),
        ([health(failures=1, error="ServerError")], False),
        ([health(failures=3, error="ServerError")], True),
        ([health(failures=1, error="RateLimitError")], True),
        ([health(failures=1)], True),
        ([health(failures=1, error="ServerError", state="resting")], True),
        ([health(backend="openai")], True),
        ([], True),
    ],
)
def test_what_health_tells_wrong_is_found(told: list[turnout.Health], is_wrong: bool) -> None:
    deployments = Deployments()
    deployments.add([answered(FAILED, settings="circuit"), answered(FAILED, settings="circuit")])
    assert bool(deployments.problems(told)) is is_wrong


def test_a_deployment_that_never_answers_is_at_rest() -> None:
    deployments, refused = Deployments(), call(got="", settings="circuit")
    refused.error = ServiceConnectionError("cut", backend="azure", deployment="gpt-5-prod")
    deployments.add([refused] * 5)
    assert deployments.problems([health()])
    assert deployments.problems([health(failures=5, error="ServiceConnectionError")])
    assert not deployments.problems([health(failures=5, error="ServiceConnectionError", state="resting", rest=4.0)])


def test_every_fault_is_met_in_a_storm() -> None:
    met = {call.fault for call in draw(10_000, 14)} - {""}
    assert met == set(NAMES) == set(TROUBLES)
