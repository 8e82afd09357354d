"""The settings files of a storm, and its variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.storm.settings import text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def clear_variables() -> None:
    """Take away what would lead calls to real clouds."""
    for name in [name for name in os.environ if name.startswith(("TURNOUT_", "AZURE_", "AWS_", "OPENAI_"))]:
        del os.environ[name]
    os.environ |= {"NO_PROXY": "127.0.0.1,localhost", "AWS_EC2_METADATA_DISABLED": "true"}


def files(folder: Path, urls: Mapping[str, str]) -> dict[str, Path]:
    """A settings file with no fallbacks, one with them, and one in which deployments rest, too."""
    made = {name: folder / f"{name}.toml" for name in ("alone", "fallbacks", "circuit")}
    for name, path in made.items():
        path.write_text(text(urls, fallbacks=name != "alone", circuit=name == "circuit"), encoding="utf-8")
    return made
