"""Which credential a backend uses, and why."""

from __future__ import annotations

from dataclasses import dataclass


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
