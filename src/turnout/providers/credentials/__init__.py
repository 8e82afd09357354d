"""Which credential a backend uses, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Credential:
    """Which credential a backend uses. It has no secret, so it may be printed.

    Attributes:
        method: `api-key`, `service-principal`, `default-chain`, `static-keys`, …
        why: Where it came from and why it won, in words.
    """

    method: str
    why: str

    def __str__(self) -> str:
        return f"{self.method} ({self.why})"


def plain(secret: SecretStr | None) -> str | None:
    """A secret as an SDK takes it; called where it is passed, so that no variable holds it."""
    return None if secret is None else secret.get_secret_value()
