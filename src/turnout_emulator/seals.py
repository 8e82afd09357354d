"""Signed reasoning: what a service gives out only in a form that it can recognise again.

The real services encrypt reasoning, or sign it, with keys of their own; here a keyed hash stands for both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
from collections import OrderedDict
from typing import Literal

Issuer = Literal["anthropic", "azure", "openai", "mantle"]
"""Whose key it is. Claude's signatures are taken by every cloud that serves Claude, so Bedrock and Azure share one:
https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""

_KEY = b"turnout-emulator"
_MARK = b"turnout1"
_KEPT = 10_000


class Seals:
    """What has been sealed and by whom.

    A seal is the same for the same text, so that the same request always gets the same answer. What a test queued as a
    signature of its own is remembered once it was sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: OrderedDict[tuple[str, str], None] = OrderedDict()

    def seal(self, issuer: Issuer, text: str) -> str:
        """The opaque form of a text."""
        data = _MARK + issuer.encode().ljust(10) + _digest(issuer, text)
        return base64.b64encode(data).decode()

    def given(self, issuer: Issuer, value: str) -> str:
        """Remember a value that was queued, and return it."""
        with self._lock:
            self._given[issuer, value] = None
            while len(self._given) > _KEPT:
                self._given.popitem(last=False)
        return value

    def genuine(self, issuer: Issuer, value: str, text: str | None = None) -> bool:
        """Whether this issuer gave the value out; with `text`, for that very text."""
        with self._lock:
            if (issuer, value) in self._given:
                return True
        if self.issuer(value) != issuer:
            return False
        return text is None or hmac.compare_digest(self.seal(issuer, text), value)

    def issuer(self, value: str) -> str | None:
        """Who sealed a value; None when it isn't a seal of the emulator's."""
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return None
        if not data.startswith(_MARK) or len(data) != len(_MARK) + 10 + 32:
            return None
        return data[len(_MARK) : len(_MARK) + 10].decode("ascii", "replace").strip()


def _digest(issuer: str, text: str) -> bytes:
    return hmac.new(_KEY + issuer.encode(), text.encode(), hashlib.sha256).digest()
