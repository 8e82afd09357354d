"""The settings that an object was given: how it goes by them, and how it travels without them.

Naming the type doesn't load the settings: that would be most of what importing a class of turnout costs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import SkipValidation

if TYPE_CHECKING:
    from turnout.settings import Settings

    SettingsField = Settings | Path | str | None
else:
    SettingsField = Annotated[Any, SkipValidation]


def current(given: Settings | Path | str | None) -> Settings:
    """The settings to go by: those given, or as they are found now."""
    from turnout.settings import Settings, load_settings

    return given if isinstance(given, Settings) else load_settings(given)


def portable_settings(given: Settings | Path | str | None) -> Path | str | None:
    """Settings as they travel: only the name of their file, for they hold secrets. On the other side they are read."""
    if given is None or isinstance(given, Path | str):
        return given
    return given.source if Path(given.source).is_file() else None


def without_secrets(state: dict[Any, Any]) -> dict[Any, Any]:
    """A pydantic object's pickled state, whose settings are only the name of their file."""
    inner = state["__dict__"]
    return {**state, "__dict__": {**inner, "settings": portable_settings(inner.get("settings"))}}
