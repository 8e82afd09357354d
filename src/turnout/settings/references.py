"""Secrets that settings refer to instead of holding them: `env:NAME`, a variable, and `file:PATH`, a file's content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from turnout.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VARIABLE, _FILE = "env:", "file:"
_LONGEST = 64 * 1024  # bytes of a secret's file


def referred(text: str, variables: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
    """The secret that a text refers to, or the text itself, where it is none of the two forms.

    Args:
        text: What stands in the settings.
        variables: The environment; left out, the process's.
        folder: Where a relative path begins; left out, the working directory.

    Raises:
        ValueError: The variable isn't set, or the file can't be read or is empty.
    """
    if text.startswith(_VARIABLE):
        name = text.removeprefix(_VARIABLE)
        found = (os.environ if variables is None else variables).get(name)
        if not found:
            raise ValueError(f"the variable {shown(name)} that it refers to is not set")
        return found
    if not text.startswith(_FILE):
        return text
    path = referred_file(text, folder)
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
    return text.startswith((_VARIABLE, _FILE))


def referred_file(text: str, folder: Path | None = None) -> Path:
    """The file that a text refers to."""
    path = Path(text.removeprefix(_FILE)).expanduser()
    return path if folder is None else folder / path


def resolved(
    tree: Any, variables: Mapping[str, str], folder: Path, seen: Callable[[Path], object], *path: str
) -> tuple[Any, list[str]]:
    """What was read, with the secrets in the place of what refers to them, and what is wrong, a line for each.

    `seen` is told of each file before it is read.
    """
    if isinstance(tree, dict | list):
        named = tree.items() if isinstance(tree, dict) else enumerate(tree)
        made = {name: resolved(value, variables, folder, seen, *path, str(name)) for name, value in named}
        wrong = [line for _, lines in made.values() for line in lines]
        values = {name: value for name, (value, _) in made.items()}
        return (values if isinstance(tree, dict) else [*values.values()]), wrong
    if not isinstance(tree, SecretStr):
        return tree, []
    if tree.get_secret_value().startswith(_FILE):
        seen(referred_file(tree.get_secret_value(), folder))
    try:
        return type(tree)(referred(tree.get_secret_value(), variables, folder)), []
    except ValueError as error:
        return tree, [f"key {'.'.join(path)!r}: {error}"]
