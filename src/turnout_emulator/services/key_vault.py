"""Azure Key Vault: the newest version of a secret, for whoever has an Entra token of the vault's audience.

Sources: learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses (the challenge),
learn.microsoft.com/azure/key-vault/general/rest-error-codes, learn.microsoft.com/rest/api/keyvault/secrets/get-secret
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Service, respond
from turnout_emulator.tokens import VAULT_AUDIENCE

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_DATED = re.compile(r"7\.[0-6]|2016-10-01|20\d\d-\d\d-\d\d")


class KeyVaultService(Service):
    """`GET /secrets/{name}`, after a challenge that says where its tokens come from and for what they are."""

    name = "keyvault"
    errors = ("keyvault",)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {"GET /secrets/{name}": self._secret, "GET /secrets/{name}/": self._secret}

    async def _secret(self, exchange: Exchange) -> web.StreamResponse:
        request, received = exchange.request, exchange.received
        name = received.model = request.match_info["name"]
        if not request.query.get("api-version"):
            raise RequestRefused("no_version")
        if not _DATED.fullmatch(request.query["api-version"]):
            raise RequestRefused("wrong_version", version=request.query["api-version"])
        scheme, token = exchange.authorization()
        if scheme != "bearer":
            raise RequestRefused("wrong_token", "AKV10000: Request is missing a Bearer or PoP token.")
        claims = self.hub.tokens.check(token, frozenset({VAULT_AUDIENCE}))
        received.auth, received.identity = "entra", str(claims["appid"])
        if not _NAME.fullmatch(name):
            raise RequestRefused("wrong_name")
        await self.queued(exchange, (name,), "other")
        value = self.hub.vault_secrets.get(name)
        if value is None:
            raise RequestRefused("not_found")
        version = hashlib.sha256(value.encode()).hexdigest()[:32]
        attributes = {"enabled": True, "created": 1735689600, "updated": 1735689600, "recoveryLevel": "Recoverable"}
        return respond(
            {"value": value, "id": f"https://{request.host}/secrets/{name}/{version}", "attributes": attributes}
        )

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form; one of authentication has the challenge."""
        if refusal.status == 401:
            authority = f"https://login.microsoftonline.com/{min(self.hub.accounts.tenants())}"
            challenge = f'Bearer authorization="{authority}", resource="{VAULT_AUDIENCE}"'
            refusal.headers.setdefault("www-authenticate", challenge)
        return super().error(refusal)

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        inner = {} if refusal.type is None else {"innererror": {"code": refusal.type}}
        return {"error": {"code": refusal.code, "message": refusal.message, **inner}}
