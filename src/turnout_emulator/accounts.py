"""Who may call the emulated services: keys, Entra clients and AWS identities, and what has been issued to them.

Every value here is a made-up credential of the emulator; none opens anything else.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
AZURE_KEY = "turnout-emulator-azure-key"
OPENAI_KEY = "sk-turnout-emulator"
AWS_ACCESS_KEY = "AKIATURNOUTEMULATOR0"
AWS_SECRET_KEY = "turnout-emulator-aws-secret-key"  # noqa: S105
AWS_BEARER = "turnout-emulator-bedrock-key"
ENTRA_SECRET = "turnout-emulator-client-secret"  # noqa: S105
IDENTITY_HEADER = "turnout-emulator-identity"
CONTAINER_TOKEN = "turnout-emulator-container"  # noqa: S105
WEB_IDENTITY_TOKEN = "turnout-emulator.web-identity.token"  # noqa: S105
SSO_START_URL = "https://d-0123456789.awsapps.com/start"
SSO_ACCESS_TOKEN = "turnout-emulator.sso.token"  # noqa: S105
SSO_REFRESH_TOKEN = "turnout-emulator.sso.refresh"  # noqa: S105
SSO_CLIENT = "turnout-emulator-sso-client"
SSO_CLIENT_SECRET = "turnout-emulator-sso-client-secret"  # noqa: S105
LOGIN_CLIENT = "arn:aws:signin:::devtools/same-device"
LOGIN_REFRESH_TOKEN = "turnout-emulator.login.refresh"  # noqa: S105
ROLE_ARN = "arn:aws:iam::123456789012:role/turnout-emulator"


@dataclass(frozen=True, slots=True)
class EntraClient:
    """An app registration of a tenant.

    Attributes:
        client_id: The application's id.
        secret: Its secret.
        tenant: The tenant's id.
        certificate: The certificate that it may sign assertions with, as PEM.
        federated_token: A token of another issuer that is trusted instead.
    """

    client_id: str = CLIENT
    secret: str = field(default=ENTRA_SECRET, repr=False)
    tenant: str = TENANT
    certificate: bytes | None = field(default=None, repr=False)
    federated_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AwsKey:
    """An AWS access key; a temporary one has a session token and an expiry (Unix seconds)."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    role_arn: str | None = None


class Accounts:
    """The emulator's credentials.

    Args:
        azure_keys: API keys of the Azure resource, by name.
        openai_keys: API keys of the OpenAI-compatible server, by name.
        aws_keys: Access key to secret key.
        bedrock_keys: Bedrock API keys (`AWS_BEARER_TOKEN_BEDROCK`), by name.
        entra_clients: App registrations that may get a token.
        roles: ARNs of the roles that may be assumed; the first is that of containers and instances.
        external_ids: The external id that a role asks for.
        user_identities: Client ids of the managed identities besides the system's own; any when left out.
        arc_key_file: The file whose content Azure Arc's agent asks for.
        clock: The time, in Unix seconds.
    """

    def __init__(
        self,
        *,
        azure_keys: Mapping[str, str] | None = None,
        openai_keys: Mapping[str, str] | None = None,
        aws_keys: Mapping[str, str] | None = None,
        bedrock_keys: Mapping[str, str] | None = None,
        entra_clients: tuple[EntraClient, ...] = (EntraClient(),),
        roles: tuple[str, ...] = (ROLE_ARN,),
        external_ids: Mapping[str, str] | None = None,
        user_identities: tuple[str, ...] | None = None,
        arc_key_file: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.azure_keys = dict(azure_keys if azure_keys is not None else {"key1": AZURE_KEY})
        self.openai_keys = dict(openai_keys if openai_keys is not None else {"key1": OPENAI_KEY})
        self.bedrock_keys = dict(bedrock_keys if bedrock_keys is not None else {"key1": AWS_BEARER})
        self.entra_clients = entra_clients
        self.roles = roles
        self.external_ids = dict(external_ids or {})
        self.user_identities = user_identities
        self.arc_key_file = arc_key_file
        self.clock = clock
        static = aws_keys if aws_keys is not None else {AWS_ACCESS_KEY: AWS_SECRET_KEY}
        self._aws = {access: AwsKey(access, secret) for access, secret in static.items()}
        self._sso_tokens: dict[str, float | None] = {SSO_ACCESS_TOKEN: None}

    @property
    def aws_keys(self) -> tuple[AwsKey, ...]:
        """Every key, permanent or issued."""
        return tuple(self._aws.values())

    def aws_key(self, access_key: str) -> AwsKey | None:
        """The key with this id, permanent or issued."""
        return self._aws.get(access_key)

    def default_aws_key(self) -> AwsKey:
        """A permanent key."""
        return next(key for key in list(self._aws.values()) if key.session_token is None)

    def issue_aws_key(self, lifetime: float, role_arn: str) -> AwsKey:
        """Make a temporary key that is accepted for `lifetime` seconds."""
        access, secret, token = secrets.token_hex(8).upper(), secrets.token_urlsafe(30), secrets.token_urlsafe(60)
        key = AwsKey(f"ASIA{access}", secret, token, self.clock() + lifetime, role_arn)
        self._aws[key.access_key] = key
        return key

    def forget_aws_key(self, access_key: str) -> None:
        """Refuse a key from now on."""
        self._aws.pop(access_key, None)

    def add_aws_key(self, access_key: str, secret_key: str) -> None:
        """Accept another permanent key from now on."""
        self._aws[access_key] = AwsKey(access_key, secret_key)

    def is_sso_token(self, token: str) -> bool:
        """Whether a token of IAM Identity Center is accepted."""
        ends = self._sso_tokens.get(token, 0.0)
        return ends is None or self.clock() < ends

    def issue_sso_token(self, lifetime: float) -> str:
        """Make a token of IAM Identity Center that is accepted for `lifetime` seconds."""
        token = f"{SSO_ACCESS_TOKEN}.{secrets.token_urlsafe(20)}"
        self._sso_tokens[token] = self.clock() + lifetime
        return token

    def has_identity(self, client_id: str) -> bool:
        """Whether there is a managed identity with this client id."""
        return self.user_identities is None or client_id in {CLIENT, *self.user_identities}

    def entra_client(self, client_id: str) -> EntraClient | None:
        """The app registration with this id."""
        return next((client for client in self.entra_clients if client.client_id == client_id), None)

    def tenants(self) -> set[str]:
        """The tenants that exist."""
        return {client.tenant for client in self.entra_clients}


def key_named(keys: Mapping[str, str], value: str) -> str | None:
    """The name of the key with this value, compared in constant time."""
    for name, key in keys.items():
        if secrets.compare_digest(key.encode(), value.encode()):
            return name
    return None
