"""An SDK's exception without the credentials that it holds, for it stays the cause of turnout's own.

The frames of its traceback stay, with their lines but without their variables: among those are the headers that were
sent. The request that it refers to loses the values of its headers, and what the service said of them is redacted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from turnout.redaction import REDACTED, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

E = TypeVar("E", bound=BaseException)

_PLAIN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "anthropic-beta",
        "anthropic-version",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-amz-date",
    }
)
_DEEP = 8  # levels of a body that are looked through


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
            if not _is_plain(name):
                yield value
                yield value.rpartition(" ")[2]  # without `Bearer`


def _is_plain(name: str) -> bool:
    return name.lower() in _PLAIN_HEADERS or name.lower().startswith("x-stainless-")


def _clean(error: BaseException, secrets: set[str]) -> None:
    for request in _requests(error):
        for name in [name for name in request.headers if not _is_plain(name)]:
            request.headers[name] = REDACTED
    own = vars(error)
    _clean_aiohttp(error, own)
    for name in ("pool", "conn"):  # urllib3's, which have the proxy's headers; what they are called is in the message
        if name in own:
            own[name] = None
    if any(isinstance(text, str) for text in error.args):
        error.args = tuple(redact(text, secrets) if isinstance(text, str) else text for text in error.args)
    for name in ("message", "body", "tried", "msg", "doc"):
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
