"""Microsoft Entra: discovery, client-credential tokens, and the managed-identity endpoint of App Service."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from turnout_emulator.accounts import CLIENT, IDENTITY_HEADER, TENANT
from turnout_emulator.answers import Failure, FailureKind, Raw
from turnout_emulator.control import Received
from turnout_emulator.refusals import Refusal
from turnout_emulator.services.base import Exchange, Service, dumps, raw

KNOWN_AUDIENCES = frozenset(
    {"https://cognitiveservices.azure.com", "https://ai.azure.com", "https://management.azure.com"}
)


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

    def expired_token(self, scope: str = "https://cognitiveservices.azure.com/.default") -> str:
        """A token that has expired already."""
        return self.issue(scope, lifetime=-60.0)

    def issue(self, scope: str, *, lifetime: float | None = None, client_id: str = CLIENT, tenant: str = TENANT) -> str:
        """A token for a scope, e.g. one that the services don't accept; `lifetime` in seconds."""
        audience = scope.removesuffix("/.default")
        return self.hub.tokens.issue(client_id=client_id, tenant=tenant, audience=audience, lifetime=lifetime)

    def revoke_all(self) -> None:
        """Refuse every token issued so far."""
        self.hub.tokens.revoke_all()

    def _base(self, exchange: Exchange) -> str:
        return f"{exchange.request.scheme}://{exchange.request.host}"

    async def instance(self, exchange: Exchange) -> web.StreamResponse:
        """Instance discovery: says that this authority is a valid one."""
        base = self._base(exchange)
        host = exchange.request.host
        tenant = next(iter(sorted(self.hub.accounts.tenants())))
        return _json(
            {
                "tenant_discovery_endpoint": f"{base}/{tenant}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    async def configuration(self, exchange: Exchange) -> web.StreamResponse:
        """OpenID configuration of a tenant."""
        tenant = self._tenant(exchange)
        base = f"{self._base(exchange)}/{tenant}"
        return _json(
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
        exchange.received.operation = "token"
        tenant = self._tenant(exchange)
        form = {name: values[0] for name, values in parse_qs(exchange.body.decode("utf-8", "replace")).items()}
        exchange.received.body = {name: value for name, value in form.items() if name != "client_secret"}
        item = await self.queued(exchange, (), "token")
        if isinstance(item, Raw):
            return raw(item)
        if form.get("grant_type") != "client_credentials":
            raise _entra_error(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        client = self.hub.accounts.entra_client(form.get("client_id", ""))
        if client is None or client.tenant != tenant:
            raise _entra_error(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{form.get('client_id')}' was not found in the directory '{tenant}'.",
            )
        exchange.received.identity = client.client_id
        if not secrets.compare_digest(form.get("client_secret", "").encode(), client.secret.encode()):
            raise _entra_error(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client.client_id}'.",
            )
        scope = form.get("scope", "").split(" ")[0]
        audience = scope.removesuffix("/.default").rstrip("/")
        if not scope.endswith("/.default"):
            raise _entra_error(
                400,
                "invalid_scope",
                1002012,
                f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
                "with /.default suffixed to the resource identifier (application ID URI).",
            )
        if audience not in KNOWN_AUDIENCES:
            raise _entra_error(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {audience} was not found in the tenant named {tenant}.",
            )
        exchange.received.auth = "client-secret"
        await self.hub.pause(self.hub.delay)
        token = self.hub.tokens.issue(client_id=client.client_id, tenant=tenant, audience=audience)
        lifetime = int(self.hub.tokens.lifetime)
        return _json(
            {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        )

    async def managed_identity(self, exchange: Exchange) -> web.StreamResponse:
        """The token endpoint inside App Service (api-version 2019-08-01)."""
        exchange.received.operation = "token"
        request = exchange.request
        if request.headers.get("x-identity-header") != IDENTITY_HEADER:
            raise Refusal(401, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
        resource = request.query.get("resource", "").removesuffix("/.default").rstrip("/")
        if resource not in KNOWN_AUDIENCES:
            raise Refusal(400, "invalid_resource", f"The resource {resource} was not found.")
        item = await self.queued(exchange, (), "token")
        if isinstance(item, Raw):
            return raw(item)
        client_id = request.query.get("client_id", CLIENT)
        exchange.received.auth, exchange.received.identity = "managed-identity", client_id
        token = self.hub.tokens.issue(client_id=client_id, tenant=TENANT, audience=resource)
        expires = int(self.hub.accounts.clock() + self.hub.tokens.lifetime)
        return _json(
            {
                "access_token": token,
                "client_id": client_id,
                "expires_on": str(expires),
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
            raise _entra_error(
                400,
                "invalid_tenant" if exchange.request.method == "GET" else "invalid_request",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
                "the correct cloud.",
            )
        return tenant

    def overflow_message(self, tokens: int, context: int, wire: str | None) -> str:  # noqa: ARG002 - no model here
        """Entra reads no prompts."""
        return "The request is too long."

    def refusal(self, kind: FailureKind, received: Received, failure: Failure | None = None) -> Refusal:  # noqa: ARG002
        """Entra's error of a kind."""
        match kind:
            case "authentication" | "permission":
                return _entra_error(401, "invalid_client", 7000215, "Invalid client secret provided.")
            case "rate_limited":
                return _entra_error(
                    429,
                    "temporarily_unavailable",
                    50196,
                    "The server terminated an operation because it encountered a client request loop.",
                )
            case "server_error" | "overloaded" | "timeout":
                return _entra_error(
                    503, "temporarily_unavailable", 90033, "A transient error has occurred. Please try again."
                )
        return _entra_error(400, "invalid_request", 900144, "The request body is invalid.")

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        body = {"error": refusal.code, "error_description": refusal.message, **refusal.extra}
        return web.Response(
            status=refusal.status, headers=refusal.headers, body=dumps(body), content_type="application/json"
        )


def _entra_error(status: int, error: str, number: int, text: str) -> Refusal:
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


def _json(value: dict[str, Any]) -> web.Response:
    return web.Response(text=json.dumps(value), content_type="application/json")
