"""The judge sees what is wrong, if it is there."""

from __future__ import annotations

import pytest

from tests.contract.judging import JUDGE, violations
from turnout_emulator.control import Received

pytestmark = pytest.mark.skipif(not JUDGE.is_dir(), reason=f"the judge isn't in {JUDGE}")

HEADERS = {"content-type": "application/json", "api-key": "k"}


def received(body: dict[str, object]) -> Received:
    path = "/openai/v1/chat/completions"
    return Received("azure", "POST", path, {}, HEADERS, 0.0, body=body, status=200)


def test_a_right_request_breaks_nothing() -> None:
    assert violations([received({"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]})]) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "colour"),
        ({"model": "gpt-5-pro"}, "served by /responses alone"),
        ({"messages": [{"role": "user", "content": 5}]}, "content"),
        ({"model": "o3", "temperature": 0.5}, "reasoning models refuse it"),
    ],
)
def test_a_wrong_request_is_seen(change: dict[str, object], said: str) -> None:
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}], **change}
    (line,) = violations([received(body)])
    assert said in line
