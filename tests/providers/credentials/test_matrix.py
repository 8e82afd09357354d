"""The credential matrix: each method by success, expiry in a run, refusal and absence, by the SDKs' own code."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.providers.credentials import aws_cells, aws_machine_cells, aws_sign_in_cells, azure_cells
from tests.providers.credentials.world import FIRST_LIFE, LIFE
from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from turnout import runtime
from turnout.errors import AuthenticationError

if TYPE_CHECKING:
    from tests.providers.credentials.world import Method, World

METHODS: tuple[Method, ...] = (
    *azure_cells.METHODS,
    *aws_cells.METHODS,
    *aws_sign_in_cells.METHODS,
    *aws_machine_cells.METHODS,
)
CELLS = [pytest.param(method, FRAMEWORKS[number % 2], id=method.name) for number, method in enumerate(METHODS)]
FIXED = frozenset({"api-key", "bearer-token", "short-term-token", "static-keys", "static-keys (session)", "profile"})
"""Methods whose credential has no expiry that anybody is told of: `test_rotation.py` has theirs."""
THREADS, COROUTINES = 16, 16

every_method = pytest.mark.parametrize(("method", "framework"), CELLS)


def made(world: World, method: Method, framework: str, options: dict[str, Any]) -> Chat:
    """A chat model whose settings name the method."""
    named = {"auth": method.auth} if method.auth else {}
    return Chat(framework, settings=world.settings(method.provider, {**named, **options}))


@every_method
def test_success(world: World, method: Method, framework: str) -> None:
    chat = made(world, method, framework, method.have(world))
    for way in WAYS:
        assert chat.ask(way).text
    called = [one for one in world.emulator.requests if one.operation == "chat"]
    assert {one.auth for one in called} == {method.seen}
    assert len(called) == len(WAYS)
    assert method.fetched(world) <= method.steps


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize(("method", "framework"), [cell for cell in CELLS if cell.id not in FIXED])
def test_expiry_in_a_run(world: World, method: Method, framework: str, is_over: bool) -> None:
    """A credential that is about to expire, or has: one of all threads and coroutines fetches another."""
    is_long = method.provider == "azure" or method.name == "instance-metadata"
    life = LIFE if is_long else FIRST_LIFE
    world.emulator.entra.tokens.lifetime = life
    chat = made(world, method, framework, method.have(world))
    assert chat.ask("whole").text
    before = method.fetched(world)
    assert chat.ask("async").text
    assert method.fetched(world) == before
    first = {one.identity for one in world.emulator.requests if one.operation == "chat"}
    world.emulator.entra.tokens.lifetime = 3 * LIFE
    pass_time(world, life + 1 if is_over else life * 0.95)
    method.renew(world)
    before = method.fetched(world)

    async def all_at_once() -> None:
        await asyncio.gather(*(_asked(chat) for _ in range(COROUTINES)))

    with ThreadPoolExecutor(THREADS + 1) as pool:
        looped = pool.submit(asyncio.run, all_at_once())
        answers = [pool.submit(chat.ask, "whole") for _ in range(THREADS)]
        assert all(answer.result().text for answer in answers)
        looped.result()
    assert method.fetched(world) - before == method.steps
    assert {one.identity for one in world.emulator.requests if one.operation == "chat"} == first
    assert {one.status for one in world.emulator.requests if one.operation == "chat"} == {200}


async def _asked(chat: Chat) -> None:
    assert [piece async for piece in chat.apieces("async")]


def pass_time(world: World, seconds: float) -> None:
    """Go on by the clock of who keeps a credential, and not by that of who gives it."""
    now = time.time()

    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Later(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=seconds)

    class Clock:
        datetime, timedelta = Later, timedelta

    world.patch.setattr(time, "time", lambda: now + seconds)
    world.patch.setattr("botocore.credentials.datetime", Clock)


@every_method
def test_refusal(world: World, method: Method, framework: str) -> None:
    chat = made(world, method, framework, method.spoil(world, method.have(world)))
    kind, said = method.refused
    for way in ("whole", "async"):
        with pytest.raises(kind, match=f"(?s){said}"):
            chat.ask(way)
    called = {one.status for one in world.emulator.requests if one.operation == "chat"}
    assert bool(called) == (kind is AuthenticationError)


@every_method
def test_absence(world: World, method: Method, framework: str) -> None:
    kind, said = method.unready
    for way in ("whole", "async"):
        runtime.close()
        with pytest.raises(kind, match=f"(?s){said}") as caught:
            made(world, method, framework, method.lack(world)).ask(way)
        assert getattr(caught.value, "tried", ())
    assert not [one for one in world.emulator.requests if one.operation == "chat"]
