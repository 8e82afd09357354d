"""AWS: a bearer token, static keys, a role to assume, a profile, or boto3's default chain.

`auth = "auto"` takes them in that order. AWS's own rule is kept: with nothing in the settings,
`AWS_BEARER_TOKEN_BEDROCK` wins over keys
(docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html).
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from turnout.errors import CredentialError, SettingsError
from turnout.providers.credentials import Credential
from turnout.providers.credentials.aws_clients import session_class
from turnout.redaction import redact, shown, without_secrets
from turnout.settings.secrets import plain
from turnout.transport.answers.unreadable import shortened
from turnout.transport.blocking import within_deadline

if TYPE_CHECKING:
    import botocore.session
    from pydantic import SecretStr

    from turnout.settings import BedrockBackend

_log = logging.getLogger(__name__)

_PATIENCE = 20.0  # seconds for the next bytes of STS; botocore's own is 60

_NEEDS = {
    "bearer-token": "bearer_token",
    "static-keys": "access_key_id",
    "assumed-role": "role_arn",
    "profile": "profile",
}

_ASSUME = "The role's trust policy has to let that identity assume it, and its own policy sts:AssumeRole."
_OPERATIONS = {
    "AssumeRole": _ASSUME,
    "AssumeRoleWithWebIdentity": "The role's trust policy has to name the identity provider, and the token's subject.",
    "GetRoleCredentials": "The profile's sso_account_id and sso_role_name have to be assigned to you.",
}
"""Operations that get a credential → what to do where the identity may not have it."""

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "ForbiddenException"})
_NO_ANSWER = "Check its address, and what stands before it."
_WRONG_SOURCE = "Check the credential that it is got with."

_FAILURES = {
    "SSOError": "Sign in anew: `aws sso login`, with --profile where it is a profile's.",
    "LoginError": "Sign in anew: `aws login`, with --profile where it is a profile's.",
    "TokenRetrievalError": "Sign in anew: `aws sso login`, with --profile where it is a profile's.",
    "CredentialRetrievalError": "",
    "MetadataRetrievalError": "",
    "PartialCredentialsError": "",
    "RefreshWithMFAUnsupportedError": "",
    "InvalidConfigError": "",
}
"""What botocore fails with when a credential can't be got → what to do."""

_UNREADABLE = (LookupError, TypeError, AttributeError, ValueError)
"""What botocore's parsers, and what reads on from there, fail with where the answer is a page, or another's."""

_CHAIN = (
    "environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
    "shared credentials and config files: no usable profile (AWS_PROFILE, ~/.aws/credentials, ~/.aws/config)",
    "SSO and 'aws login': no session in the profile",
    "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is not set",
    "EC2 instance metadata: no role answered",
)

# What has its place in turnout's settings, or no bearing on its calls. Some values of these would break a call, keep a
# thread waiting, ask the instance's metadata, or send each call's key id to some address. botocore's default holds.
_FIXED = (
    *("account_id_endpoint_mode", "auth_scheme_preference", "data_path", "defaults_mode", "max_attempts", "retry_mode"),
    *("csm_client_id", "csm_enabled", "csm_host", "csm_port", "disable_host_prefix_injection", "tcp_keepalive"),
    *("disable_request_compression", "request_min_compression_size_bytes", "endpoint_discovery_enabled"),
    *("request_checksum_calculation", "response_checksum_validation", "s3_disable_express_session_auth"),
    *("sigv4a_signing_region_set", "sts_regional_endpoints"),
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
        case _:
            why = "boto3's: environment, files, SSO, container, instance"
    return Credential(method, why)


class _BearerToken:
    """A botocore token provider that has one token."""

    def __init__(self, token: SecretStr | None) -> None:
        self._token = token

    def load_token(self, **_: Any) -> _BearerToken:
        return self

    def get_frozen_token(self) -> Any:
        from botocore.tokens import FrozenAuthToken

        return FrozenAuthToken(plain(self._token))


def session(backend: BedrockBackend, credential: Credential) -> botocore.session.Session:
    """A botocore session that signs with the chosen credential, refreshing it for as long as the process lives."""
    if credential.method == "bearer-token":
        made = _own_session(backend)
        made.register_component("token_provider", _BearerToken(backend.bearer_token))
        return made
    if backend.access_key_id and credential.method in {"static-keys", "assumed-role"}:
        made = _own_session(backend)
        made.set_credentials(backend.access_key_id, plain(backend.secret_access_key), plain(backend.session_token))
    else:
        made = _chain_session(backend)
    _require_credential(made)
    return _assume(backend, made) if credential.method == "assumed-role" else made


def _require_credential(made: botocore.session.Session) -> None:
    from botocore.exceptions import BotoCoreError

    try:
        found, why = made.get_credentials(), ""
    except (BotoCoreError, ValueError, OSError) as error:  # of a number that isn't one, and a program that isn't there
        found, why = None, redact(str(error))
    if found is None:
        tried = (*_CHAIN, why) if why else _CHAIN
        listed = "\n".join(f"  - {line}" for line in tried)
        msg = f"No AWS credential. Tried, after bearer_token, keys, role_arn and profile in the settings:\n{listed}"
        raise CredentialError(msg, tried=tried)
    if found.method == "assume-role" and (profile := _profile_with_mfa(made)) is not None:
        msg = (
            f"AWS profile {shown(profile)} needs an MFA code (mfa_serial), and nobody is asked for one during a call. "
            "Get temporary keys with `aws sts get-session-token` or a profile with SSO, and name those instead"
        )
        raise CredentialError(msg, tried=(f"profile {shown(profile)}: needs an MFA code",))


def _profile_with_mfa(made: botocore.session.Session) -> str | None:
    """The profile whose role is assumed with an MFA code, for which botocore would ask on standard input."""
    profiles = made.full_config.get("profiles", {})
    name, seen = made.profile or "default", set[str]()
    while name in profiles and name not in seen:
        seen.add(name)
        if profiles[name].get("role_arn") and profiles[name].get("mfa_serial"):
            return str(name)
        name = profiles[name].get("source_profile")
    return None


def needs_refresh(credentials: Any) -> bool:
    """Whether botocore would ask for new credentials before it signs with these."""
    return bool(getattr(credentials, "refresh_needed", lambda: False)())


def refreshed(credentials: Any) -> Any:
    """The credentials, refreshed if they have to be; that takes no longer than the call's deadline allows.

    Raises:
        CredentialError: There are none to be had.
    """
    if needs_refresh(credentials):
        within_deadline("AWS credentials", refresh, credentials)
    return credentials


def refresh(credentials: Any) -> None:
    """Refresh credentials, however long it takes.

    Raises:
        CredentialError: There are none to be had. A service that can't be reached, or fails, raises botocore's error.
    """
    try:
        credentials.get_frozen_credentials()
    except Exception as error:
        made = _unobtainable(error, credentials)
        if made is None:
            raise
        raise made from without_secrets(error)


def _unobtainable(error: Exception, credentials: Any) -> CredentialError | None:
    """The error for credentials that can't be had, unless the reason may pass."""
    advice = _advice(error)
    if advice is None:
        return None
    method, said = credentials.method, redact(str(error)).rstrip(".")
    if advice == _NO_ANSWER:
        said = f"what answered gave none that can be read ({type(error).__name__}: {shortened(said)})"
    return CredentialError(
        f"No AWS credential from {method!r}: {said}. {advice}".rstrip(), tried=(f"{method}: {said}",)
    )


def _advice(error: Exception) -> str | None:
    """What to do about credentials that can't be had; None if the reason may pass."""
    if isinstance(error, OSError) and error.filename is not None:
        return "The file is AWS_WEB_IDENTITY_TOKEN_FILE's, or the profile's: it must be there and readable."
    response, operation = getattr(error, "response", None), getattr(error, "operation_name", "")
    if isinstance(response, dict):
        status, code = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500), str(response["Error"]["Code"])
        if status >= 500 or status == 429 or "Throttl" in code:
            return None
        return _OPERATIONS.get(operation, "") if status == 403 and code in _DENIED else _WRONG_SOURCE
    known = next((_FAILURES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _FAILURES), None)
    unreadable = isinstance(error, _UNREADABLE) or type(error).__name__ == "ResponseParserError"
    return _NO_ANSWER if known is None and unreadable else known


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

    made = _own_session(backend) if backend.access_key_id else _chain_session(backend)
    made.set_config_variable("region", source.get_config_variable("region"))
    made.register_component("credential_provider", credentials.CredentialResolver([Role()]))
    return made


# --- Sessions for which the settings decide, and no variable or profile that is meant for others


class _Nothing:
    """A botocore provider of credentials and tokens that has none."""

    def load_credentials(self) -> None: ...
    def load_token(self, **_: Any) -> None: ...


def _own_session(backend: BedrockBackend) -> botocore.session.Session:
    """A session for a credential that the settings have themselves; it finds no other.

    `AWS_PROFILE` isn't looked at, except for a region if the settings have none, and the files of `~/.aws` may be
    missing or broken.
    """
    from botocore.exceptions import BotoCoreError, ConfigParseError

    alone: dict[str, Any] = {"profile": (None, None, None, None)}
    made = _session(backend, alone)
    try:
        made.full_config  # noqa: B018 - reads it
    except ConfigParseError as error:
        _log.warning("%s The settings' own AWS credential goes without it.", error)
        nowhere = (None, None, os.devnull, None)
        made = _session(backend, {**alone, "config_file": nowhere, "credentials_file": nowhere})
    _require_profile(backend, made)
    if not backend.region:
        with suppress(BotoCoreError):
            made.set_config_variable("region", _session(backend, {}).get_config_variable("region"))
    made.register_component("credential_provider", _Nothing())
    made.register_component("token_provider", _Nothing())
    return made


def _chain_session(backend: BedrockBackend) -> botocore.session.Session:
    """A session that finds its credential by a profile or boto3's default chain, with all the variables of that."""
    from botocore.exceptions import ConfigParseError

    made = _session(backend, {})
    try:
        _require_profile(backend, made)
    except ConfigParseError as error:
        raise SettingsError(str(error)) from None
    return made


def _session(backend: BedrockBackend, variables: dict[str, Any]) -> botocore.session.Session:
    import botocore.session

    known = botocore.session.Session.SESSION_VARIABLES
    fixed = {name: (None, None, *known[name][2:]) for name in _FIXED if name in known}
    made: botocore.session.Session = session_class()(
        backend, session_vars={**fixed, **variables}, profile=backend.profile
    )
    made.get_component("config_store").set_config_variable("s3", {})  # it would be checked, whatever is called
    if backend.region:
        made.set_config_variable("region", backend.region)
    return made


def _require_profile(backend: BedrockBackend, made: botocore.session.Session) -> None:
    from botocore.exceptions import ProfileNotFound

    with suppress(ProfileNotFound):
        made.get_scoped_config()
        return
    there = ", ".join(sorted(made.full_config.get("profiles", {}))) or "none"
    named = shown(backend.profile) if backend.profile else f"{shown(made.profile)} (AWS_PROFILE)"
    raise SettingsError(f"AWS profile {named} doesn't exist (there is: {there}); `aws configure` makes one")


def endpoint_variants(made: botocore.session.Session, endpoint: str | None) -> dict[str, bool]:
    """What `botocore.config.Config` is told of FIPS and dual-stack endpoints.

    They are the user's choice for all of AWS. Where botocore makes the address, it makes it accordingly. An endpoint in
    the settings is an address already, and botocore would refuse it.
    """
    if endpoint is None:
        return {}
    names = ("use_fips_endpoint", "use_dualstack_endpoint")
    chosen = [name for name in names if made.get_config_variable(name)]
    if chosen:
        variables = " and ".join(f"AWS_{name.upper()}" for name in chosen)
        _log.warning("%s has no effect on calls to %s: the settings name that endpoint.", variables, endpoint)
    return dict.fromkeys(names, False)
