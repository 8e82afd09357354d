"""Options and headers in the settings: what a backend, or one target, is sent besides what every wire has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainValidator

from turnout.settings.secrets import Secret, plain


class Options(dict[str, Any]):
    """A table that isn't changed, and so has a hash: settings are keys of what the process holds."""

    _hash: int | None = None  # every call looks for its client by its settings

    def __hash__(self) -> int:  # type: ignore[override] # a dict has none
        if self._hash is None:
            self._hash = hash(json.dumps(self, sort_keys=True, default=lambda value: repr(plain(value))))
        return self._hash

    def __reduce__(self) -> tuple[type[Options], tuple[dict[str, Any]]]:
        """Without the hash, which is another one in another process."""
        return Options, (dict(self),)


def _table(value: Any) -> dict[str, Any]:
    if isinstance(plain(value), str):  # of an environment variable, as JSON
        try:
            value = json.loads(plain(value))
        except ValueError:
            value = None
    if not isinstance(value, Mapping):
        raise ValueError("this is not a table, like { service_tier = 'flex' }")  # noqa: TRY004 - of a validator
    return {str(name): inner for name, inner in value.items()}


def _headers(value: Any) -> Options:
    table = {name: plain(text) for name, text in _table(value).items()}
    for name, text in table.items():
        if not isinstance(text, str) or not text or any(ord(letter) < 32 for letter in name + text):
            raise ValueError("a header is a name and a text, without line breaks, and isn't empty")
    return Options({name: Secret(text) for name, text in table.items()})


OptionsTable = Annotated[Options, PlainValidator(lambda value: Options(_table(value)))]
"""A field's type: options under the names that `turnout.conversation.options` knows."""

HeadersTable = Annotated[Options, PlainValidator(_headers)]
"""A field's type: HTTP headers, whose values are secret."""
