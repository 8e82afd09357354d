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

from turnout_emulator.refusals import RequestRefused

VAULT_AUDIENCE = "https://vault.azure.net"
"""For what a token of Key Vault is."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenIssuer:
    """Issues and checks tokens.

    Args:
        lifetime: Seconds for which a token is accepted.
        clock: The time, in Unix seconds.
    """

    def __init__(self, lifetime: float = 3600.0, clock: Callable[[], float] = time.time) -> None:
        self.lifetime = lifetime
        self._clock = clock
        self.revoke_all()

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
        signed = f"{head}.{_encode(json.dumps(claims, separators=(',', ':')).encode())}"
        return f"{signed}.{self._sign(signed)}"

    def check(self, token: str, audiences: frozenset[str]) -> dict[str, Any]:
        """The claims of a token; it is refused if it isn't one of ours, expired or is for another audience."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._sign(signed).encode()):
            raise RequestRefused("wrong_token")
        body = signed.rpartition(".")[2]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if claims["exp"] <= self._clock() or claims["aud"].rstrip("/") not in audiences:
            raise RequestRefused("wrong_token")
        return claims

    def revoke_all(self) -> None:
        """Refuse every token issued so far."""
        self._secret = secrets.token_bytes(32)

    def _sign(self, text: str) -> str:
        return _encode(hmac.new(self._secret, text.encode(errors="replace"), hashlib.sha256).digest())
