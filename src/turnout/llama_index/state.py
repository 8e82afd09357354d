"""The settings that an object goes by, and how it travels without them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import SkipValidation

from turnout.settings import Settings, load_settings

SettingsField = Annotated[Settings | Path | str | None, SkipValidation]


def current(given: Settings | Path | str | None) -> Settings:
    """The settings to go by: those given, or as they are found now."""
    return given if isinstance(given, Settings) else load_settings(given)


def portable_settings(given: Settings | Path | str | None) -> Path | str | None:
    """Settings as they travel: only the name of their file, for they hold secrets. On the other side they are read."""
    if not isinstance(given, Settings):
        return given
    return given.source if Path(given.source).is_file() else None
