"""Who calls an Azure resource: the owner of an API key or of an Entra token."""

from __future__ import annotations

from turnout_emulator.accounts import key_named
from turnout_emulator.auth.entra import TokenRefused
from turnout_emulator.services.base import Exchange, Hub

AUDIENCES = frozenset({"https://cognitiveservices.azure.com", "https://ai.azure.com"})


def identify(exchange: Exchange, hub: Hub, key: str | None, *, bearer_keys: bool) -> None:
    """Note who calls: the owner of an API key, or of the Entra token in the request.

    Args:
        exchange: The request.
        hub: Who may call.
        key: The API key, where a header of its own has one.
        bearer_keys: Whether a bearer may be an API key too.

    Raises:
        LookupError: There is no such key.
        TokenRefused: The token is missing, expired, or for something else.
    """
    received = exchange.received
    scheme, _, bearer = exchange.request.headers.get("authorization", "").partition(" ")
    if key is None and bearer_keys and scheme.lower() == "bearer" and bearer.count(".") != 2:
        key = bearer.strip()
    if key is not None:
        name = key_named(hub.accounts.azure_keys, key)
        if name is None:
            raise LookupError(key)
        received.auth, received.identity = "api-key", name
        return
    if scheme.lower() != "bearer":
        raise TokenRefused("missing")
    claims = hub.tokens.check(bearer.strip(), AUDIENCES)
    received.auth, received.identity = "entra", str(claims["appid"])
