"""AWS: a bearer token, static keys, a role to assume, a profile, or boto3's default chain.

`auth = "auto"` takes them in that order. AWS's own rule is kept: with nothing in the settings,
`AWS_BEARER_TOKEN_BEDROCK` wins over keys
(docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import CredentialError
from turnout.providers.credentials import Credential
from turnout.providers.credentials.aws_errors import unobtainable
from turnout.providers.credentials.aws_refresh import renewable_class
from turnout.providers.credentials.aws_sessions import Given, chain_session, endpoint_variants, own_session
from turnout.redaction import redact, shown, without_secrets
from turnout.settings.aws_profiles import to_sign_in, with_mfa
from turnout.settings.secrets import plain

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
"""Methods → the setting that each needs, in the order in which `auto` takes them."""

_OF_A_PROFILE = {
    "sso": ("sso",),
    "login": ("login",),
    "process": ("custom-process",),
    "profile": (
        *("assume-role", "assume-role-with-web-identity", "sso"),
        *("shared-credentials-file", "login", "custom-process", "config-file"),
    ),
}
_OF_THE_MACHINE = {
    "web-identity": ("assume-role-with-web-identity",),
    "container": ("container-role",),
    "instance-metadata": ("iam-role",),
}
"""Methods → the providers of botocore that may be asked, and no others."""

_WHENCE = {
    "web-identity": "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN",
    "container": "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI",
    "instance-metadata": "the role of the EC2 instance",
}
_KEYS = {"sso": "sso_session", "login": "login_session", "process": "credential_process"}

_CHAIN = (
    "environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
    "shared credentials and config files: no usable profile (AWS_PROFILE, ~/.aws/credentials, ~/.aws/config)",
    "SSO and 'aws login': no session in the profile",
    "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is not set",
    "EC2 instance metadata: no role answered",
)


def choose(backend: BedrockBackend) -> Credential:
    """The credential that a backend's settings amount to, or `CredentialError`. Nothing is fetched."""
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
        case "default-chain":
            why = "boto3's: environment, files, SSO, container, instance"
        case _:
            why = _whence(backend, method)
    return Credential(method, why)


def _whence(backend: BedrockBackend, method: str) -> str:
    """Where a method that `auth` names has its credential from."""
    if method in _OF_A_PROFILE or (backend.profile and method == "web-identity"):
        return f"of the profile {shown(backend.profile or 'default')}"
    return _WHENCE[method]


def as_found(credential: Credential, made: botocore.session.Session) -> Credential:
    """A choice that leaves open what a profile or the default chain has, with what was found."""
    if credential.method == "default-chain":
        return Credential(credential.method, f"found by boto3's {made.get_credentials().method!r}")
    if credential.method == "profile":
        return Credential(credential.method, f"{credential.why}, found by boto3's {made.get_credentials().method!r}")
    return credential


class _Token:
    """A bearer token in botocore's form."""

    def __init__(self, token: SecretStr | None) -> None:
        self._token = token

    def get_frozen_token(self) -> Any:
        from botocore.tokens import FrozenAuthToken

        return FrozenAuthToken(plain(self._token))


def session(backend: BedrockBackend, credential: Credential) -> botocore.session.Session:
    """A botocore session that signs with the chosen credential, refreshing it for as long as the process lives."""
    made = _session(backend, credential.method)
    if credential.method == "bearer-token":
        made.register_component("token_provider", Given(_Token(backend.bearer_token)))
    elif credential.method == "static-keys":
        _set_keys(backend, made)
    else:
        found = _found(backend, credential, made)
        way = to_sign_in(made)
        kept = renewable_class()(
            lambda: _found(backend, credential, _session(backend, credential.method)), found, way[1] if way else ""
        )
        made.register_component("credential_provider", Given(kept))
    return made


def _session(backend: BedrockBackend, method: str) -> botocore.session.Session:
    """A session that finds what a method begins with, and nothing else."""
    if method in {"bearer-token", "static-keys"} or (method == "assumed-role" and backend.access_key_id):
        return own_session(backend)
    if method in _OF_THE_MACHINE and not (method == "web-identity" and backend.profile):
        return own_session(backend, _OF_THE_MACHINE[method])
    if method in {"default-chain", "assumed-role"} and not (method == "assumed-role" and backend.profile):
        return chain_session(backend)
    return chain_session(backend, {**_OF_A_PROFILE, **_OF_THE_MACHINE}.get(method, _OF_A_PROFILE["profile"]))


def _set_keys(backend: BedrockBackend, made: botocore.session.Session) -> None:
    made.set_credentials(backend.access_key_id, plain(backend.secret_access_key), plain(backend.session_token))


def _found(backend: BedrockBackend, credential: Credential, made: botocore.session.Session) -> Any:
    """The credentials of a session's provider, or of the role that is assumed with them."""
    if credential.method != "assumed-role":
        return _loaded(credential, made)
    if backend.access_key_id:
        from botocore.credentials import Credentials

        keys = (backend.access_key_id, plain(backend.secret_access_key), plain(backend.session_token))
        return _role(backend, made, Credentials(*keys))
    return _role(backend, made, _loaded(credential, made))


def _loaded(credential: Credential, made: botocore.session.Session) -> Any:
    """What a session's provider has.

    Raises:
        CredentialError: It has none, or one that a person would have to be asked for.
    """
    from botocore.exceptions import BotoCoreError

    named = credential.method if credential.method in {*_OF_A_PROFILE, *_OF_THE_MACHINE} else ""
    try:
        found, why = made.get_component("credential_provider").load_credentials(), ""
    except (BotoCoreError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        # ValueError is of a number that isn't one, OSError of a program that isn't there; the others are of answers.
        way = to_sign_in(made)
        wrong = unobtainable(error, named or "the default chain", way[1] if way else "")
        if wrong is not None and (named or way):
            raise wrong from without_secrets(error)
        found, why = None, redact(str(error))
    if found is None:
        raise _nothing(credential, named, why)
    if found.method == "assume-role" and (profile := with_mfa(made)) is not None:
        msg = (
            f"AWS profile {shown(profile)} needs an MFA code (mfa_serial), and nobody is asked for one during a call. "
            "Get temporary keys with `aws sts get-session-token` or a profile with SSO, and name those instead"
        )
        raise CredentialError(msg, tried=(f"profile {shown(profile)}: needs an MFA code",))
    return found


def _nothing(credential: Credential, named: str, why: str) -> CredentialError:
    """The error for a method or chain that has no credential."""
    if not named:
        tried = (*_CHAIN, why) if why else _CHAIN
        listed = "\n".join(f"  - {line}" for line in tried)
        return CredentialError(
            f"No AWS credential. Tried, after bearer_token, keys, role_arn and profile in the settings:\n{listed}",
            tried=tried,
        )
    if not why and named in _OF_THE_MACHINE:
        why = "no role answered" if named == "instance-metadata" else "those variables aren't set"
    if not why and named == "profile":
        why = "it has none; auth = 'default-chain' goes on to containers and instances"
    why = why or f"the profile has no {_KEYS[named]}"
    return CredentialError(f"No AWS credential from {named!r} ({credential.why}): {why}", tried=(f"{named}: {why}",))


def _role(backend: BedrockBackend, made: botocore.session.Session, source: Any) -> Any:
    """The credentials of the settings' role, assumed with `source`, and anew before they expire."""
    from botocore import credentials
    from botocore.config import Config

    def create_client(service: str, **kwargs: Any) -> Any:
        return made.create_client(
            service,
            endpoint_url=backend.sts_endpoint,
            verify=backend.ca_bundle or made.get_config_variable("ca_bundle") or True,
            config=Config(
                signature_version="v4",
                connect_timeout=backend.connect_timeout,
                read_timeout=min(backend.timeout, _PATIENCE),
                **endpoint_variants(made, backend.sts_endpoint),
            ),
            **kwargs,
        )

    external = {"ExternalId": backend.external_id} if backend.external_id else {}
    fetcher = credentials.AssumeRoleCredentialFetcher(
        create_client, source, backend.role_arn, extra_args={"RoleSessionName": backend.role_session_name, **external}
    )
    return credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
