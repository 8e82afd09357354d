"""AWS's methods, for botocore's own code."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.utils import ContainerMetadataFetcher
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from tests.providers.credentials.world import FIRST_LIFE, LIFE, REFUSED_BY_SERVICE, Method, World
from turnout.errors import CredentialError
from turnout_emulator.accounts import (
    AWS_ACCESS_KEY,
    AWS_BEARER,
    AWS_SECRET_KEY,
    CONTAINER_TOKEN,
    LOGIN_CLIENT,
    LOGIN_REFRESH_TOKEN,
    ROLE_ARN,
    SSO_ACCESS_TOKEN,
    SSO_CLIENT,
    SSO_CLIENT_SECRET,
    SSO_REFRESH_TOKEN,
    SSO_START_URL,
    WEB_IDENTITY_TOKEN,
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


class Sso(Aws):
    """A session of IAM Identity Center, whose token is in a file."""

    name = auth = "sso"
    unready = CredentialError, "Sign in anew: `aws sso login --profile team`"
    refused = CredentialError, "No access.*sso_account_id and sso_role_name have to be assigned to you"

    def have(self, world: World, role: str = "turnout-emulator") -> dict[str, Any]:
        self.sign_in(world)
        return self._profile(world, role)

    def sign_in(self, world: World, session: str = "corporate", **more: Any) -> None:
        """Do as `aws sso login` does."""
        told = {"startUrl": SSO_START_URL, "region": "us-east-1", "accessToken": SSO_ACCESS_TOKEN}
        token = {**told, "expiresAt": stamp(7200), **more}
        world.write(f"sso/{hashlib.sha1(session.encode()).hexdigest()}.json", json.dumps(token))

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return self._profile(world, "of-others")

    def lack(self, world: World) -> dict[str, Any]:
        return self._profile(world, "turnout-emulator")

    def _profile(self, world: World, role: str) -> dict[str, Any]:
        for owner in ("botocore.credentials.SSOProvider", "botocore.tokens.SSOTokenProvider"):
            world.patch.setattr(f"{owner}._SSO_TOKEN_CACHE_DIR", str(world.folder / "sso"))  # set when it was imported
        world.set_all("sso")
        session = f"[sso-session corporate]\nsso_start_url = {SSO_START_URL}\nsso_region = us-east-1\n"
        profile = f"[profile team]\nsso_session = corporate\nsso_account_id = 123456789012\nsso_role_name = {role}\n"
        return configure(world, session + profile)


class SsoRefreshed(Sso):
    """A session whose token is over, and which is refreshed without anybody's signing in."""

    name = "sso (refreshed session)"
    steps = 2
    refused = CredentialError, "Sign in anew: `aws sso login --profile team`"

    def have(self, world: World, role: str = "turnout-emulator") -> dict[str, Any]:
        self.sign_in(world, expiresAt=stamp(-10), **self._refresh())
        return self._profile(world, role)

    def renew(self, world: World) -> None:
        self.sign_in(world, expiresAt=stamp(-10), **self._refresh())

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        self.sign_in(world, expiresAt=stamp(-10), **self._refresh(refreshToken="another"))
        return options

    def _refresh(self, **more: str) -> dict[str, str]:
        client = {"clientId": SSO_CLIENT, "clientSecret": SSO_CLIENT_SECRET, "registrationExpiresAt": stamp(86_400)}
        return {**client, "refreshToken": SSO_REFRESH_TOKEN, **more}


class Login(Aws):
    """A session of `aws login`.

    botocore signs its refresh with awscrt, which only botocore[crt] brings; here the same is done by cryptography.
    """

    name = auth = "login"
    unready = CredentialError, "Sign in anew: `aws login --profile team`"
    refused = CredentialError, "Sign in anew: `aws login --profile team`"

    def have(self, world: World, refresh: str = LOGIN_REFRESH_TOKEN) -> dict[str, Any]:
        key = temporary(world)
        pem = _P256.PRIVATE.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        keys = {"accessKeyId": key.access_key, "secretAccessKey": key.secret_key, "sessionToken": key.session_token}
        token = {
            "accessToken": {**keys, "accountId": "123456789012", "expiresAt": stamp(FIRST_LIFE)},
            "refreshToken": refresh,
            "clientId": LOGIN_CLIENT,
            "dpopKey": pem.decode(),
            "tokenType": "aws_sigv4",
        }
        world.write(f"login/{hashlib.sha256(self.SESSION.encode()).hexdigest()}.json", json.dumps(token))
        return self.lack(world)

    SESSION = "arn:aws:iam::123456789012:user/me"

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return self.have(world, "another")

    def lack(self, world: World) -> dict[str, Any]:
        world.patch.setattr("botocore.credentials.EC", _P256)
        world.set_all("sso")
        world.set(AWS_LOGIN_CACHE_DIRECTORY=str(world.folder / "login"))
        return configure(world, f"[profile team]\nlogin_session = {self.SESSION}\n")


class _P256:
    """What botocore uses of awscrt.crypto.EC."""

    PRIVATE = ec.generate_private_key(ec.SECP256R1())

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def new_key_from_der_data(cls, data: bytes) -> _P256:
        key = serialization.load_der_private_key(data, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(key)

    def get_public_coords(self) -> list[bytes]:
        numbers = self._key.public_key().public_numbers()
        return [number.to_bytes(32) for number in (numbers.x, numbers.y)]

    def sign(self, digest: bytes) -> bytes:
        return self._key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))

    @staticmethod
    def decode_der_signature_to_padded_pair(signature: bytes, pad_to: int) -> bytes:
        return b"".join(number.to_bytes(pad_to) for number in decode_dss_signature(signature))


class Process(Aws):
    """A program that prints a credential, with its expiry."""

    name = auth = "process"
    unready = CredentialError, "/nowhere/program"
    refused = CredentialError, "not signed in"

    def have(self, world: World) -> dict[str, Any]:
        self.renew(world)
        return configure(world, f"[profile team]\ncredential_process = {world.folder / 'program'}\n")

    def renew(self, world: World, life: float | None = None) -> None:
        life = world.emulator.entra.tokens.lifetime if life is None else life
        key = temporary(world, 3 * LIFE)
        keys = {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key, "SessionToken": key.session_token}
        world.program("program", f"print({json.dumps({'Version': 1, **keys, 'Expiration': stamp(life)})!r})")

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.program("program", "raise SystemExit('not signed in')")
        return options

    def lack(self, world: World) -> dict[str, Any]:
        return configure(world, "[profile team]\ncredential_process = /nowhere/program\n")

    def fetched(self, world: World) -> int:
        return world.runs()


class WebIdentity(Aws):
    """A token of another issuer, in a file that the environment names."""

    name = auth = "web-identity"
    unready = (
        CredentialError,
        r"'web-identity' \(AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN\): those variables aren't",
    )
    refused = CredentialError, "InvalidIdentityToken"

    def have(self, world: World) -> dict[str, Any]:
        token = world.write("token", WEB_IDENTITY_TOKEN)
        world.set(AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN=ROLE_ARN)
        return {"sts_endpoint": world.emulator.sts.url}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.write("token", "another issuer's")
        return options


class WebIdentityProfile(WebIdentity):
    """Likewise, of a profile."""

    name = "web-identity (profile)"
    unready = CredentialError, "/nowhere/token.*must be there and readable"

    def have(self, world: World) -> dict[str, Any]:
        token = world.write("token", WEB_IDENTITY_TOKEN)
        return configure(world, f"[profile team]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {token}\n")

    def lack(self, world: World) -> dict[str, Any]:
        profile = f"[profile team]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = /nowhere/token\n"
        return configure(world, profile)


class Container(Aws):
    """The agent of a container, which asks for the content of a file."""

    name = auth = "container"
    unready = CredentialError, r"'container' \(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI\): those variables"
    refused = CredentialError, "The authorization token is missing or wrong"

    def have(self, world: World) -> dict[str, Any]:
        world.set(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{world.emulator.sts.url}/credentials")
        world.set(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=world.write("token", CONTAINER_TOKEN))
        world.set(AWS_PROFILE="stray", AWS_ACCESS_KEY_ID="stray", AWS_SECRET_ACCESS_KEY="stray")
        return {}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.patch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
        world.write("token", "another")
        return options


class RelativeContainer(Container):
    """The agent at its own address, 169.254.170.2, in whose place is loopback."""

    name = "container (relative URI)"

    def have(self, world: World) -> dict[str, Any]:
        options = super().have(world)
        world.patch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        world.patch.setattr(ContainerMetadataFetcher, "IP_ADDRESS", world.emulator.sts.url.removeprefix("http://"))
        world.set(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/credentials")
        return options


class InstanceMetadata(Aws):
    """EC2's instance metadata, version 2."""

    name = auth = "instance-metadata"
    unready = CredentialError, r"'instance-metadata' \(the role of the EC2 instance\): no role answered"
    refused = unready

    def have(self, world: World) -> dict[str, Any]:
        world.patch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        world.set_all("instance")
        world.set(AWS_PROFILE="stray", AWS_ACCESS_KEY_ID="stray", AWS_SECRET_ACCESS_KEY="stray")
        return {}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.emulator.rule(lambda received: world.failure() if received.service == "metadata" else None)
        return options

    def lack(self, world: World) -> dict[str, Any]:
        world.patch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        world.set(AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9")  # a closed port
        return {}


class DefaultChain(Container):
    """boto3's chain, which finds a container's credential here."""

    name = auth = "default-chain"
    unready = CredentialError, "(?s)No AWS credential. Tried.*environment.*container.*EC2 instance metadata"

    def have(self, world: World) -> dict[str, Any]:
        options = super().have(world)
        for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            world.patch.delenv(name)
        return options


METHODS: tuple[Method, ...] = (
    BearerToken(),
    ShortTermKey(),
    StaticKeys(),
    SessionKeys(),
    Profile(),
    AssumedRole(),
    ProfileRole(),
    CredentialSource(),
    Sso(),
    SsoRefreshed(),
    Login(),
    Process(),
    WebIdentity(),
    WebIdentityProfile(),
    Container(),
    RelativeContainer(),
    InstanceMetadata(),
    DefaultChain(),
)
