"""A named index on two backends whose embedding models make vectors of one length, and what the emulator embedded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

TEXTS = [
    "Keys are rotated in March and in September.",
    "The depot opens at seven in the morning.",
    "Refunds are paid within ten days.",
]
IDS = ["keys", "depot", "refunds"]
METADATAS: list[dict[str, object]] = [{"page": number, "source": f"{found}.md"} for number, found in enumerate(IDS)]
QUESTION = "When does the depot open?"
EMBED = {"azure": "azure.embeddings", "bedrock": "bedrock.invoke"}

_ROUTES = """
[embedding.default]
azure = { deployment = "ada", model = "text-embedding-ada-002" }
bedrock = "amazon.titan-embed-text-v1"
openai = "text-embedding-3-large"
"""


def settings(emulator: Emulator, folder: Path, index: str) -> Path:
    """A settings file with an index.

    Args:
        emulator: What the backends are.
        folder: Where to write it.
        index: The lines of `[index.docs]`.
    """
    text = emulator.settings_toml()
    chat = text[: text.index("[embedding.")]
    path = folder / "turnout.toml"
    path.write_text(f"{chat}\n{_ROUTES}\n[index.docs]\n{index}\n", encoding="utf-8")
    return path


def use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go by a settings file; on Azure, unless something else was said before."""
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    monkeypatch.setenv("TURNOUT_BACKEND", os.environ.get("TURNOUT_BACKEND", "azure"))


def requests(emulator: Emulator) -> list[str]:
    """Which services were asked since this was called last."""
    asked = [request.service for request in emulator.requests]
    emulator.clear()
    return asked
