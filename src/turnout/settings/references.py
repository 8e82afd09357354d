"""Secrets that settings refer to instead of holding them.

`env:NAME` is a variable, `file:PATH` a file's content, `keyvault:URL` a secret of an Azure Key Vault, and
`secretsmanager:NAME` one of AWS Secrets Manager.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr

from turnout.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.settings.secret_stores.kept import StoredSecret

REFRESH = 300.0
"""How old a store's secret may be, in seconds, where the settings don't say."""

_VARIABLE, _FILE, _STORES = "env:", "file:", ("keyvault:", "secretsmanager:")
_LONGEST = 64 * 1024  # bytes of a secret's file


class Watch(Protocol):
    """Who is told what a secret was read from, so as to look for changes there."""

    def file(self, path: Path) -> None:
        """A file, before it is read."""

    def stored(self, secret: StoredSecret, number: int) -> None:
        """A secret of a store, and which of its values was read."""


@dataclass(frozen=True, slots=True, repr=False)
class Sources:
    """Where references lead.

    Attributes:
        variables: The environment; left out, the process's.
        folder: Where a relative path begins; left out, the working directory.
        refresh: Seconds after which a store's secret is asked for again.
        watch: Who is told what was read.
    """

    variables: Mapping[str, str] | None = None
    folder: Path | None = None
    refresh: float = REFRESH
    watch: Watch | None = None


_HERE = Sources()


def referred(text: str, sources: Sources = _HERE) -> str:
    """The secret that a text refers to, or the text itself, where it has none of the forms.

    Raises:
        ValueError: The variable isn't set, the file can't be read or is empty, or the store doesn't give the secret.
        MissingExtraError: The store's SDK isn't installed.
    """
    if text.startswith(_VARIABLE):
        name = text.removeprefix(_VARIABLE)
        found = (os.environ if sources.variables is None else sources.variables).get(name)
        if not found:
            raise ValueError(f"the variable {shown(name)} that it refers to is not set")
        return found
    if text.startswith(_STORES):
        return _stored(text, sources).get_secret_value()
    return _content(text, sources) if text.startswith(_FILE) else text


def _stored(text: str, sources: Sources) -> SecretStr:
    from turnout.settings.secret_stores import reference

    found = reference(text)
    value, number = found.secret.get(sources.refresh)
    if sources.watch is not None:
        sources.watch.stored(found.secret, number)
    return found.of(value)


def _content(text: str, sources: Sources) -> str:
    path = Path(text.removeprefix(_FILE)).expanduser()
    path = path if sources.folder is None else sources.folder / path
    if sources.watch is not None:
        sources.watch.file(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
        secret = content.decode().strip()
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
    else:
        if secret and len(content) <= _LONGEST:
            return secret
        why = "it is empty" if not secret else f"it is larger than {_LONGEST // 1024} KiB"
    raise ValueError(f"the file {str(path)!r} that it refers to can't be read: {why}")


def is_reference(text: str) -> bool:
    """Whether a text is a reference, and no secret itself."""
    return text.startswith((_VARIABLE, _FILE, *_STORES))


def resolved(tree: Any, sources: Sources, *path: str) -> tuple[Any, list[str]]:
    """What was read, with the secrets in the place of what refers to them, and what is wrong, a line for each."""
    if isinstance(tree, dict | list):
        named = tree.items() if isinstance(tree, dict) else enumerate(tree)
        made = {name: resolved(value, sources, *path, str(name)) for name, value in named}
        wrong = [line for _, lines in made.values() for line in lines]
        values = {name: value for name, (value, _) in made.items()}
        return (values if isinstance(tree, dict) else [*values.values()]), wrong
    if not isinstance(tree, SecretStr):
        return tree, []
    try:
        return type(tree)(referred(tree.get_secret_value(), sources)), []
    except ValueError as error:
        return tree, [f"key {'.'.join(path)!r}: {error}"]
