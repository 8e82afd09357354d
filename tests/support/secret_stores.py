"""The two stores of secrets, at the emulator: what a test puts in, takes away, or keeps from being reached."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from azure.keyvault.secrets._shared import http_challenge_cache

from tests.support.proxy import proxy
from tests.support.relay import Relay
from turnout import runtime
from turnout.settings import secret_stores
from turnout.settings.secret_stores import key_vault, secrets_manager
from turnout_emulator import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from turnout_emulator import Emulator, Received

STORES = ("keyvault", "secretsmanager")
VAULT = "team.vault.azure.net"


class Store:
    """A store at the emulator.

    Args:
        name: `keyvault` or `secretsmanager`.
        emulator: Where it is.
        relay: What leads there.
        proxied: Whom the environment's proxy was asked for.
    """

    def __init__(self, name: str, emulator: Emulator, relay: Relay, proxied: list[str] | None = None) -> None:
        self.name = name
        self.proxied = proxied
        self.relay = relay
        self._emulator = emulator

    def reference(self, secret: str) -> str:
        """What stands in the settings."""
        return f"keyvault:https://{VAULT}/{secret}" if self.name == "keyvault" else f"secretsmanager:{secret}"

    def put(self, secret: str, value: str) -> str:
        """Put a secret in, and return the reference to it."""
        (self._emulator.keyvault if self.name == "keyvault" else self._emulator.secretsmanager).secrets[secret] = value
        return self.reference(secret)

    def delete(self, secret: str) -> None:
        """Take a secret away."""
        del (self._emulator.keyvault if self.name == "keyvault" else self._emulator.secretsmanager).secrets[secret]

    def refuse(self) -> None:
        """Have the next reading refused."""
        self._emulator.queue(Failure.permission(), service=self.name)

    def asked(self) -> list[Received]:
        """The readings that came with a credential."""
        return [one for one in self._emulator.requests if one.service == self.name and one.auth is not None]


@contextmanager
def store_at(name: str, emulator: Emulator, patch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store, with the variables that lead there; nothing is asked twice."""
    patch.setattr(key_vault, "_REPEATS", 0)
    patch.setattr(secrets_manager, "_ATTEMPTS", 1)
    patch.setattr(secret_stores, "_stored", {})
    emulator.keyvault.secrets.clear()
    emulator.secretsmanager.secrets.clear()
    runtime.close()  # the clients of another test
    http_challenge_cache.clear()
    address = urlsplit(emulator.keyvault.https_url if name == "keyvault" else emulator.secretsmanager.url)
    relay = Relay(("127.0.0.1", address.port or 0))
    try:
        if name == "secretsmanager":
            for variable, value in emulator.environment("secretsmanager").items():
                patch.setenv(variable, value)
            patch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{relay.port}")
            yield Store(name, emulator, relay)
        else:
            for variable, value in emulator.environment("managed-identity").items():
                patch.setenv(variable, value)
            patch.setenv("REQUESTS_CA_BUNDLE", emulator.ca_file)
            proxied: list[str] = []
            with proxy(proxied, {VAULT: relay.port}) as there:
                patch.setenv("HTTPS_PROXY", there)
                yield Store(name, emulator, relay, proxied)
    finally:
        runtime.close()
        relay.stop()
