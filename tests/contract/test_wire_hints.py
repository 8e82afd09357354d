"""A service that doesn't serve a model on a wire: the error names the setting that helps, in both frameworks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from turnout.errors import ModelCallError
from turnout_emulator import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

# As Azure words them: https://github.com/responsibleai/ASSERT/issues/129, https://github.com/aaif-goose/goose/issues/9825
NO_RESPONSES = (
    "Azure OpenAI Responses API is not enabled in this region. Please check "
    "https://aka.ms/aoai/responsesapi/availability"
)
NO_CHAT = (
    "Function tools with reasoning_effort are not supported for gpt-5.5-2026-04-24 in /v1/chat/completions. "
    "Please use /v1/responses instead."
)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("backend", "failure", "wire"),
    [
        ("azure_responses", Failure(status=404, code="NotFound", message=NO_RESPONSES), "openai-chat"),
        ("azure", Failure(status=400, message=NO_CHAT), "openai-responses"),
    ],
)
def test_the_error_names_the_wire(
    columns_file: Path, fresh_emulator: Emulator, framework: str, way: str, backend: str, failure: Failure, wire: str
) -> None:
    fresh_emulator.queue(failure)
    with pytest.raises(ModelCallError, match=rf"Set wire = '{wire}' in the target \(chat\.default\.{backend} in"):
        Chat(framework, backend=backend, max_retries=0).ask(way)
