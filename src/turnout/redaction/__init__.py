"""Text without secrets: what a service said, and what a user wrote, before either is shown."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"
"""What stands in a secret's place."""

_SHORTEST = 6  # characters of a known value that is looked for: one of fewer is found in every text
_HEADERS = (
    r"(?:proxy-)?authorization|(?:[\w-]*[_-])?api[_-]?key|ocp-apim-subscription-key|x-amz-security-token|"
    r"(?:aws_)?(?:access_key_id|secret_access_key)|(?:aws_)?session_token|client_secret|password|secret|token|(?:set-)?cookie"
)

_SHAPES = (
    r"(?P<kept>://)[^\s/@'\"]+(?=@)",  # a URL's user name and password
    rf"(?i)(?<![\w-])(?P<kept>(?:{_HEADERS})\\?[\"']?\s*[:=]\s*b?\\?[\"']?)(?P<value>[^\s\"',;&}}\])<>\\]+)",
    r"(?i)\b(?P<kept>(?:Bearer|Basic|Negotiate)\s+)(?P<value>[^\s\"',;&}\])<>\\]+)",
    r"(?i)\b(?P<kept>Signature\s*=\s*)[0-9a-f]{16,}",
    r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?",  # a JSON web token
    r"\bsk-[\w-]{8,}",
    r"\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z0-9]{8,}",
    r"\b(?:ABSK|bedrock-api-key-)[\w+/=-]{8,}",
    # A long run without a break. What services call an answer or a request is let through: it is no secret.
    r"(?<![\w+/=.-])(?!(?:req|resp|msg|rs|fc|run|call|chatcmpl|batch|file|toolu|tooluse)[_-])(?P<run>[\w+/=-]{32,})",
)
_PIECE = re.compile(r"[A-Za-z0-9]+")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[\w.:/-]{1,64}")


@cache
def _patterns() -> list[re.Pattern[str]]:
    """What looks like a secret; compiled when it is first needed, which takes longer than the rest of an import.

    Of each the group `kept` stays, if there is one. Those with a `value` are redacted only where that looks like one.
    """
    return [re.compile(pattern) for pattern in _SHAPES]


def redact(text: str, known: Iterable[str] = ()) -> str:
    """A text without credentials, nor the values that are `known` to be secret, whatever they look like."""
    for value in sorted({value for value in known if len(value) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(value, REDACTED)
    for pattern in _patterns():
        text = pattern.sub(_replaced, text)
    return text


def _replaced(found: re.Match[str]) -> str:
    groups = found.groupdict()
    value, run = groups.get("value"), groups.get("run")
    if value is not None and not _is_value(value):
        return found[0]
    if run is not None and not _is_random(run, 20):
        return found[0]
    return f"{groups.get('kept') or ''}{REDACTED}"


def _is_value(text: str) -> bool:
    """Whether what follows a header's name is one, and no word of a sentence."""
    word = text.strip(".!?")
    is_word = word.isalpha() and len(word) < 20 and (word.islower() or word.isupper() or word.istitle())
    return text != REDACTED and len(text) >= _SHORTEST and not is_word


def _is_random(text: str, length: int) -> bool:
    """Whether a text has a piece that is no word, number or date."""
    return any(len(piece) >= length and not piece.isalpha() and not piece.isdigit() for piece in _PIECE.findall(text))


def _is_mixed(piece: str) -> bool:
    kinds = (str.isdigit, str.islower, str.isupper)
    return len(piece) >= 8 and all(any(kind(letter) for letter in piece) for kind in kinds)


def shown(value: object) -> str:
    """What a user wrote, as an error may show it: a name in quotes, and of all else, which may be a key, its length."""
    text = str(value)
    if _UUID.fullmatch(text):
        return repr(text)
    pieces = _PIECE.findall(text)
    short = _NAME.fullmatch(text) and not any(len(piece) >= 24 or _is_mixed(piece) for piece in pieces)
    if short and not _is_random(text, 10) and redact(text) == text:
        return repr(text)
    return f"a value of {len(text)} characters"
