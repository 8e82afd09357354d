"""Text without secrets: what a service said, and what a user wrote, before either is shown.

An SDK's exception stays the cause of turnout's own, without the credentials that it holds. The frames of its traceback
stay, with their lines but without their variables: among those are the headers that were sent. The request that it
refers to loses the values of its headers, and what the service said of them is redacted.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

E = TypeVar("E", bound=BaseException)

REDACTED = "[redacted]"
"""What stands in a secret's place."""

_SHORTEST = 6  # characters of a known value that is looked for: one of fewer is found in every text
_HEADERS = (
    r"(?:proxy-)?authorization|(?:[\w-]*[_-])?api[_-]?key|ocp-apim-subscription-key|(?:set-)?cookie|"
    r"(?:aws_)?(?:access_?key_?id|secret_?access_?key)|client_?secret|password|secret|token|"
    r"(?:[\w-]*[_-])?(?:access|bearer|id|refresh|security|session|web_?identity)[_-]?token"
)

_SHAPES = (
    r"(?P<kept>://)[^\s/@'\"]+(?=@)",  # a URL's user name and password
    rf"(?i)(?<![\w-])(?P<kept>(?:{_HEADERS})\\?[\"']?\s*[:=]\s*b?\\?[\"']?)(?P<value>[^\s\"',;&}}\])<>\\]+)",
    rf"(?i)(?P<kept><(?:{_HEADERS})>)(?P<value>[^<]+)",  # STS answers in XML
    r"(?P<kept>\"Secret(?:String|Binary)\"\s*:\s*\")(?:[^\"\\]|\\+.)*",  # Secrets Manager's answer, or its repr
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
_PLAIN_HEADERS = re.compile(
    r"(?i)accept(?:-encoding)?|amz-sdk-(?:invocation-id|request)|anthropic-(?:beta|version)|connection|"
    r"content-(?:length|type)|host|user-agent|x-amz-date|x-stainless-.*"
)
_DEEP = 8  # levels of a body that are looked through


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


def without_secrets(error: E, known: Iterable[str] = ()) -> E:
    """An exception with all that led to it, changed in place; frames that still run keep their variables."""
    chain = list(_chain(error))
    secrets = {*known, *(value for one in chain for value in _sent(one))}
    for one in chain:
        without_variables(one)
        _clean(one, secrets)
    return error


def without_variables(error: BaseException) -> None:
    """Clear the variables of the frames that an exception came through, and that don't run any more."""
    if error.__traceback__ is not None:
        import traceback

        traceback.clear_frames(error.__traceback__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those that led to it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, *(inner for inner in one.args if isinstance(inner, BaseException))]
        waiting += getattr(one, "exceptions", ())  # of a group


def _requests(error: BaseException) -> Iterator[Any]:
    """The httpx requests that an exception refers to."""
    own = vars(error)
    for holder in (own.get("request"), own.get("_request"), getattr(own.get("response"), "_request", None)):
        if hasattr(holder, "headers"):
            yield holder


def _sent(error: BaseException) -> Iterator[str]:
    """The credentials that were sent."""
    for request in _requests(error):
        for name, value in request.headers.items():
            if not _PLAIN_HEADERS.fullmatch(name):
                text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)  # botocore has bytes
                yield text
                yield text.rpartition(" ")[2]  # without `Bearer`


def _clean(error: BaseException, secrets: set[str]) -> None:
    for request in _requests(error):
        for name in [name for name in request.headers if not _PLAIN_HEADERS.fullmatch(name)]:
            request.headers[name] = REDACTED
    own = vars(error)
    _clean_aiohttp(error, own)
    for name in ("pool", "conn"):  # urllib3's, which have the proxy's headers; what they are called is in the message
        if name in own:
            own[name] = None
    if any(isinstance(text, str) for text in error.args):
        error.args = tuple(redact(text, secrets) if isinstance(text, str) else text for text in error.args)
    for name in ("message", "body", "tried", "msg", "doc", "kwargs"):
        if own.get(name) is not None:
            own[name] = _redacted(own[name], secrets)
    response = own.get("response")
    if isinstance(response, dict):  # botocore's
        own["response"] = _redacted(response, secrets)
    elif hasattr(response, "_request"):  # httpx's
        answer = vars(response)
        if isinstance(content := answer.get("_content"), bytes):
            answer["_content"] = redact(content.decode(errors="replace"), secrets).encode()
            answer.pop("_text", None)  # made of it
    elif response is not None:  # azure-core's, whose request has a secret in its body
        own["response"] = None


def _clean_aiohttp(error: BaseException, own: dict[str, Any]) -> None:
    """Of aiohttp's: the request, whose headers have the proxy's password too."""
    info = own.get("request_info")
    if info is not None:
        bare = info._replace(headers=type(info.headers)(type(info.headers.copy())()))  # an empty proxy of its mapping
        own |= {"request_info": bare, "history": ()}
        error.args = (bare, ())
    if (key := own.get("_conn_key")) is not None and getattr(key, "proxy_auth", None) is not None:
        bare = key._replace(proxy_auth=None)
        own["_conn_key"] = bare
        error.args = tuple(bare if one is key else one for one in error.args)


def _redacted(value: Any, secrets: set[str], deep: int = 0) -> Any:
    if isinstance(value, str):
        return redact(value, secrets)
    if deep == _DEEP:
        return value
    if isinstance(value, dict):
        return {name: _redacted(inner, secrets, deep + 1) for name, inner in value.items()}
    if type(value) in {list, tuple}:
        return type(value)(_redacted(inner, secrets, deep + 1) for inner in value)
    return value
