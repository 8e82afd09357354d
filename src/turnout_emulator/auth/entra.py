"""Access tokens of the emulated Entra: issued for a scope, accepted until they expire or are revoked.

They have the form of a JWT and are signed with a secret of this emulator (HS256), where the real ones carry Microsoft's
RS256 signature: only the emulated services can check them, as only Azure checks the real ones.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any


class TokenRefused(Exception):
    """A token that is missing, malformed, expired, revoked or for another audience."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class TokenIssuer:
    """Issues and checks tokens.

    Args:
        lifetime: Seconds for which a token is accepted.
        clock: The time, in Unix seconds.
    """

    def __init__(self, lifetime: float = 3600.0, clock: Callable[[], float] = time.time) -> None:
        self.lifetime = lifetime
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def issue(self, *, client_id: str, tenant: str, audience: str, lifetime: float | None = None) -> str:
        """Make a token; a negative `lifetime` (seconds) makes one that has expired already."""
        now = self._clock()
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant}/",
            "tid": tenant,
            "appid": client_id,
            "oid": str(uuid.uuid5(uuid.NAMESPACE_OID, client_id)),
            "iat": int(now),
            "nbf": int(now),
            "exp": now + (self.lifetime if lifetime is None else lifetime),
            "jti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        head = _encode(b'{"typ":"JWT","alg":"HS256"}')
        body = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{head}.{body}.{_encode(self._sign(f'{head}.{body}'))}"

    def check(self, token: str, audiences: frozenset[str]) -> dict[str, Any]:
        """The claims of a token; `TokenRefused` if it isn't one of ours, expired or is for another audience."""
        try:
            head, body, signature = token.split(".")
            genuine = hmac.compare_digest(_decode(signature), self._sign(f"{head}.{body}"))
            claims: dict[str, Any] = json.loads(_decode(body))
        except ValueError as error:
            raise TokenRefused("malformed") from error
        if not genuine:
            raise TokenRefused("signature")
        if claims["exp"] <= self._clock():
            raise TokenRefused("expired")
        if claims["aud"].rstrip("/") not in audiences:
            raise TokenRefused("audience")
        return claims

    def revoke_all(self) -> None:
        """Refuse every token issued so far."""
        self._secret = secrets.token_bytes(32)

    def _sign(self, text: str) -> bytes:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).digest()
