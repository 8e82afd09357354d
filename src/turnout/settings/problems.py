"""Settings errors in words: which file or variable, which key, what is wrong, and the nearest that exists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError
from turnout.redaction import shown
from turnout.settings.backends import PROVIDERS, AzureBackend, Node
from turnout.settings.tree import FailoverSettings, IndexSettings, PolicySettings, SecretsSettings, Settings, Target

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError

SMALLEST_FILE = """\
backend = "azure"

[backends.azure]
provider = "azure"
endpoint = "https://contoso.openai.azure.com"

[chat.default]
azure = { deployment = "gpt-5-prod", model = "gpt-5" }

[embedding.default]
azure = { deployment = "embed-small", model = "text-embedding-3-small" }
"""

TOP_KEYS = tuple(name for name in Settings.model_fields if name not in {"source", "route_fallbacks"})


def nearest(name: str, choices: Iterable[str]) -> str:
    """' (did you mean …?)' if one of the choices is close, or what there is."""
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (there is {', '.join(shown(k) for k in known)})" if known else ""


def variable(path: Iterable[str]) -> str:
    """The environment variable for a key."""
    return "TURNOUT_" + "__".join(path).upper()


def shown_part(part: str) -> str:
    """A part of a key as a message has it: what is no name may be a value that was put into a name's place."""
    return part if repr(part) == shown(part) else "…"


def shown_name(name: str) -> str:
    """The name of a variable, likewise."""
    return "__".join(shown_part(part) for part in name.split("__"))


def translate(
    error: ValidationError, file: Path | None, data: Mapping[str, Any], variables: Mapping[str, str]
) -> SettingsError:
    """One `SettingsError` for everything that validation found."""
    lines = []
    for item in error.errors(include_url=False, include_input=False, include_context=True):
        keys = [str(part) for part in item["loc"]]
        if keys[0:1] == ["backends"] and keys[2:3] and keys[2] in PROVIDERS:
            del keys[2]  # the union's tag
        if "then" in keys[:-1]:  # of a list, the targets behind the first
            place = keys.index("then")
            keys[place : place + 2] = [str(int(keys[place + 1]) + 1)]
        lines.append(f"{_where(keys, file, variables)}: {_reason(item, keys, data)}")
    return SettingsError("\n".join(lines))


def _where(keys: list[str], file: Path | None, variables: Mapping[str, str]) -> str:
    name = ".".join(shown_part(key) for key in keys)
    for end in range(len(keys), 0, -1):
        for known, source in variables.items():
            if known.upper() == variable(keys[:end]):
                return f"{shown_name(known)} ({source}), key {name!r}"
    return f"{file or 'settings'}, key {name!r}"


def _reason(item: Any, keys: list[str], data: Mapping[str, Any]) -> str:
    kind = item["type"]
    if kind == "extra_forbidden":
        return f"unknown key{nearest(keys[-1], _known_keys(keys[:-1], data))}"
    if kind == "union_tag_not_found":
        return f"say which provider this backend has: provider = one of {', '.join(PROVIDERS)}"
    if kind == "union_tag_invalid":
        return f"unknown provider; it is one of {', '.join(PROVIDERS)}"
    message = str(item["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _known_keys(parents: list[str], data: Mapping[str, Any]) -> Iterable[str]:
    if not parents:
        return TOP_KEYS
    if parents[0] == "backends" and len(parents) > 1:
        backend = data.get("backends", {}).get(parents[1], {})
        kind = PROVIDERS.get(backend.get("provider", parents[1]), AzureBackend)
        return [name for name in kind.model_fields if name != "origins"]
    tables: dict[str, type[Node]] = {
        "index": IndexSettings,
        "failover": FailoverSettings,
        "policy": PolicySettings,
        "secrets": SecretsSettings,
    }
    return list(tables.get(parents[0], Target).model_fields)
