"""Microsoft Entra: discovery, client-credential tokens, and the managed-identity endpoint of App Service."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from turnout_emulator.accounts import CLIENT, IDENTITY_HEADER, TENANT
from turnout_emulator.answers import FailureKind
from turnout_emulator.refusals import Refusal
from turnout_emulator.services.base import Exchange, Service, respond

_KNOWN_AUDIENCES = frozenset(
    {"https://cognitiveservices.azure.com", "https://ai.azure.com", "https://management.azure.com"}
)
_SECRET = (401, "invalid_client", 7000215, "Invalid client secret provided.")
_TRANSIENT = (503, "temporarily_unavailable", 90033, "A transient error has occurred. Please try again.")
_LOOP = "The server terminated an operation because it encountered a client request loop."
_FAILURES: Mapping[FailureKind, tuple[int, str, int, str]] = {
    "authentication": _SECRET,
    "permission": _SECRET,
    "rate_limited": (429, "temporarily_unavailable", 50196, _LOOP),
    "server_error": _TRANSIENT,
    "overloaded": _TRANSIENT,
    "timeout": _TRANSIENT,
    "invalid_request": (400, "invalid_request", 900144, "The request body is invalid."),
}


class EntraService(Service):
    """`/{tenant}/oauth2/v2.0/token` and what leads there; `/msi/token` for managed identity."""

    name = "entra"

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""
        yield self.route("GET", "/common/discovery/instance", self.instance)
        yield self.route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", self.configuration)
        yield self.route("POST", "/{tenant}/oauth2/v2.0/token", self.token)
        yield self.route("GET", "/msi/token", self.managed_identity)
        yield self.route("*", "/{path:.*}", self.unknown_path)

    async def instance(self, exchange: Exchange) -> web.StreamResponse:
        """Instance discovery: says that this authority is a valid one."""
        host = exchange.request.host
        tenant = min(self.hub.accounts.tenants())
        where = f"{exchange.request.scheme}://{host}/{tenant}/v2.0/.well-known/openid-configuration"
        metadata = [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
        return respond({"tenant_discovery_endpoint": where, "api-version": "1.1", "metadata": metadata})

    async def configuration(self, exchange: Exchange) -> web.StreamResponse:
        """OpenID configuration of a tenant."""
        base = f"{exchange.request.scheme}://{exchange.request.host}/{self._tenant(exchange)}"
        return respond(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "tenant_region_scope": "EU",
            }
        )

    async def token(self, exchange: Exchange) -> web.StreamResponse:
        """A token for a client that proves who it is."""
        received = exchange.received
        received.operation = "token"
        tenant = self._tenant(exchange)
        form = {name: values[0] for name, values in parse_qs(exchange.body.decode("utf-8", "replace")).items()}
        received.body = {name: value for name, value in form.items() if name != "client_secret"}
        await self.queued(exchange, (), "token")
        if form.get("grant_type") != "client_credentials":
            raise _refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        client = self.hub.accounts.entra_client(form.get("client_id", ""))
        if client is None or client.tenant != tenant:
            raise _refusal(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{form.get('client_id')}' was not found in the directory '{tenant}'.",
            )
        received.identity = client.client_id
        if not secrets.compare_digest(form.get("client_secret", "").encode(), client.secret.encode()):
            raise _refusal(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client.client_id}'.",
            )
        scope = form.get("scope", "").split(" ")[0]
        audience = scope.removesuffix("/.default").rstrip("/")
        if not scope.endswith("/.default"):
            raise _refusal(
                400,
                "invalid_scope",
                1002012,
                f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
                "with /.default suffixed to the resource identifier (application ID URI).",
            )
        if audience not in _KNOWN_AUDIENCES:
            message = f"The resource principal named {audience} was not found in the tenant named {tenant}."
            raise _refusal(400, "invalid_resource", 500011, message)
        received.auth = "client-secret"
        await self.hub.pause(self.hub.delay)
        token = self.hub.tokens.issue(client_id=client.client_id, tenant=tenant, audience=audience)
        lifetime = int(self.hub.tokens.lifetime)
        return respond(
            {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        )

    async def managed_identity(self, exchange: Exchange) -> web.StreamResponse:
        """The token endpoint inside App Service (api-version 2019-08-01)."""
        request, received = exchange.request, exchange.received
        received.operation = "token"
        if request.headers.get("x-identity-header") != IDENTITY_HEADER:
            raise Refusal(401, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
        resource = request.query.get("resource", "").removesuffix("/.default").rstrip("/")
        if resource not in _KNOWN_AUDIENCES:
            raise Refusal(400, "invalid_resource", f"The resource {resource} was not found.")
        await self.queued(exchange, (), "token")
        client_id = request.query.get("client_id", CLIENT)
        received.auth, received.identity = "managed-identity", client_id
        return respond(
            {
                "access_token": self.hub.tokens.issue(client_id=client_id, tenant=TENANT, audience=resource),
                "client_id": client_id,
                "expires_on": str(int(self.hub.accounts.clock() + self.hub.tokens.lifetime)),
                "resource": resource,
                "token_type": "Bearer",
            }
        )

    async def unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        """Anything else."""
        raise Refusal(404, "not_found", f"No endpoint at {exchange.request.path}.")

    def _tenant(self, exchange: Exchange) -> str:
        tenant = exchange.request.match_info["tenant"]
        if tenant not in self.hub.accounts.tenants():
            raise _refusal(
                400,
                "invalid_tenant" if exchange.request.method == "GET" else "invalid_request",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
                "the correct cloud.",
            )
        return tenant

    def refusal(self, kind: FailureKind, *_: object, **__: object) -> Refusal:
        """Entra's error of a kind."""
        return _refusal(*(_FAILURES.get(kind) or _FAILURES["invalid_request"]))

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        return {"error": refusal.code, "error_description": refusal.message, **refusal.extra}


def _refusal(status: int, error: str, number: int, text: str) -> Refusal:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    extra: dict[str, Any] = {
        "error_codes": [number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    message = f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    return Refusal(status, error, message, extra=extra)
