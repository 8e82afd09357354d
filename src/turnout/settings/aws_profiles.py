"""What the profiles of `~/.aws/config` ask of people: an MFA code, or to sign in."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import botocore.session

_SIGNED_IN = {"sso_session": "sso", "sso_account_id": "sso", "login_session": "login"}
"""A profile's keys → which of AWS's two ways to sign in they are of."""


def _chain(made: botocore.session.Session) -> Iterator[tuple[str, dict[str, Any]]]:
    """A session's profile, then the profile that its role is assumed from, and so on."""
    profiles = made.full_config.get("profiles", {})
    name, seen = made.profile or "default", set[str]()
    while name in profiles and name not in seen:
        seen.add(name)
        yield str(name), profiles[name]
        name = profiles[name].get("source_profile")


def with_mfa(made: botocore.session.Session) -> str | None:
    """The profile whose role is assumed with an MFA code, for which botocore would ask on standard input."""
    return next((name for name, profile in _chain(made) if {"role_arn", "mfa_serial"} <= profile.keys()), None)


def to_sign_in(made: botocore.session.Session) -> tuple[str, str] | None:
    """How one signs in for a session's credential: `sso` or `login`, and the command."""
    for name, profile in _chain(made):
        way = next((way for key, way in _SIGNED_IN.items() if key in profile), None)
        if way is not None:
            command = "aws sso login" if way == "sso" else "aws login"
            return way, command if name == "default" else f"{command} --profile {shlex.quote(name)}"
    return None
