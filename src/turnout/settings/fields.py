"""The `settings` field of a public class: what it accepts, what it means, and how it pickles without secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import SkipValidation

from turnout.settings.load import load_settings
from turnout.settings.tree import Settings

if TYPE_CHECKING:
    SettingsField = Settings | Path | str | None
else:
    SettingsField = Annotated[Any, SkipValidation]  # a validator of all settings would be most of a class's import


def resolved_settings(settings: SettingsField) -> Settings:
    """Settings as they are, or read from their file now."""
    return settings if isinstance(settings, Settings) else load_settings(settings)


def portable_settings(settings: SettingsField) -> Path | str | None:
    """Settings for a pickle: only the name of their file, because they hold secrets. They are read again on arrival."""
    if settings is None or isinstance(settings, Path | str):
        return settings
    return settings.source if Path(settings.source).is_file() else None
