"""Indexes in two spaces, and secrets that must not travel."""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING

import pytest

from tests.index.conftest import settings_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout_emulator import Emulator

MORE = """
[chat.default]
azure = { deployment = "gpt-5-prod", model = "gpt-5" }
bedrock = "us.anthropic.claude-sonnet-4-6"

[index.docs]
store = "chroma"
path = "./index"

[index.calm]
store = "chroma"
path = "./calm"

[index.nodes]
framework = "llama_index"
store = "chroma"
path = "./nodes"
"""


@pytest.fixture(scope="package", autouse=True)
def _pickles_as_before() -> Iterator[None]:
    """Once it is imported, Dask has every exception of the process pickled with its causes, which often don't pickle."""
    before = dict(copyreg.dispatch_table)
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(before)


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return settings_text(fresh_emulator, MORE)


@pytest.fixture
def secrets(emulator: Emulator) -> list[bytes]:
    """Every secret of the settings file."""
    key = emulator.accounts.default_aws_key()
    keys = [*emulator.accounts.azure_keys.values(), *emulator.accounts.openai_keys.values(), key.secret_key]
    return [secret.encode() for secret in keys]
