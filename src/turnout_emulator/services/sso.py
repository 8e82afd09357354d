"""How people sign in to AWS: IAM Identity Center's portal and tokens, and the tokens of `aws login`.

Paths, names and errors are those of botocore's service models of `sso`, `sso-oidc` and `signin`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.accounts import (
    LOGIN_CLIENT,
    LOGIN_REFRESH_TOKEN,
    SSO_CLIENT,
    SSO_CLIENT_SECRET,
    SSO_REFRESH_TOKEN,
)
from turnout_emulator.assertions import is_proof_of_possession
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Service, respond


class SsoService(Service):
    """`/federation/credentials` of the portal, `/token` of its OIDC, and `/v1/token` of the sign-in service."""

    name = "sso"
    errors = ("sso",)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "GET /federation/credentials": self._role_credentials,
            "POST /token": self._create_token,
            "POST /v1/token": self._sign_in,
        }

    async def _role_credentials(self, exchange: Exchange) -> web.StreamResponse:
        """GetRoleCredentials."""
        exchange.received.operation = "token"
        await self.queued(exchange, (), "token")
        if not self.hub.accounts.is_sso_token(exchange.request.headers.get("x-amz-sso_bearer_token", "")):
            raise RequestRefused("wrong_session")
        query = exchange.request.query
        role = f"arn:aws:iam::{query.get('account_id')}:role/{query.get('role_name')}"
        if role not in self.hub.accounts.roles:
            raise RequestRefused("no_role")
        exchange.received.auth, exchange.received.identity = "sso", role
        key = self.hub.accounts.issue_aws_key(self.hub.tokens.lifetime, role)
        assert key.expires_at is not None
        made = {"accessKeyId": key.access_key, "secretAccessKey": key.secret_key, "sessionToken": key.session_token}
        return respond({"roleCredentials": {**made, "expiration": round(key.expires_at * 1000)}})

    async def _create_token(self, exchange: Exchange) -> web.StreamResponse:
        """CreateToken, with a refresh token."""
        body = self._begun(exchange)
        await self.queued(exchange, (), "token")
        if body.get("grantType") != "refresh_token":
            raise RequestRefused("wrong_grant")
        if (body.get("clientId"), body.get("clientSecret")) != (SSO_CLIENT, SSO_CLIENT_SECRET):
            raise RequestRefused("wrong_client")
        if body.get("refreshToken") != SSO_REFRESH_TOKEN:
            raise RequestRefused("wrong_refresh_token")
        token = self.hub.accounts.issue_sso_token(self.hub.tokens.lifetime)
        lives = {"tokenType": "Bearer", "expiresIn": int(self.hub.tokens.lifetime)}
        return respond({**lives, "accessToken": token, "refreshToken": SSO_REFRESH_TOKEN})

    async def _sign_in(self, exchange: Exchange) -> web.StreamResponse:
        """CreateOAuth2Token, with a refresh token, and a proof of possession of the session's key (RFC 9449)."""
        body = self._begun(exchange)
        await self.queued(exchange, (), "token")
        if body.get("clientId") != LOGIN_CLIENT or body.get("grantType") != "refresh_token":
            raise RequestRefused("wrong_login_grant", code="ValidationException")
        if not is_proof_of_possession(exchange.request.headers.get("dpop", ""), "POST", str(exchange.request.url)):
            raise RequestRefused("wrong_proof")
        if body.get("refreshToken") != LOGIN_REFRESH_TOKEN:
            raise RequestRefused("login_is_over")
        key = self.hub.accounts.issue_aws_key(self.hub.tokens.lifetime, self.hub.accounts.roles[0])
        exchange.received.auth, exchange.received.identity = "login", key.role_arn
        made = {"accessKeyId": key.access_key, "secretAccessKey": key.secret_key, "sessionToken": key.session_token}
        lives = {"tokenType": "aws_sigv4", "expiresIn": int(self.hub.tokens.lifetime)}
        return respond({**lives, "accessToken": made, "refreshToken": LOGIN_REFRESH_TOKEN})

    def _begun(self, exchange: Exchange) -> dict[str, Any]:
        """The request's body, of which what is received keeps nothing secret."""
        exchange.received.operation = "token"
        body = self.body(exchange)
        exchange.received.body = {name: body.get(name) for name in ("clientId", "grantType")}
        return body

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        if refusal.type is None:
            return {"message": refusal.message}
        return {"error": refusal.type, "error_description": refusal.message, "message": refusal.message}

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        refusal.headers.setdefault("x-amzn-ErrorType", str(refusal.code))
        return super().error(refusal)

    def headers(self, exchange: Exchange) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Headers on every answer."""
        return {"x-amzn-RequestId": str(uuid.uuid4())}
