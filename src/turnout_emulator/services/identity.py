"""Who calls: the owner of an API key or an Entra token on Azure, of a bearer key or a signature on AWS."""

from __future__ import annotations

from turnout_emulator.accounts import AwsKey, key_named
from turnout_emulator.aws_signatures import bearer_owner, verify
from turnout_emulator.refusals import RequestRefused
from turnout_emulator.services.base import Exchange, Hub

_AUDIENCES = frozenset({"https://cognitiveservices.azure.com", "https://ai.azure.com"})


def identify_azure(exchange: Exchange, hub: Hub, key: str | None, *, bearer_keys: bool) -> None:
    """Note the caller of an Azure resource, and refuse a wrong key or token.

    Args:
        exchange: The request.
        hub: Who may call.
        key: The API key, where a header of its own has one.
        bearer_keys: Whether a bearer may be an API key too.
    """
    received = exchange.received
    scheme, bearer = exchange.authorization()
    if key is None and bearer_keys and scheme == "bearer" and bearer.count(".") != 2:
        key = bearer
    if key is not None:
        name = key_named(hub.accounts.azure_keys, key)
        if name is None:
            raise RequestRefused("authentication")
        received.auth, received.identity = "api-key", name
    elif scheme == "bearer":
        claims = hub.tokens.check(bearer, _AUDIENCES)
        received.auth, received.identity = "entra", str(claims["appid"])
    else:
        raise RequestRefused("wrong_token")


def identify_aws(exchange: Exchange, hub: Hub, services: frozenset[str]) -> None:
    """Note the owner of a bearer key of Bedrock's, or who signed the request; `services` may stand in the signature."""
    scheme, bearer = exchange.authorization()
    if scheme == "bearer":
        exchange.received.auth, exchange.received.identity = "bearer", bearer_owner(bearer, hub.accounts)
    else:
        identify_signer(exchange, hub, services)


def identify_signer(exchange: Exchange, hub: Hub, services: frozenset[str]) -> AwsKey:
    """Note who signed the request; `services` may stand in the scope of the signature."""
    key = verify(exchange.request, exchange.body, hub.accounts, services)
    exchange.received.auth, exchange.received.identity = "sigv4", key.role_arn or key.access_key
    return key
