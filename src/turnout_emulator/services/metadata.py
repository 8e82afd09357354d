"""What a machine is told of itself: the instance metadata of EC2 (version 2) and of Azure, and Azure Arc's agent.

Sources: docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html and
instance-metadata-security-credentials.html; learn.microsoft.com/entra/identity/managed-identities-azure-resources/
how-to-use-vm-token and learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from turnout_emulator.accounts import CLIENT, TENANT
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Hub, Service, respond
from turnout_emulator.tokens import VAULT_AUDIENCE

_ROLES = "/latest/meta-data/iam/security-credentials/"
_LONGEST = 21_600  # seconds that a session token of EC2's lives
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_AUDIENCES = frozenset(
    {"https://cognitiveservices.azure.com", "https://ai.azure.com", "https://management.azure.com", VAULT_AUDIENCE}
)


class MetadataService(Service):
    """`/latest/…` as on EC2; `/metadata/identity/oauth2/token` as on Azure's machines; `/arc/…`, on others."""

    name = "metadata"
    errors = ("metadata",)

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self._sessions: set[str] = set()

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {
            "PUT /latest/api/token": self._session,
            f"GET {_ROLES}": self._role,
            f"GET {_ROLES}{{role}}": self._credentials,
            "GET /metadata/identity/oauth2/token": self._azure,
            "GET /arc/metadata/identity/oauth2/token": self._arc,
        }

    async def _session(self, exchange: Exchange) -> web.StreamResponse:
        lifetime = exchange.request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not lifetime.isdecimal() or not 0 < int(lifetime) <= _LONGEST:
            raise RequestRefused("wrong_lifetime")
        token = secrets.token_urlsafe(40)
        self._sessions.add(token)
        return web.Response(text=token, headers={"x-aws-ec2-metadata-token-ttl-seconds": lifetime})

    async def _role(self, exchange: Exchange) -> web.StreamResponse:
        self._require_session(exchange)
        return web.Response(text=self._role_name())

    async def _credentials(self, exchange: Exchange) -> web.StreamResponse:
        exchange.received.operation = "token"
        self._require_session(exchange)
        await self.queued(exchange, (), "token")
        if exchange.request.match_info["role"] != self._role_name():
            raise RequestRefused("no_such_role")
        role = self.hub.accounts.roles[0]
        key = self.hub.accounts.issue_aws_key(self.hub.tokens.lifetime, role)
        assert key.expires_at is not None
        exchange.received.auth, exchange.received.identity = "instance", role
        times = (self.hub.accounts.clock(), key.expires_at)
        now, ends = (datetime.fromtimestamp(at, UTC).strftime(_FORMAT) for at in times)
        made = {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key, "Token": key.session_token}
        return respond({"Code": "Success", "LastUpdated": now, "Type": "AWS-HMAC", **made, "Expiration": ends})

    def _require_session(self, exchange: Exchange) -> None:
        if exchange.request.headers.get("x-aws-ec2-metadata-token") not in self._sessions:
            raise RequestRefused("no_session")

    def _role_name(self) -> str:
        return self.hub.accounts.roles[0].rpartition("/")[2]

    async def _azure(self, exchange: Exchange) -> web.StreamResponse:
        exchange.received.operation = "token"
        if exchange.request.query.get("api-version", "") < "2018-02-01":
            raise RequestRefused("wrong_api_version")
        await self.queued(exchange, (), "token")
        return self._token(exchange)

    async def _arc(self, exchange: Exchange) -> web.StreamResponse:
        """As Azure's, for those who can read a file that the agent names, which only a machine's own users can."""
        exchange.received.operation = "token"
        file = self.hub.accounts.arc_key_file
        if file is None or exchange.request.query.get("api-version") != "2020-06-01":
            raise RequestRefused("wrong_api_version")
        await self.queued(exchange, (), "token")
        scheme, key = exchange.authorization()
        if scheme != "basic" or not secrets.compare_digest(key, file.read_text(encoding="utf-8")):
            raise RequestRefused("arc_challenge", file=file)
        return self._token(exchange)

    def _token(self, exchange: Exchange) -> web.Response:
        request, accounts = exchange.request, self.hub.accounts
        if request.headers.get("metadata") != "true":
            raise RequestRefused("no_metadata_header")
        resource = request.query.get("resource", "").removesuffix("/.default").rstrip("/")
        if resource not in _AUDIENCES:
            raise RequestRefused("wrong_resource", resource=resource)
        client = request.query.get("client_id", CLIENT)
        if not accounts.has_identity(client):
            raise RequestRefused("no_such_identity")
        exchange.received.auth, exchange.received.identity = "managed-identity", client
        lifetime = int(self.hub.tokens.lifetime)
        token = self.hub.tokens.issue(client_id=client, tenant=TENANT, audience=resource)
        lives = {"expires_in": str(lifetime), "expires_on": str(int(accounts.clock()) + lifetime)}
        return respond(
            {"access_token": token, "client_id": client, **lives, "resource": resource, "token_type": "Bearer"}
        )

    def refusal(self, kind: str, *arguments: Any, **facts: Any) -> Refusal:
        """The error of a kind; Arc's names the file with its key."""
        made = super().refusal(kind, *arguments, **facts)
        if kind == "arc_challenge":
            made.headers["WWW-Authenticate"] = f"Basic realm={facts['file']}"
        return made

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        return {"error": refusal.code, "error_description": refusal.message}
