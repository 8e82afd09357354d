"""AWS Signature Version 4, checked by computing it again with botocore from the request as it arrived."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from turnout_emulator.accounts import Accounts, AwsKey
from turnout_emulator.refusals import Refusal

_SKEW = 300  # seconds, as the services allow
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What is signed: the request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def verify(request: SignedRequest, accounts: Accounts, services: frozenset[str]) -> AwsKey:
    """Check the signature of a request.

    Args:
        request: The request as it arrived.
        accounts: The keys that exist.
        services: Names that the credential scope may carry.

    Returns:
        The key that signed it.

    Raises:
        Refusal: In the words of the service: no signature, unknown key, wrong scope, time too far off, expired
            session, or a signature that doesn't match.
    """
    header = request.headers.get("authorization")
    if header is None:
        raise Refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(header.strip())
    if match is None:
        raise Refusal(
            403,
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' "
            "parameter. Authorization header requires 'SignedHeaders' parameter.",
        )
    key = accounts.aws_key(match["key"])
    token = request.headers.get("x-amz-security-token")
    if key is None or (key.session_token or None) != token:
        raise Refusal(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
    if match["service"] not in services:
        expected = min(services)
        raise Refusal(
            403, "InvalidSignatureException", f"Credential should be scoped to correct service: '{expected}'. "
        )
    stamp = request.headers.get("x-amz-date", "")
    _check_time(stamp, match["date"], accounts.clock())
    if key.expires_at is not None and accounts.clock() >= key.expires_at:
        raise Refusal(403, "ExpiredTokenException", "The security token included in the request is expired")
    _check_payload(request)
    expected = _signature(request, key, match, stamp)
    if not secrets.compare_digest(expected, match["signature"]):
        raise Refusal(403, "InvalidSignatureException", _MISMATCH)
    return key


def _check_time(stamp: str, date: str, now: float) -> None:
    try:
        sent = dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError:
        raise Refusal(403, "IncompleteSignatureException", "Date must be in ISO-8601 'basic format'. Got ''.") from None
    if date != stamp[:8]:
        raise Refusal(
            403, "InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601"
        )
    here = dt.datetime.fromtimestamp(now, dt.UTC)
    late = (here - sent).total_seconds()
    if abs(late) > _SKEW:
        bound = here - dt.timedelta(seconds=_SKEW if late > 0 else -_SKEW)
        relation, sign = ("earlier", "-") if late > 0 else ("later", "+")
        word = "expired" if late > 0 else "not yet current"
        raise Refusal(
            403,
            "InvalidSignatureException",
            f"Signature {word}: {stamp} is {'now' if late > 0 else 'still'} {relation} than {bound:%Y%m%dT%H%M%SZ} "
            f"({here:%Y%m%dT%H%M%SZ} {sign} 5 min.)",
        )


def _check_payload(request: SignedRequest) -> None:
    declared = request.headers.get("x-amz-content-sha256")
    if declared in (None, "UNSIGNED-PAYLOAD"):
        return
    if declared != hashlib.sha256(request.body).hexdigest():
        raise Refusal(403, "InvalidSignatureException", _MISMATCH)


def _signature(request: SignedRequest, key: AwsKey, match: re.Match[str], stamp: str) -> str:
    signed = {name: request.headers.get(name, "") for name in match["signed"].split(";")}
    rebuilt = AWSRequest(
        method=request.method,
        url=f"http://{request.headers.get('host', '')}{request.target}",
        data=request.body,
        headers=signed,
    )
    rebuilt.context["timestamp"] = stamp
    signer = SigV4Auth(Credentials(key.access_key, key.secret_key), match["service"], match["region"])
    if "x-amz-content-sha256" not in signed and "x-amz-content-sha256" in request.headers:
        rebuilt.context["payload_signing_enabled"] = request.headers["x-amz-content-sha256"] != "UNSIGNED-PAYLOAD"
    canonical = signer.canonical_request(rebuilt)
    signature: str = signer.signature(signer.string_to_sign(rebuilt, canonical), rebuilt)
    return signature
