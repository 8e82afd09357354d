"""Bearer keys of Bedrock: long-term ones by name, and short-term ones, which are a presigned request in disguise."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
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
        host, _, text = base64.b64decode(encoded, validate=True).decode().partition("/?")
        query = dict(parse_qsl(text, strict_parsing=True))
        signature, _ = query.pop("X-Amz-Signature"), query.pop("Version")
        access_key, date, region, service, _ = query["X-Amz-Credential"].split("/")
        signed_at = dt.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()
        lifetime = int(query["X-Amz-Expires"])
    except (binascii.Error, KeyError, ValueError) as error:
        raise KeyRefused("malformed") from error
    key = accounts.aws_key(access_key)
    if key is None or key.session_token != query.get("X-Amz-Security-Token"):
        raise KeyRefused("unknown")
    purpose = (host, service, query.get("Action"), date)
    if purpose != (_HOST, "bedrock", "CallWithBearerToken", query["X-Amz-Date"][:8]):
        raise KeyRefused("not a key for Bedrock")
    now = accounts.clock()
    ends = min(signed_at + lifetime, key.expires_at or math.inf)
    if not 0 < lifetime <= _LONGEST or not signed_at - _SKEW <= now < ends:
        raise KeyRefused("expired")
    if not secrets.compare_digest(_signature(query, key, region), signature):
        raise KeyRefused("signature")
    return key


def _signature(query: dict[str, str], key: AwsKey, region: str) -> str:
    request = AWSRequest(method="POST", url=f"https://{_HOST}/?{urlencode(query)}", headers={"host": _HOST})
    request.context["timestamp"] = query["X-Amz-Date"]
    signer = SigV4Auth(Credentials(key.access_key, key.secret_key), "bedrock", region)
    signature: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return signature
