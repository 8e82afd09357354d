"""The examples of docs/emulator.md run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from turnout_emulator import Emulator

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_stays_short() -> None:
    assert len(PAGE.splitlines()) <= 150
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples(number: int, emulator: Emulator, bedrock: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bedrock.converse(
        modelId="us.anthropic.claude-sonnet-4-6", messages=[{"role": "user", "content": [{"text": "Hello"}]}]
    )
    namespace: dict[str, Any] = {"emulator": emulator}
    exec(EXAMPLES[number], namespace)
    credential = namespace.get("credential")
    if credential is not None:
        with credential:
            assert credential.get_token("https://ai.azure.com/.default").token
    queued = EXAMPLES[number].count("emulator.queue(")
    assert emulator.pending == queued
    assert ("[backends.bedrock]" in capsys.readouterr().out) == ("settings_toml" in EXAMPLES[number])
