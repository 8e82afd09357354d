"""Signed reasoning: what a service sends out only in a form that it can recognise again.

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


class Signatures:
    """What has been signed and by whom.

    A signature is the same for the same text, so that the same request always gets the same answer. What a test queued
    as a signature of its own is remembered once it was sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queued: OrderedDict[tuple[str, str], None] = OrderedDict()

    def sign(self, issuer: Issuer, text: str, queued: str | None = None) -> str:
        """The opaque form of a text; a `queued` one is remembered and returned as it is."""
        if not queued:
            digest = hmac.new(_KEY + issuer.encode(), text.encode(), hashlib.sha256).digest()
            return base64.b64encode(_MARK + issuer.encode().ljust(10) + digest).decode()
        with self._lock:
            self._queued[issuer, queued] = None
            while len(self._queued) > _KEPT:
                self._queued.popitem(last=False)
        return queued

    def genuine(self, issuer: Issuer, value: str) -> bool:
        """Whether this issuer sent the value out."""
        with self._lock:
            return (issuer, value) in self._queued or self.issuer(value) == issuer

    def issuer(self, value: str) -> str | None:
        """Who signed a value; None when it isn't a signature of the emulator's."""
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return None
        if not data.startswith(_MARK) or len(data) != len(_MARK) + 10 + 32:
            return None
        return data[len(_MARK) : len(_MARK) + 10].decode("ascii", "replace").strip()
