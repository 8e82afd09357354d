"""AWS's methods, for botocore's own code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.providers.credentials.world import LIFE, REFUSED_BY_SERVICE, Method, World
from turnout.errors import CredentialError
from turnout_emulator.accounts import (
    AWS_ACCESS_KEY,
    AWS_BEARER,
    AWS_SECRET_KEY,
    ROLE_ARN,
    AwsKey,
)

KEYS = {"access_key_id": AWS_ACCESS_KEY, "secret_access_key": AWS_SECRET_KEY}
STATIC = f"aws_access_key_id = {AWS_ACCESS_KEY}\naws_secret_access_key = {AWS_SECRET_KEY}\n"
SECOND_ROLE = f"{ROLE_ARN}-second"
EXTERNAL_ROLE = f"{ROLE_ARN}-external"
NO_ROLE = f"{ROLE_ARN}-of-others"
FORBIDDEN = "not authorized to perform: sts:AssumeRole"


def stamp(seconds: float) -> str:
    """A time from now as AWS writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def configure(world: World, text: str) -> dict[str, Any]:
    """Write `~/.aws/config`; returns the settings that name its profile `team`."""
    world.set(AWS_CONFIG_FILE=world.write(".aws/config", text))
    return {"profile": "team", "sts_endpoint": world.emulator.sts.url}


def temporary(world: World, lifetime: float = LIFE) -> AwsKey:
    """Keys that a role would have been given."""
    return world.emulator.accounts.issue_aws_key(lifetime, ROLE_ARN)


class Aws(Method):
    provider = "bedrock"
    seen = "sigv4"


class BearerToken(Aws):
    """A Bedrock API key; it goes over https only."""

    name = auth = "bearer-token"
    seen = "bearer"
    unready = CredentialError, "auth = 'bearer-token' needs bearer_token"
    refused = REFUSED_BY_SERVICE, r"bearer-token \(from the settings\)"

    def have(self, world: World) -> dict[str, Any]:
        world.set(AWS_ACCESS_KEY_ID="stray", AWS_SECRET_ACCESS_KEY="stray")
        where = {"endpoint": world.emulator.bedrock.https_url, "ca_bundle": world.emulator.ca_file}
        return {"bearer_token": AWS_BEARER, **where}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "bearer_token": "another"}


class ShortTermKey(Aws):
    """A Bedrock API key that is made of another credential for each call; Mantle is asked with it."""

    name = "short-term-token"
    auth = "static-keys"
    seen = "bearer"
    unready = CredentialError, "auth = 'static-keys' needs access_key_id"
    refused = REFUSED_BY_SERVICE, "static-keys"

    def have(self, world: World) -> dict[str, Any]:
        return {**KEYS, "mantle_auth": "short-term-token", "chat": "openai.gpt-5.4"}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "secret_access_key": "another"}


class StaticKeys(Aws):
    name = auth = "static-keys"
    unready = CredentialError, "auth = 'static-keys' needs access_key_id"
    refused = REFUSED_BY_SERVICE, r"static-keys \(…TOR0 from the settings\)"

    def have(self, world: World) -> dict[str, Any]:
        world.set(AWS_ACCESS_KEY_ID="stray", AWS_SECRET_ACCESS_KEY="stray", AWS_PROFILE="stray")
        return {**KEYS}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "secret_access_key": "another"}


class SessionKeys(StaticKeys):
    """Temporary keys, which nothing renews."""

    name = "static-keys (session)"
    refused = REFUSED_BY_SERVICE, "ExpiredTokenException.*static-keys"

    def have(self, world: World) -> dict[str, Any]:
        key = temporary(world)
        return {
            "access_key_id": key.access_key,
            "secret_access_key": key.secret_key,
            "session_token": key.session_token,
        }

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        key = temporary(world, -1)
        return {
            "access_key_id": key.access_key,
            "secret_access_key": key.secret_key,
            "session_token": key.session_token,
        }


class Profile(Aws):
    """A profile with keys."""

    name = auth = "profile"
    unready = CredentialError, r"No AWS credential from 'profile' \('team' from the settings\): it has none"
    refused: tuple[type[Exception], str] = (
        REFUSED_BY_SERVICE,
        "profile \\('team' from the settings, found by boto3's 'config-file'\\)",
    )

    def have(self, world: World) -> dict[str, Any]:
        world.set_all("container")  # which isn't asked: the settings name a profile
        return configure(world, f"[profile team]\n{STATIC}")

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return configure(world, f"[profile team]\n{STATIC.replace(AWS_SECRET_KEY, 'another')}")

    def lack(self, world: World) -> dict[str, Any]:
        world.set_all("container")
        return configure(world, "[profile team]\nregion = us-east-1\n")


class AssumedRole(Aws):
    """A role of the settings, with an external id."""

    name = auth = "assumed-role"
    unready = CredentialError, "auth = 'assumed-role' needs role_arn"
    refused = CredentialError, f"{FORBIDDEN}.*trust policy has to let that identity assume it"

    def have(self, world: World) -> dict[str, Any]:
        return {**KEYS, "role_arn": EXTERNAL_ROLE, "external_id": "ours", "sts_endpoint": world.emulator.sts.url}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "external_id": "theirs"}


class ProfileRole(Profile):
    """A profile whose role is assumed with that of another profile, which has an external id."""

    name = "profile (role of a role)"
    steps = 2
    refused = CredentialError, f"{FORBIDDEN}.*trust policy has to let that identity assume it"
    unready = CredentialError, "source_profile.*nobody.*does not exist"

    def have(self, world: World) -> dict[str, Any]:
        return configure(world, self._profiles(SECOND_ROLE))

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return configure(world, self._profiles(NO_ROLE))

    def lack(self, world: World) -> dict[str, Any]:
        return configure(world, f"[profile team]\nrole_arn = {ROLE_ARN}\nsource_profile = nobody\n")

    def _profiles(self, last: str) -> str:
        first = f"[profile first]\nrole_arn = {EXTERNAL_ROLE}\nexternal_id = ours\nsource_profile = keys\n"
        return f"[profile team]\nrole_arn = {last}\nsource_profile = first\n{first}[profile keys]\n{STATIC}"


class CredentialSource(ProfileRole):
    """A profile whose role is assumed with the keys of the environment."""

    name = "profile (credential_source)"
    steps = 1
    unready = CredentialError, "No credentials found in credential_source"

    def have(self, world: World) -> dict[str, Any]:
        world.set(AWS_ACCESS_KEY_ID=AWS_ACCESS_KEY, AWS_SECRET_ACCESS_KEY=AWS_SECRET_KEY)
        return super().have(world)

    def lack(self, world: World) -> dict[str, Any]:
        return configure(world, self._profiles(ROLE_ARN))

    def _profiles(self, last: str) -> str:
        return f"[profile team]\nrole_arn = {last}\ncredential_source = Environment\n"


METHODS: tuple[Method, ...] = (
    BearerToken(),
    ShortTermKey(),
    StaticKeys(),
    SessionKeys(),
    Profile(),
    AssumedRole(),
    ProfileRole(),
    CredentialSource(),
)
