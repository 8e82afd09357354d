"""Secrets that settings refer to and that a store has: Azure Key Vault, AWS Secrets Manager.

Each secret is asked for once in the process, for all that refers to it, and again after a while (`kept`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from turnout.redaction import shown
from turnout.settings.secret_stores import key_vault, secrets_manager
from turnout.settings.secret_stores.kept import StoredSecret, StoreRefusesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_stored: dict[str, StoredSecret] = {}


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret of a store, and which part of it is meant.

    Attributes:
        secret: The secret, as the process keeps it.
        key: The key of a JSON object, if the secret is one and only that value is meant.
    """

    secret: StoredSecret
    key: str | None = None

    def of(self, whole: SecretStr) -> SecretStr:
        """What the reference means, of the secret's whole value.

        Raises:
            ValueError: The secret is no JSON object, or has no text under the key.
        """
        found = whole if self.key is None else _under(whole, self.key)
        if found is None:
            key = shown(self.key)
            raise ValueError(f"{self.secret.name} that it refers to has no text under the key {key} of a JSON object")
        return found


def reference(text: str) -> Reference:
    """The secret of a store that a text refers to. Nothing is asked yet.

    Raises:
        ValueError: The text doesn't name one.
        MissingExtraError: The store's SDK isn't installed.
    """
    if text.startswith(key_vault.PREFIX):
        place = key_vault.place(text)
        return Reference(_kept(str(place), place.name, partial(_read, key_vault.asked, place)))
    target, key = secrets_manager.place(text)
    return Reference(_kept(str(target), target.name, partial(_read, secrets_manager.asked, target)), key)


def _kept(place: str, name: str, read: partial[SecretStr]) -> StoredSecret:
    return _stored.get(place) or _stored.setdefault(place, StoredSecret(name, read))


def _read(asked: Callable[..., tuple[SecretStr | None, Exception | None]], place: Any) -> SecretStr:
    found, error = asked(place, _values)
    if error is not None:
        raise error  # from here, without the SDK's own, which has the request with its token
    if found is None:
        raise StoreRefusesError(f"{place.name} that it refers to is empty, or no text")
    return found


def _under(whole: SecretStr, key: str) -> SecretStr | None:
    """What a JSON object has under a key, in a frame that no error is raised from."""
    try:
        table = json.loads(whole.get_secret_value())
    except ValueError:
        return None
    value = table.get(key) if isinstance(table, dict) else None
    return SecretStr(value.strip()) if isinstance(value, str) and value.strip() else None


def _values() -> Iterator[str]:
    """The secrets that are kept, and the texts in those that are JSON, as the SDKs' logs are searched for them."""
    for secret in list(_stored.values()):
        yield from secret.texts
