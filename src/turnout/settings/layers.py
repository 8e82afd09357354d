"""`TURNOUT_…` variables laid over the settings file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError
from turnout.settings.secrets import is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.settings.secrets import Secret

PREFIX = "TURNOUT_"
TABLES = ("backends", "chat", "embedding", "index")
"""The keys that are tables."""


def overlaid(data: Mapping[str, Any], variables: Mapping[str, Secret]) -> dict[str, Any]:
    """The file's content with the variables over it, not yet validated.

    Every value is taken as it stands: a key that looks like a number stays text.

    Raises:
        SettingsError: A variable is a whole table.
    """
    merged = _copied(data)
    paths = {tuple(name[len(PREFIX) :].lower().split("__")): name for name in variables}
    for path in sorted(paths, key=len):
        value = variables[paths[path]]
        if path[0] in TABLES and len(path) == 1:
            msg = f"{paths[path]}: {path[0]!r} is a table; set its keys, each by its own variable: {paths[path]}__…"
            raise SettingsError(msg)
        *tables, last = path
        table = merged
        for key in tables:
            inner = table.get(key)
            table[key] = table = inner if isinstance(inner, dict) else {}
        table[last] = value if is_secret(*path) else value.get_secret_value()
    return merged


def _copied(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in table.items()}
