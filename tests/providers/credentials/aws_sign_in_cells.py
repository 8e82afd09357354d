"""AWS's methods for people: sessions that one signs in to, and programs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from tests.providers.credentials.aws_cells import Aws, configure, stamp, temporary
from tests.providers.credentials.world import FIRST_LIFE, LIFE, Method, World
from turnout.errors import CredentialError
from turnout_emulator.accounts import (
    LOGIN_CLIENT,
    LOGIN_REFRESH_TOKEN,
    SSO_ACCESS_TOKEN,
    SSO_CLIENT,
    SSO_CLIENT_SECRET,
    SSO_REFRESH_TOKEN,
    SSO_START_URL,
)


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


METHODS: tuple[Method, ...] = (Sso(), SsoRefreshed(), Login(), Process())
