"""Microsoft Entra: discovery, client-credential tokens, and the managed-identity endpoint of App Service."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from turnout_emulator.accounts import CLIENT, IDENTITY_HEADER, TENANT, EntraClient
from turnout_emulator.answers import Failure
from turnout_emulator.assertions import is_signed
from turnout_emulator.control import Received
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Service, parse_form, respond
from turnout_emulator.tokens import VAULT_AUDIENCE

_KNOWN_AUDIENCES = frozenset(
    {"https://cognitiveservices.azure.com", "https://ai.azure.com", "https://management.azure.com", VAULT_AUDIENCE}
)

_APP_SERVICE = "app_service"
_PROOFS = frozenset({"client_secret", "client_assertion"})
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ENDPOINTS = {
    "token_endpoint": "oauth2/v2.0/token",
    "jwks_uri": "discovery/v2.0/keys",
    "issuer": "v2.0",
    "authorization_endpoint": "oauth2/v2.0/authorize",
    "device_authorization_endpoint": "oauth2/v2.0/devicecode",
}


class EntraService(Service):
    """`/{tenant}/oauth2/v2.0/token` and what leads there; `/msi/token` for managed identity."""

    name = "entra"
    errors = ("entra",)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "GET /common/discovery/instance": self._instance,
            "GET /{tenant}/v2.0/.well-known/openid-configuration": self._configuration,
            "POST /{tenant}/oauth2/v2.0/token": self._token,
            "GET /msi/token": self._managed_identity,
        }

    async def _instance(self, exchange: Exchange) -> web.StreamResponse:
        """Instance discovery: says that this authority is a valid one."""
        host = exchange.request.host
        tenant = min(self.hub.accounts.tenants())
        where = f"{exchange.request.scheme}://{host}/{tenant}/v2.0/.well-known/openid-configuration"
        metadata = [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
        return respond({"tenant_discovery_endpoint": where, "api-version": "1.1", "metadata": metadata})

    async def _configuration(self, exchange: Exchange) -> web.StreamResponse:
        """OpenID configuration of a tenant."""
        base = f"{exchange.request.scheme}://{exchange.request.host}/{self._tenant(exchange)}"
        methods = ["client_secret_post", "client_secret_basic"]
        fixed = {"token_endpoint_auth_methods_supported": methods, "tenant_region_scope": "EU"}
        return respond({**fixed, **{name: f"{base}/{path}" for name, path in _ENDPOINTS.items()}})

    async def _token(self, exchange: Exchange) -> web.StreamResponse:
        received = exchange.received
        received.operation = "token"
        tenant = self._tenant(exchange)
        form = parse_form(exchange.body)
        received.body = {
            name: value for name, value in form.items() if name not in {"client_secret", "client_assertion"}
        }
        await self.queued(exchange, (), "token")
        if form.get("grant_type") != "client_credentials":
            raise RequestRefused("wrong_grant")
        client = self.hub.accounts.entra_client(form.get("client_id", ""))
        if client is None or client.tenant != tenant:
            raise RequestRefused("unknown_client", client=form.get("client_id"), tenant=tenant)
        received.identity = client.client_id
        received.auth = self._authenticated(form, client)
        scope = form.get("scope", "").split(" ")[0]
        audience = scope.removesuffix("/.default").rstrip("/")
        if not scope.endswith("/.default"):
            raise RequestRefused("wrong_scope", scope=scope)
        if audience not in _KNOWN_AUDIENCES:
            raise RequestRefused("unknown_resource", audience=audience, tenant=tenant)
        await self.hub.pause(self.hub.delay)
        token = self.hub.tokens.issue(client_id=client.client_id, tenant=tenant, audience=audience)
        lifetime = int(self.hub.tokens.lifetime)
        lives = {"expires_in": lifetime, "ext_expires_in": lifetime}
        return respond({"token_type": "Bearer", **lives, "access_token": token})

    def _authenticated(self, form: Mapping[str, str], client: EntraClient) -> str:
        """How a client proved who it is: by a secret, or by an assertion (RFC 7523) that is signed or federated."""
        assertion = form.get("client_assertion")
        if assertion is None:
            if not secrets.compare_digest(form.get("client_secret", "").encode(), client.secret.encode()):
                raise RequestRefused("wrong_secret", client=client.client_id)
            return "client-secret"
        if form.get("client_assertion_type") != _ASSERTION:
            raise RequestRefused("wrong_assertion", why="client_assertion_type is not supported")
        if client.federated_token is not None and secrets.compare_digest(assertion, client.federated_token):
            return "federated"
        if client.certificate is None or not is_signed(assertion, client.certificate):
            raise RequestRefused("wrong_assertion", why="The signature is invalid, or the key is not registered")
        return "certificate"

    async def _managed_identity(self, exchange: Exchange) -> web.StreamResponse:
        """The token endpoint inside App Service (api-version 2019-08-01)."""
        request, received = exchange.request, exchange.received
        received.operation = "token"
        if request.headers.get("x-identity-header") != IDENTITY_HEADER:
            raise RequestRefused("wrong_identity_header")
        resource = request.query.get("resource", "").removesuffix("/.default").rstrip("/")
        if resource not in _KNOWN_AUDIENCES:
            raise RequestRefused("unknown_identity_resource", resource=resource)
        await self.queued(exchange, (), "token")
        client_id = request.query.get("client_id", CLIENT)
        if not self.hub.accounts.has_identity(client_id):
            raise RequestRefused("unknown_identity")
        received.auth, received.identity = "managed-identity", client_id
        token = self.hub.tokens.issue(client_id=client_id, tenant=TENANT, audience=resource)
        expiry = str(int(self.hub.accounts.clock() + self.hub.tokens.lifetime))
        asked = {"client_id": client_id, "resource": resource}
        return respond({"token_type": "Bearer", "expires_on": expiry, **asked, "access_token": token})

    def _tenant(self, exchange: Exchange) -> str:
        tenant = exchange.request.match_info["tenant"]
        if tenant not in self.hub.accounts.tenants():
            code = "invalid_tenant" if exchange.request.method == "GET" else "invalid_request"
            raise RequestRefused("unknown_tenant", tenant=tenant, code=code)
        return tenant

    def refusal(self, kind: str, received: Received, failure: Failure | None = None, **facts: object) -> Refusal:
        """Entra's error of a kind; those of the token endpoint have a number and can be traced."""
        refusal = super().refusal(kind, received, failure, **facts)
        if refusal.type is not None:
            trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
            stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            uri = f"https://login.microsoftonline.com/error?code={refusal.type}"
            refusal.extra = {"error_codes": [int(refusal.type)], "timestamp": stamp, "error_uri": uri}
            refusal.extra |= {"trace_id": trace, "correlation_id": correlation}
            traced = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
            refusal.message = f"AADSTS{refusal.type}: {refusal.message} {traced}"
        return refusal

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error; App Service's has members of its own, as MSAL reads them."""
        if refusal.code == _APP_SERVICE:
            return {"statusCode": refusal.status, "message": refusal.message}
        return {"error": refusal.code, "error_description": refusal.message, **refusal.extra}
