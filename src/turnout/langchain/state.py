"""The settings that an object goes by, and how it travels without them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import SkipValidation

from turnout.settings import Settings, load_settings

SettingsField = Annotated[Settings | Path | str | None, SkipValidation]


def current(given: Settings | Path | str | None) -> Settings:
    """The settings to go by: those given, or as they are found now."""
    return given if isinstance(given, Settings) else load_settings(given)


def without_secrets(state: dict[Any, Any]) -> dict[Any, Any]:
    """A pickled state in which settings, which hold secrets, are only the name of their file.

    On the other side they are read again.
    """
    given = state["__dict__"].get("settings")
    if not isinstance(given, Settings):
        return state
    path = given.source if Path(given.source).is_file() else None
    return {**state, "__dict__": {**state["__dict__"], "settings": path}}
