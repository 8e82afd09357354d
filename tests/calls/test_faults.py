"""Each fault of `tests.faults` on every wire, in every way of calling, in both frameworks.

Each call ends in its own right answer or in one of turnout's errors, and in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.calls.fault_support import ask_every_chat, ask_every_embedding

if TYPE_CHECKING:
    from turnout_emulator import Emulator


def test_every_chat_ends_in_its_answer_or_in_one_typed_error(
    framework: str, wire: str, wires_file: str, fresh_emulator: Emulator
) -> None:
    problems = ask_every_chat(framework, wire, wires_file, fresh_emulator)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("backend", ["azure", "bedrock"])
def test_every_embedding_ends_in_its_vector_or_in_one_typed_error(
    framework: str, backend: str, wires_file: str, fresh_emulator: Emulator
) -> None:
    problems = ask_every_embedding(framework, backend, wires_file, fresh_emulator)
    assert not problems, "\n".join(problems)
