"""Each fault of `tests.faults` on every wire in every way of calling, and in both frameworks in every way.

Each call ends in its own right answer or in one of turnout's errors, and in time. On a wire, two of the four ways are
tried with LangChain and the other two with LlamaIndex, on the next wire the other way round: what a fault does to an
answer is the wire's and the way's, what a framework's class does with it is the framework's and the way's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.calls.conftest import WIRES
from tests.calls.fault_support import ask_every_chat, ask_every_embedding
from tests.support.frameworks import FRAMEWORKS

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow


def test_every_chat_ends_in_its_answer_or_in_one_typed_error(
    framework: str, wire: str, wires_file: str, fresh_emulator: Emulator
) -> None:
    at_once, later = ("whole", "async-stream"), ("async", "stream")
    turned = list(FRAMEWORKS).index(framework) != list(WIRES).index(wire) % 2
    problems = ask_every_chat(framework, wire, later if turned else at_once, wires_file, fresh_emulator)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("backend", ["azure", "bedrock"])
def test_every_embedding_ends_in_its_vector_or_in_one_typed_error(
    framework: str, backend: str, wires_file: str, fresh_emulator: Emulator
) -> None:
    problems = ask_every_embedding(framework, backend, wires_file, fresh_emulator)
    assert not problems, "\n".join(problems)
