"""AWS: a bearer token, static keys, a role to assume, a profile, or boto3's default chain.

`auth = "auto"` takes them in that order. AWS's own rule is kept: with nothing in the settings,
`AWS_BEARER_TOKEN_BEDROCK` wins over keys
(docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import CredentialError
from turnout.providers.credentials import Credential
from turnout.providers.credentials.aws_session import chain_session, endpoint_variants, own_session
from turnout.redaction import redact, shown
from turnout.transport.blocking import within_deadline
from turnout.transport.deadline import remaining

if TYPE_CHECKING:
    import botocore.session
    from pydantic import SecretStr

    from turnout.settings import BedrockBackend

_PATIENCE = 20.0  # seconds for the next bytes of STS; botocore's own is 60

_NEEDS = {
    "bearer-token": "bearer_token",
    "static-keys": "access_key_id",
    "assumed-role": "role_arn",
    "profile": "profile",
}

_CHAIN = (
    "environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
    "shared credentials and config files: no usable profile (AWS_PROFILE, ~/.aws/credentials, ~/.aws/config)",
    "SSO and 'aws login': no session in the profile",
    "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is not set",
    "EC2 instance metadata: no role answered",
)


def choose(backend: BedrockBackend) -> Credential:
    """The credential that a backend's settings amount to. Nothing is fetched.

    Raises:
        CredentialError: `auth` names a method whose settings are incomplete.
    """
    method: str = backend.auth
    if method == "auto":
        method = next((name for name, field in _NEEDS.items() if getattr(backend, field)), "default-chain")
    field = _NEEDS.get(method)
    if field is not None and not getattr(backend, field):
        raise CredentialError(f"auth = {method!r} needs {field}", tried=(f"{method}: lacks {field}",))
    match method:
        case "bearer-token":
            why = f"from {backend.origin('bearer_token')}"
        case "static-keys":
            key = backend.access_key_id or ""
            why = f"…{key[-4:] if len(key) > 8 else ''} from {backend.origin('access_key_id')}"
        case "assumed-role":
            arn = backend.role_arn or ""
            source = f"profile {shown(backend.profile)}" if backend.profile else "the default chain"
            source = "static keys" if backend.access_key_id else source
            why = f"{redact(arn) if arn.startswith('arn:') else shown(arn)} from {source}"
        case "profile":
            why = f"{shown(backend.profile)} from {backend.origin('profile')}"
        case _:
            why = "boto3's: environment, files, SSO, container, instance"
    return Credential(method, why)


class _BearerToken:
    """A botocore token provider that has one token."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def load_token(self, **_: Any) -> _BearerToken:
        return self

    def get_frozen_token(self) -> Any:
        from botocore.tokens import FrozenAuthToken

        return FrozenAuthToken(self._token.get_secret_value())


def session(backend: BedrockBackend, credential: Credential) -> botocore.session.Session:
    """A botocore session that signs with the chosen credential, refreshing it for as long as the process lives."""
    own = credential.method == "bearer-token" or (
        bool(backend.access_key_id) and credential.method in {"static-keys", "assumed-role"}
    )
    made = own_session(backend) if own else chain_session(backend)
    if credential.method == "bearer-token":
        assert backend.bearer_token is not None
        made.register_component("token_provider", _BearerToken(backend.bearer_token))
        return made
    if own:
        assert backend.access_key_id is not None
        assert backend.secret_access_key is not None
        made.set_credentials(
            backend.access_key_id,
            backend.secret_access_key.get_secret_value(),
            backend.session_token.get_secret_value() if backend.session_token else None,
        )
    _require_credential(made)
    return _assume(backend, made) if credential.method == "assumed-role" else made


def _require_credential(made: botocore.session.Session) -> None:
    from botocore.exceptions import BotoCoreError

    try:
        found, why = made.get_credentials(), ""
    except (BotoCoreError, ValueError) as error:  # the latter of a number in the environment that isn't one
        found, why = None, redact(str(error))
    if found is None:
        tried = (*_CHAIN, why) if why else _CHAIN
        listed = "\n".join(f"  - {line}" for line in tried)
        msg = f"No AWS credential. Tried, after bearer_token, keys, role_arn and profile in the settings:\n{listed}"
        raise CredentialError(msg, tried=tried)


def needs_refresh(credentials: Any) -> bool:
    """Whether botocore would ask for new credentials before it signs with these."""
    return bool(getattr(credentials, "refresh_needed", lambda: False)())


def refreshed(credentials: Any) -> Any:
    """The credentials, refreshed if they have to be; that takes no longer than the call's deadline allows.

    Raises:
        ServiceTimeoutError: The deadline passed.
    """
    if remaining() is not None and needs_refresh(credentials):
        within_deadline("AWS credentials", credentials.get_frozen_credentials)
    return credentials


def _assume(backend: BedrockBackend, source: botocore.session.Session) -> botocore.session.Session:
    """A session whose credentials are a role's, assumed anew before they expire."""
    from botocore import credentials
    from botocore.config import Config

    def create_client(service: str, **kwargs: Any) -> Any:
        return source.create_client(
            service,
            endpoint_url=backend.sts_endpoint,
            verify=backend.ca_bundle or source.get_config_variable("ca_bundle") or True,
            config=Config(
                signature_version="v4",
                connect_timeout=backend.connect_timeout,
                read_timeout=min(backend.timeout, _PATIENCE),
                **endpoint_variants(source, backend.sts_endpoint),
            ),
            **kwargs,
        )

    external = {"ExternalId": backend.external_id} if backend.external_id else {}
    fetcher = credentials.AssumeRoleCredentialFetcher(
        create_client,
        source.get_credentials(),
        backend.role_arn,
        extra_args={"RoleSessionName": backend.role_session_name, **external},
    )

    class Role(credentials.CredentialProvider):  # type: ignore[misc] # botocore has no types
        METHOD = "assume-role"

        def load(self) -> Any:
            return credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)

    made = own_session(backend) if backend.access_key_id else chain_session(backend)
    made.set_config_variable("region", source.get_config_variable("region"))
    made.register_component("credential_provider", credentials.CredentialResolver([Role()]))
    return made
