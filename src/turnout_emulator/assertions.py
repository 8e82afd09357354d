"""Signed JSON web tokens (RFC 7515, RFC 7518): by a certificate's key, or by one that they bring along (RFC 9449)."""

from __future__ import annotations

import base64
import json
import time

_SKEW = 300  # seconds


def is_signed(assertion: str, certificate: bytes) -> bool:
    """Whether the signature is the certificate's, by RS256 or PS256."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    signed, _, signature = assertion.rpartition(".")
    try:
        algorithm = json.loads(_decoded(signed.partition(".")[0])).get("alg")
    except ValueError:
        return False
    key = x509.load_pem_x509_certificate(certificate).public_key()
    pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.AUTO)
    scheme = {"RS256": padding.PKCS1v15(), "PS256": pss}.get(algorithm)
    if scheme is None or not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(_decoded(signature), signed.encode(), scheme, SHA256())
    except InvalidSignature:
        return False
    return True


def is_proof_of_possession(proof: str, method: str, url: str) -> bool:
    """Whether a DPoP header is for a request, made just now, and signed with its own key by ES256."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    signed, _, signature = proof.rpartition(".")
    try:
        head, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        point = [int.from_bytes(_decoded(head["jwk"][name])) for name in "xy"]
        key = ec.EllipticCurvePublicNumbers(point[0], point[1], ec.SECP256R1()).public_key()
        pair = [int.from_bytes(half) for half in (_decoded(signature)[:32], _decoded(signature)[32:])]
        key.verify(encode_dss_signature(pair[0], pair[1]), signed.encode(), ec.ECDSA(SHA256()))
        is_now = abs(claims["iat"] - time.time()) <= _SKEW
    except (InvalidSignature, LookupError, TypeError, ValueError):
        return False
    kind, for_whom = (head.get("typ"), head.get("alg")), (claims.get("htm"), claims.get("htu"))
    return is_now and kind == ("dpop+jwt", "ES256") and for_whom == (method, url)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
