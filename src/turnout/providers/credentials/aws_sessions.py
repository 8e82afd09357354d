"""botocore sessions for which the settings decide, and no variable or profile that is meant for others."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError
from turnout.providers.credentials.aws_clients import session_class
from turnout.redaction import shown

if TYPE_CHECKING:
    import botocore.session

    from turnout.settings import BedrockBackend

_log = logging.getLogger(__name__)

# What has its place in turnout's settings, or no bearing on its calls. Some values of these would break a call, keep a
# thread waiting, ask the instance's metadata, or send each call's key id to some address. botocore's default holds.
_FIXED = (
    *("account_id_endpoint_mode", "auth_scheme_preference", "data_path", "defaults_mode", "max_attempts", "retry_mode"),
    *("csm_client_id", "csm_enabled", "csm_host", "csm_port", "disable_host_prefix_injection", "tcp_keepalive"),
    *("disable_request_compression", "request_min_compression_size_bytes", "endpoint_discovery_enabled"),
    *("request_checksum_calculation", "response_checksum_validation", "s3_disable_express_session_auth"),
    *("sigv4a_signing_region_set", "sts_regional_endpoints"),
)


class Given:
    """A botocore provider of credentials and tokens that has what it is given, or none."""

    def __init__(self, given: Any = None) -> None:
        self._given = given

    def load_credentials(self) -> Any:
        """The credentials."""
        return self._given

    def load_token(self, **_: Any) -> Any:
        """The token."""
        return self._given


def own_session(backend: BedrockBackend, providers: tuple[str, ...] = ()) -> botocore.session.Session:
    """A session for a credential that the settings have themselves, or that one of botocore's `providers` has.

    It finds no other. `AWS_PROFILE` isn't looked at, except for a region if the settings have none, and the files of
    `~/.aws` may be missing or broken.
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
    _limit(made, providers)
    made.register_component("token_provider", Given())
    return made


def chain_session(backend: BedrockBackend, providers: tuple[str, ...] | None = None) -> botocore.session.Session:
    """A session that finds its credential by a profile or boto3's default chain, with all the variables of that.

    `providers` are those of botocore's that may be asked; left out, all of them.
    """
    from botocore.exceptions import ConfigParseError

    made = _session(backend, {})
    try:
        _require_profile(backend, made)
    except ConfigParseError as error:
        raise SettingsError(str(error)) from None
    if providers is not None:
        _limit(made, providers)
    return made


def _limit(made: botocore.session.Session, providers: tuple[str, ...]) -> None:
    from botocore.credentials import CredentialResolver

    if not providers:
        made.register_component("credential_provider", Given())
        return
    every = made.get_component("credential_provider").providers
    kept = CredentialResolver([provider for provider in every if provider.METHOD in providers])
    made.register_component("credential_provider", kept)


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
