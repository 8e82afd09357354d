"""Who calls an Azure resource: the owner of an API key or of an Entra token."""

from __future__ import annotations

from turnout.emulator.accounts import key_named
from turnout.emulator.auth.entra import TokenRefused
from turnout.emulator.services.base import Exchange, Hub

AUDIENCES = frozenset({"https://cognitiveservices.azure.com", "https://ai.azure.com"})


def identify(exchange: Exchange, hub: Hub, key: str | None) -> None:
    """Note who calls: the owner of an API key, or of the Entra token in the request.

    Raises:
        LookupError: There is no such key.
        TokenRefused: The token is missing, expired, or for something else.
    """
    received = exchange.received
    if key is not None:
        name = key_named(hub.accounts.azure_keys, key)
        if name is None:
            raise LookupError(key)
        received.auth, received.identity = "api-key", name
        return
    scheme, _, bearer = exchange.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise TokenRefused("missing")
    claims = hub.tokens.check(bearer.strip(), AUDIENCES)
    received.auth, received.identity = "entra", str(claims["appid"])
