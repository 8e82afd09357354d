"""What a service remembers: the reasoning that it signed, and the responses that it stored."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Issuer = Literal["anthropic", "azure", "openai", "mantle"]
"""Whose key it is. Claude's signatures are taken by every cloud that serves Claude, so Bedrock and Azure share one:
https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""
Item = Mapping[str, Any]

_KEY = b"turnout-emulator"
_MARK = b"turnout1"
_KEPT = 10_000


class _Recent(OrderedDict[Any, Any]):
    """The last few thousand entries."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > _KEPT:
            self.popitem(last=False)


class Signatures:
    """Signed reasoning: what a service sends out only in a form that it can recognise again.

    The real services encrypt reasoning, or sign it, with keys of their own; here a keyed hash stands for both, so that
    the same request always gets the same answer. A signature that a test queued is remembered once it was sent.
    """

    def __init__(self) -> None:
        self._queued: dict[tuple[str, str], None] = _Recent()

    def sign(self, issuer: Issuer, text: str, queued: str | None = None) -> str:
        """The opaque form of a text; a `queued` one is remembered and returned as it is."""
        if queued:
            self._queued[issuer, queued] = None
            return queued
        digest = hmac.new(_KEY + issuer.encode(), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(_MARK + issuer.encode().ljust(10) + digest).decode()

    def genuine(self, issuer: Issuer, value: str) -> bool:
        """Whether this issuer sent the value out."""
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


class ResponseStore:
    """The last responses of one service, their items, and the id of the reasoning that an item came with."""

    def __init__(self) -> None:
        self.conversations: dict[str, list[Item]] = _Recent()
        self.items: dict[str, Item] = _Recent()
        self.reasoning: dict[str, str] = _Recent()

    def keep(self, conversation: Sequence[Item], response: Mapping[str, Any], *, stored: bool) -> None:
        """Remember a response; one that isn't `stored` leaves only which reasoning its items came with."""
        reasoning: str | None = None
        for item in response["output"]:
            if item["type"] == "reasoning":
                reasoning = item["id"]
            elif reasoning is not None:
                self.reasoning[item["id"]] = reasoning
            if stored:
                self.items[item["id"]] = item
        if stored:
            self.conversations[response["id"]] = [*conversation, *response["output"]]
