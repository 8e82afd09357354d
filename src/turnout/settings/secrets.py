"""Secrets in the settings: masked from where they are read to where an SDK takes them, and left out of pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, PlainValidator, SecretStr

from turnout.settings.references import is_reference, referred

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_FIELDS = frozenset(
    {
        *("api_key", "client_secret", "client_certificate_password", "bearer_token", "secret_access_key"),
        *("session_token", "proxy", "connection", "manifest"),
    }
)
"""The keys whose values are secret."""


class Secret(SecretStr):
    """A text that isn't shown, and doesn't travel: where it is unpickled there is None."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def plain(value: Any) -> Any:
    """A secret as an SDK takes it, others as they are; called where it is passed, so that no variable holds it."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _given(value: Any) -> Any:
    if isinstance(value, Secret):  # which was read, and isn't a reference, whatever it looks like
        return value
    value = plain(value)
    return referred(value) if isinstance(value, str) else value


SecretText = Annotated[Secret, BeforeValidator(_given)]
"""A field's type: a secret, given as text, as a reference to one, or as pydantic's own `SecretStr`."""


class _Unportable:
    """An object of the application's that isn't shown, and doesn't travel: where it is unpickled there is None."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unportable) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _own(value: Any) -> _Unportable | None:
    if value is None or isinstance(value, _Unportable):
        return value
    if callable(value) or callable(getattr(value, "get_token", None)):
        return _Unportable(value)
    raise ValueError("this is no credential; give one of azure-identity's, or a function that returns a token")


OwnCredential = Annotated[Any, PlainValidator(_own)]
"""A field's type: a credential of the application's, which is code."""


def is_secret(*path: str) -> bool:
    """Whether what stands at a place in the settings is a secret."""
    if len(path) in {3, 4} and path[0] == "backends" and path[2] == "headers":
        return True
    if len(path) in {4, 5} and path[0] in {"chat", "embedding"} and path[3] == "headers":
        return True
    return len(path) == 3 and path[0] in {"backends", "index"} and path[-1] in SECRET_FIELDS


def holds_secrets(tree: Any) -> bool:
    """Whether there is a secret in what was read from a file, and not a reference to one."""
    if isinstance(tree, dict | list):
        return any(holds_secrets(value) for value in (tree.values() if isinstance(tree, dict) else tree))
    return isinstance(tree, SecretStr) and not is_reference(tree.get_secret_value())


def wrapped(tree: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """What was read from a file, with the secrets in it as `Secret`."""
    return {key: _wrapped(value, *path, key) for key, value in tree.items()}


def _wrapped(value: Any, *path: str) -> Any:
    if isinstance(value, dict):
        return wrapped(value, *path)
    if isinstance(value, list):  # of targets
        return [_wrapped(inner, *path) for inner in value]
    return Secret(value) if isinstance(value, str) and is_secret(*path) else value
