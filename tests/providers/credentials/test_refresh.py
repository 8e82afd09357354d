"""A refresh that is slow, or fails, while the credential is good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.providers.credentials import aws_cells, aws_sign_in_cells
from tests.providers.credentials.test_matrix import made, pass_time
from tests.providers.credentials.world import FIRST_LIFE
from turnout.errors import CredentialError
from turnout_emulator import Failure

if TYPE_CHECKING:
    from tests.providers.credentials.world import World


def test_a_refresh_that_fails_is_survived_while_the_credential_is_good(world: World) -> None:
    method = aws_cells.AssumedRole()
    world.emulator.entra.tokens.lifetime = FIRST_LIFE
    chat = made(world, method, "langchain", method.have(world))
    assert chat.ask("whole").text
    pass_time(world, FIRST_LIFE * 0.7)
    world.emulator.rule(lambda received: Failure.permission() if received.service == "sts" else None)
    for way in ("whole", "async"):
        assert chat.ask(way).text
    assert world.tokens() == 2  # the first, and the one that failed: the next is asked for later
    pass_time(world, FIRST_LIFE + 1)
    with pytest.raises(CredentialError, match="trust policy"):
        chat.ask("whole")


def test_a_refresh_holds_up_nobody_else_while_the_credential_is_good(world: World) -> None:
    method = aws_sign_in_cells.Process()
    world.emulator.entra.tokens.lifetime = FIRST_LIFE
    chat = made(world, method, "langchain", method.have(world))
    assert chat.ask("whole").text
    pass_time(world, FIRST_LIFE * 0.7)
    method.renew(world, 3 * FIRST_LIFE)
    path, runs, gate = world.folder / "program", world.runs(), world.folder / "gate"
    wait = f"import pathlib, time\nfor _ in range(2000):\n    if pathlib.Path({str(gate)!r}).exists(): break\n"
    wait += "    time.sleep(0.01)\n"
    first, _, rest = path.read_text().partition("\nprint")
    path.write_text(f"{first}\n{wait}print{rest}")
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(chat.ask, "whole")
        try:
            while world.runs() == runs:
                assert not refreshing.done()
            assert chat.ask("whole").text
            assert chat.ask("async").text
            assert not refreshing.done()
        finally:
            gate.touch()
        assert refreshing.result().text
    assert world.runs() == runs + 1
