"""Whether an assertion, a JSON web token, is signed with a certificate's key (RFC 7515, RFC 7518)."""

from __future__ import annotations

import base64
import json


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


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
