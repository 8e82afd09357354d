"""Bearer keys of Bedrock: long-term ones by name, and short-term ones, which are a presigned request in disguise."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import secrets
from urllib.parse import parse_qsl, urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from turnout_emulator.accounts import Accounts, AwsKey, key_named

_PREFIX = "bedrock-api-key-"
_HOST = "bedrock.amazonaws.com"
_LONGEST = 43_200  # seconds: the most that aws-bedrock-token-generator signs for
_SKEW = 300  # seconds


class KeyRefused(Exception):
    """A bearer key that is unknown, malformed, wrongly signed or expired."""


def owner(bearer: str, accounts: Accounts) -> str:
    """Whose key it is: its name, or the identity that signed it.

    Raises:
        KeyRefused: It is no key of these accounts, or not any more.
    """
    if bearer.startswith(_PREFIX):
        key = _signer(bearer.removeprefix(_PREFIX), accounts)
        return key.role_arn or key.access_key
    name = key_named(accounts.bedrock_keys, bearer)
    if name is None:
        raise KeyRefused("unknown")
    return name


def _signer(encoded: str, accounts: Accounts) -> AwsKey:
    """The key that presigned `CallWithBearerToken`, as aws-bedrock-token-generator does."""
    try:
        host, _, query = base64.b64decode(encoded, validate=True).decode().partition("/?")
        given = dict(parse_qsl(query, strict_parsing=True))
        signature, _ = given.pop("X-Amz-Signature"), given.pop("Version")
        access_key, date, region, service, _ = given["X-Amz-Credential"].split("/")
        signed_at = dt.datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()
        lifetime = int(given["X-Amz-Expires"])
    except (binascii.Error, KeyError, ValueError) as error:
        raise KeyRefused("malformed") from error
    key = accounts.aws_key(access_key)
    if key is None or key.session_token != given.get("X-Amz-Security-Token"):
        raise KeyRefused("unknown")
    meant = (host, service, given.get("Action"), date)
    if meant != (_HOST, "bedrock", "CallWithBearerToken", given["X-Amz-Date"][:8]):
        raise KeyRefused("not a key for Bedrock")
    now = accounts.clock()
    if not 0 < lifetime <= _LONGEST or not signed_at - _SKEW <= now < signed_at + lifetime:
        raise KeyRefused("expired")
    if key.expires_at is not None and now >= key.expires_at:
        raise KeyRefused("expired")
    if not secrets.compare_digest(_signature(given, key, region), signature):
        raise KeyRefused("signature")
    return key


def _signature(given: dict[str, str], key: AwsKey, region: str) -> str:
    request = AWSRequest(method="POST", url=f"https://{_HOST}/?{urlencode(given)}", headers={"host": _HOST})
    request.context["timestamp"] = given["X-Amz-Date"]
    signer = SigV4Auth(Credentials(key.access_key, key.secret_key), "bedrock", region)
    signature: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return signature
