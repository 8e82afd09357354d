"""AWS Secrets Manager: `secretsmanager:NAME`, `secretsmanager:NAME#KEY`, or an ARN in the place of the name.

botocore's client is asked, because pydantic-settings' source reads JSON objects alone, and takes no time limit.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from turnout.errors import MissingExtraError
from turnout.redaction import redact, shown
from turnout.runtime import Cache
from turnout.sdk_logs import redact_logs
from turnout.settings.addresses import is_loopback
from turnout.settings.aws_profiles import with_mfa
from turnout.settings.environment import variable
from turnout.settings.secret_stores.kept import StoreRefusesError, StoreUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PREFIX = "secretsmanager:"

_NAME = r"[\w/+=.@-]{1,512}"
_PLACE = re.compile(
    rf"(?P<id>arn:aws[a-z-]*:secretsmanager:(?P<region>[a-z0-9-]{{1,32}}):\d{{12}}:secret:(?P<named>{_NAME})|{_NAME})"
    r"(?:#(?P<key>.+))?",
    re.ASCII,
)
_CONNECT = 5.0  # seconds
_PATIENCE = 10.0  # seconds for the next bytes
_ATTEMPTS = 3
_SIGN_IN = (
    "It is read with boto3's default chain: sign in with `aws sso login`, name a profile in AWS_PROFILE, "
    "or give the machine a role"
)
_REFUSALS = {
    "ResourceNotFoundException": "is not there; check its name and the region",
    "AccessDeniedException": "may not be read. The identity needs the permission secretsmanager:GetSecretValue",
    "DecryptionFailure": "can't be decrypted. The identity needs the permission kms:Decrypt of the secret's key",
    "InvalidRequestException": "can't be read; it may be scheduled for deletion",
    "InvalidParameterException": "can't be read",
    "ValidationException": "can't be read; check its name",
}
"""What Secrets Manager says of a secret → what is wrong. Sources: its API reference of GetSecretValue."""

_WRONG_CREDENTIAL = frozenset(
    {
        *("UnrecognizedClientException", "ExpiredTokenException", "InvalidClientTokenId", "ExpiredToken"),
        *("InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException"),
    }
)
"""What AWS says of a request's signature. Source: Secrets Manager's API reference, Common Errors."""


class Place(NamedTuple):
    """Where a secret is: its name or ARN, and its region, that of the ARN or the environment, or else the profile's."""

    secret: str
    region: str | None

    def __str__(self) -> str:
        return f"{PREFIX}{self.secret} {self.region}"

    @property
    def name(self) -> str:
        """What it is called in errors."""
        where = f" in {shown(self.region)}" if self.region is not None else ""
        return f"the secret {shown(self.secret.rpartition(':secret:')[2])} of AWS Secrets Manager{where}"


def place(text: str) -> tuple[Place, str | None]:
    """The secret that a text names, and the key in it, if it names one."""
    found = _PLACE.fullmatch(text.removeprefix(PREFIX))
    if found is None or (found["id"].startswith("arn:") and found["region"] is None):
        raise ValueError(
            "this names no secret of AWS Secrets Manager; write it like 'secretsmanager:team/openai', "
            "'secretsmanager:team/openai#api_key' for a key of a JSON object, or with the secret's ARN"
        )
    # botocore doesn't look at the first of the two.
    return Place(found["id"], found["region"] or variable("AWS_REGION", "AWS_DEFAULT_REGION")), found["key"]


def asked(where: Place, known: Callable[[], Iterable[str]]) -> tuple[SecretStr | None, Exception | None]:
    """The current version of a secret, None if it is empty or binary; or what went wrong, which isn't raised from here.

    `known` has the secrets that the SDKs' logs are searched for.
    """
    redact_logs(known)
    try:
        client = _clients.get_or_make(where.region, partial(_client, where.region))
        redact_logs(known)  # the SDK came with the client
        text = client.get_secret_value(SecretId=where.secret).get("SecretString", "").strip()
    except (MissingExtraError, StoreRefusesError) as error:
        return None, error
    except Exception as error:  # noqa: BLE001 - told in words below
        return None, _failure(where, error)
    return (SecretStr(text) if text else None), None


def _client(region: str | None) -> Any:
    try:
        import botocore.session
        from botocore.config import Config
    except ImportError as error:
        msg = f"a reference to AWS Secrets Manager needs {error.name}: pip install 'turnout[secretsmanager]'"
        raise MissingExtraError(msg) from error
    session = botocore.session.Session()
    found = session.get_credentials()
    if found is not None and found.method == "assume-role" and (profile := with_mfa(session)) is not None:
        raise StoreRefusesError(
            f"AWS profile {shown(profile)}, with which the secret would be read, needs an MFA code (mfa_serial), and "
            "nobody is asked for one. Name a profile with SSO, or temporary keys"
        )
    limits = {"total_max_attempts": _ATTEMPTS, "mode": "standard"}
    config = Config(connect_timeout=_CONNECT, read_timeout=_PATIENCE, retries=limits)
    made = session.create_client("secretsmanager", region_name=region, config=config)
    address = urlsplit(made.meta.endpoint_url)
    if address.scheme != "https" and not is_loopback(address.hostname or ""):
        made.close()
        raise StoreRefusesError(
            f"plain http to {shown(address.hostname)} would send secrets unencrypted; use https "
            "(AWS_ENDPOINT_URL or the profile's endpoint_url names that endpoint)"
        )
    return made


_clients: Cache[str | None, Any] = Cache(close=lambda client: client.close())


def _failure(where: Place, error: Exception) -> Exception:
    """What is wrong, in words, and what to do."""
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoRegionError  # noqa: A004

    said = " ".join(redact(str(error)).split()).rstrip(".")
    what = f"{where.name} that it refers to"
    if isinstance(error, NoRegionError):
        return StoreRefusesError(f"{what} has no region: set AWS_REGION or the profile's region, or write its ARN")
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code"))
        if code in _REFUSALS:
            return StoreRefusesError(f"{what} {_REFUSALS[code]} ({said})")
        advice = f". {_SIGN_IN}" if code in _WRONG_CREDENTIAL else ""
        return StoreUnreachableError(f"{what} can't be read: {said}{advice}")
    if isinstance(error, ConnectionError | HTTPClientError):
        return StoreUnreachableError(f"{what} can't be read: {said}. Is the region right, and the endpoint reachable?")
    if isinstance(error, BotoCoreError | OSError):
        return StoreUnreachableError(f"{what} can't be read: {said}. {_SIGN_IN}")
    return StoreRefusesError(f"{what} can't be read ({type(error).__name__}): {said}")
