"""What signs requests to AWS: Signature Version 4, and the bearer keys of Bedrock that are presigned requests.

Signatures are checked by computing them again with botocore.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import math
import re
import secrets
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from turnout_emulator.accounts import Accounts, AwsKey, key_named
from turnout_emulator.refusals import Refusal, RequestRefused

_SKEW = 300  # seconds, as the services allow
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_INCOMPLETE = (
    "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
    "Authorization header requires 'SignedHeaders' parameter."
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_SHORT_TERM = "bedrock-api-key-"
_HOST = "bedrock.amazonaws.com"
_LONGEST = 43_200  # seconds: the most that aws-bedrock-token-generator signs for


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(403, f"{code}Exception", message)


def verify(request: web.Request, body: bytes, accounts: Accounts, services: frozenset[str]) -> AwsKey:
    """The key that signed a request; `services` may stand in the scope of the signature.

    Raises:
        Refusal: In the words of the service: no signature, unknown key, wrong scope, time too far off, expired
            session, or a signature that doesn't match.
    """
    header = request.headers.get("authorization")
    if header is None:
        raise _refusal("MissingAuthenticationToken", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(header.strip())
    if match is None:
        raise _refusal("IncompleteSignature", _INCOMPLETE)
    key = accounts.aws_key(match["key"])
    if key is None or (key.session_token or None) != request.headers.get("x-amz-security-token"):
        raise _refusal("UnrecognizedClient", "The security token included in the request is invalid.")
    if match["service"] not in services:
        raise _refusal("InvalidSignature", f"Credential should be scoped to correct service: '{min(services)}'. ")
    now = accounts.clock()
    _check_time(request.headers.get("x-amz-date", ""), match["date"], now)
    if key.expires_at is not None and now >= key.expires_at:
        raise _refusal("ExpiredToken", "The security token included in the request is expired")
    declared = request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if declared not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        raise _refusal("InvalidSignature", _MISMATCH)
    if not secrets.compare_digest(_signature_of(request, body, key, match), match["signature"]):
        raise _refusal("InvalidSignature", _MISMATCH)
    return key


def _check_time(stamp: str, date: str, now: float) -> None:
    try:
        sent = dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError:
        raise _refusal("IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got ''.") from None
    if date != stamp[:8]:
        raise _refusal("InvalidSignature", "Date in Credential scope does not match YYYYMMDD from ISO-8601")
    here = dt.datetime.fromtimestamp(now, dt.UTC)
    late = (here - sent).total_seconds()
    if abs(late) > _SKEW:
        problem, sign = ("expired: {} is now earlier", "-") if late > 0 else ("not yet current: {} is still later", "+")
        bound = here - dt.timedelta(seconds=math.copysign(_SKEW, late))
        raise _refusal(
            "InvalidSignature",
            f"Signature {problem.format(stamp)} than {bound:%Y%m%dT%H%M%SZ} ({here:%Y%m%dT%H%M%SZ} {sign} 5 min.)",
        )


def _signature_of(request: web.Request, body: bytes, key: AwsKey, match: re.Match[str]) -> str:
    signed = {name: request.headers.get(name, "") for name in match["signed"].split(";")}
    url = f"http://{request.headers.get('host', '')}{request.raw_path}"
    rebuilt = AWSRequest(method=request.method, url=url, data=body, headers=signed)
    if "x-amz-content-sha256" not in signed and "x-amz-content-sha256" in request.headers:
        rebuilt.context["payload_signing_enabled"] = request.headers["x-amz-content-sha256"] != "UNSIGNED-PAYLOAD"
    return _sign(rebuilt, key, match["service"], match["region"], request.headers["x-amz-date"])


def _sign(request: AWSRequest, key: AwsKey, service: str, region: str, stamp: str) -> str:
    request.context["timestamp"] = stamp
    signer = SigV4Auth(Credentials(key.access_key, key.secret_key), service, region)
    signature: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return signature


def bearer_owner(bearer: str, accounts: Accounts) -> str:
    """The name of a long-term bearer key, or the identity that signed a short-term one; others are refused."""
    if bearer.startswith(_SHORT_TERM):
        key = _presigner(bearer.removeprefix(_SHORT_TERM), accounts)
        name = (key.role_arn or key.access_key) if key is not None else None
    else:
        name = key_named(accounts.bedrock_keys, bearer)
    if name is None:
        raise RequestRefused("wrong_key")
    return name


def _presigner(encoded: str, accounts: Accounts) -> AwsKey | None:
    """The key that presigned `CallWithBearerToken`, as aws-bedrock-token-generator does, unless that has expired."""
    try:
        host, _, text = base64.b64decode(encoded, validate=True).decode().partition("/?")
        query = dict(parse_qsl(text, strict_parsing=True))
        signature, _ = query.pop("X-Amz-Signature"), query.pop("Version")
        access_key, date, region, service, _ = query["X-Amz-Credential"].split("/")
        stamp = query["X-Amz-Date"]
        signed_at = dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()
        lifetime = int(query["X-Amz-Expires"])
    except (binascii.Error, KeyError, ValueError):
        return None
    key = accounts.aws_key(access_key)
    purpose = (host, service, query.get("Action"), date)
    if (
        key is None
        or key.session_token != query.get("X-Amz-Security-Token")
        or purpose != (_HOST, "bedrock", "CallWithBearerToken", stamp[:8])
        or not 0 < lifetime <= _LONGEST
        or not signed_at - _SKEW <= accounts.clock() < min(signed_at + lifetime, key.expires_at or math.inf)
    ):
        return None
    request = AWSRequest(method="POST", url=f"https://{_HOST}/?{urlencode(query)}", headers={"host": _HOST})
    genuine = secrets.compare_digest(_sign(request, key, "bedrock", region, stamp), signature)
    return key if genuine else None
