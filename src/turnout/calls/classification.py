"""SDK error → turnout's, by `turnout.calls.error_tables`, with what the service said, where, and what to do."""

from __future__ import annotations

import email.utils
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnout import errors as e
from turnout.calls import error_tables as tables
from turnout.calls.error_tables import Kind
from turnout.conversation import answers
from turnout.facts.providers import PROVIDERS
from turnout.redaction import redact, without_secrets
from turnout.transport.answers.unreadable import UnreadableAnswerError, shortened

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping

    from turnout.providers.credentials import Credential
    from turnout.routing import Route


@dataclass(frozen=True, slots=True)
class CallSite:
    """Where a call went, for the error that may come of it: an address or region, by which credential and settings.

    `secrets` returns the backend's secrets, which no error may show.
    """

    route: Route
    endpoint: str
    credential: Credential | None = None
    source: str = ""
    secrets: Callable[[], Iterable[str]] = tuple


_WRAPPED = 4  # an SDK wraps what its transport raises, and LangChain what the SDK does
LONGEST_WAIT = 366 * 86_400.0  # seconds; beyond some years timers refuse, or never end

_TABLES: dict[str, dict[str, Kind]] = {
    "openai": tables.OPENAI,
    "anthropic": tables.ANTHROPIC,
    "botocore": tables.BOTOCORE,
    **dict.fromkeys(("httpx", "httpx2", "urllib3", "builtins"), tables.TRANSPORT),
}
_MESSAGES = {"openai": tables.OPENAI_MESSAGES, "anthropic": tables.ANTHROPIC_MESSAGES}


def classify(error: BaseException, site: CallSite) -> e.TurnoutError | None:
    """Turnout's error for an SDK's, or None if it isn't one of a known SDK's.

    It is to be raised `from` the original; one of turnout's own is returned as it is.
    """
    without_secrets(error, site.secrets())
    cause: BaseException | None = error
    for _ in range(_WRAPPED):
        if cause is None:
            break
        if isinstance(cause, e.TurnoutError):  # a credential failed inside an SDK's call, or a redirect was refused
            if isinstance(cause, e.RedirectError):
                cause.backend, cause.deployment = site.route.backend, site.route.deployment
            return cause
        if isinstance(cause, UnreadableAnswerError):
            return _unreadable(cause, error, site)
        if type(cause).__name__ == "DecodingError":  # httpx's, of a body that isn't encoded as it says
            return _unreadable(UnreadableAnswerError.of(cause), error, site)
        cause = cause.__cause__
    kind = _kind(error)
    if kind is None:
        return None
    status, code, request_id, headers = _details(error)
    if status == 413:
        kind = _by_words(_said(error), tables.TOO_LARGE_MESSAGES, e.InvalidRequestError)
    made = _made(kind, error, site, code, request_id)
    made.status, made.retry_after, made.__cause__ = status, retry_after(headers), error
    said = headers.get("x-should-retry")  # which is what OpenAI's SDK goes by as well
    if said in {"true", "false"}:
        made.retryable = said == "true"
    elif code == "insufficient_quota" or status in {501, 505} or _is_daily(kind, error):
        made.retryable = False  # a quota that is used up is a 429 that doesn't pass
    if isinstance(made, e.ContentFilterError):
        body = getattr(error, "body", None)
        stage, made.categories = answers.found(body if isinstance(body, dict) else {})
        # What Claude says is filtered as it is written, and refused in Anthropic's words. What else is refused, is
        # stopped at its prompt.
        made.stage = stage or ("completion" if "output blocked" in str(error).lower() else "prompt")
    return made


def _is_daily(kind: Kind, error: BaseException) -> bool:
    return kind is e.RateLimitError and tables.DAILY_QUOTA.search(str(error)) is not None


def _unreadable(found: UnreadableAnswerError, error: BaseException, site: CallSite) -> e.ModelCallError:
    kind = _reported(*found.codes) or e.ServiceAnswerError
    if kind is e.ServerError:  # it failed, and said so with success: a kind of its failures, which is more exact
        kind = e.ServiceAnswerError
    _, _, request_id, _ = _details(error)
    code = next((str(code) for code in found.codes if code), None)
    made = _made(kind, found, site, code, request_id)
    made.__cause__ = found.__cause__ or error
    if not found.may_pass:
        made.retryable = False
    return made


def _reported(*codes: Any) -> Kind | None:
    """The error for one that came with success, by what it says of itself: a code, a type, or an HTTP status."""
    for code in codes:
        named = str(code)
        found = tables.OPENAI_CODES.get(named) or tables.REPORTED_TYPES.get(named)
        if found is None and named.isascii() and named.isdigit():
            found = tables.STATUSES.get(int(named), e.ServerError if named.startswith("5") else None)
        if found is not None:
            return found
    return None


def _kind(error: BaseException) -> Kind | None:
    response = getattr(error, "response", None)
    if isinstance(response, dict) and "Error" in response:  # botocore's ClientError and EventStreamError
        return _bedrock_kind(response)
    named = _details(error)[3].get("x-amzn-errortype", "").partition(":")[0]
    if named:  # of AWS's front door, whichever API was asked
        status = getattr(error, "status_code", 500)
        return _bedrock_kind(
            {"Error": {"Code": named, "Message": _said(error)}, "ResponseMetadata": {"HTTPStatusCode": status}}
        )
    code = getattr(error, "code", None)
    if getattr(error, "status_code", None) == 403:  # OpenAI says model_not_found of a model that it won't let you use
        code = None
    for base in type(error).__mro__:
        sdk = base.__module__.partition(".")[0]
        table = _TABLES.get(sdk)
        if table is tables.OPENAI and isinstance(code, str) and code in tables.OPENAI_CODES:
            return tables.OPENAI_CODES[code]
        if table is not None and base.__name__ in table:
            found = table[base.__name__]
            status = getattr(error, "status_code", 200)
            if base.__name__ in {"APIError", "APIStatusError"}:  # with a status of no class of its own, or in an answer
                reported = (code, getattr(error, "type", None)) if status == 200 else (status,)
                found = _reported(*reported) or found
            return _by_words(str(error), _MESSAGES.get(sdk, ()), found) if found is e.InvalidRequestError else found
    return None


def _bedrock_kind(response: Mapping[str, Any]) -> Kind:
    code, message = str(response["Error"].get("Code", "")), str(response["Error"].get("Message", ""))
    # The event stream names its exceptions like members: throttlingException.
    named = tables.BEDROCK.get(code) or tables.BEDROCK.get(code[:1].upper() + code[1:])
    if named is e.InvalidRequestError:
        return _by_words(message, tables.BEDROCK_MESSAGES, named)
    if named is e.PermissionDeniedError:
        return _by_words(message, tables.BEDROCK_DENIALS, named)
    if named is not None:
        return named
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return tables.STATUSES.get(status, e.ServerError)


def _by_words(message: str, patterns: Iterable[tuple[re.Pattern[str], Kind]], otherwise: Kind) -> Kind:
    return next((kind for pattern, kind in patterns if pattern.search(message)), otherwise)


def _details(error: BaseException) -> tuple[int | None, str | None, str | None, Mapping[str, str]]:
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        meta, code = response.get("ResponseMetadata", {}), response.get("Error", {}).get("Code")
        return meta.get("HTTPStatusCode"), code, meta.get("RequestId"), meta.get("HTTPHeaders", {})
    headers = getattr(response, "headers", {})
    body = getattr(error, "body", None)
    inner = body.get("error") if isinstance(body, dict) else None
    code = getattr(error, "code", None) or (inner.get("type") if isinstance(inner, dict) else None)
    named = (headers.get(name) for name in ("apim-request-id", "x-request-id", "request-id", "x-amzn-requestid"))
    request_id = next((value for value in named if value), None) or getattr(error, "request_id", None)
    return getattr(error, "status_code", None), str(code) if code else None, request_id, headers


def _said(error: BaseException) -> str:
    """What the service said, from which `classify` took the secrets before."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Message", error))
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("message"), str):
        return str(inner["message"])
    message = str(getattr(error, "message", "") or error) or type(error).__name__
    # Of a request that got no answer the openai and anthropic SDKs say no more than that; what they stand on says why.
    if message == "Connection error." and error.__cause__ is not None:
        below = shortened(_said(error.__cause__))
        return below if below.startswith(message) else f"{message} {below}"
    return message


def _made(
    kind: Kind, error: BaseException, site: CallSite, code: str | None, request_id: str | None
) -> e.ModelCallError:
    route, provider = site.route, PROVIDERS[site.route.provider]
    place = f"{route.deployment!r} on backend {route.backend!r} ({site.endpoint})"
    called = f"{route.key} in {site.source}" if route.key else f"{route.name!r} in the code"
    wait = "Wait as long as retry_after says, or raise the quota. "
    if _is_daily(kind, error):
        wait = "The day's quota is used up, so no retry passes: raise it, or use another region. "
    again = "It may pass; try again. " if getattr(error, "may_pass", True) else "Ask for less. "
    head, advice = {
        e.AuthenticationError: (
            f"{site.endpoint} refused the credential of backend {route.backend!r}",
            f"It was: {site.credential}. " if site.credential else "",
        ),
        e.PermissionDeniedError: (
            f"the credential of backend {route.backend!r} may not use {place}",
            "Give it the role: 'Cognitive Services OpenAI User' on Azure, bedrock:InvokeModel on AWS. ",
        ),
        e.NotFoundError: (
            f"there is no {'deployment' if provider.names_deployments else 'model'} {place}",
            f"The settings call it {called}. {provider.not_found} ",
        ),
        e.RateLimitError: (f"{place} is throttled", wait),
        e.ContextOverflowError: (f"the input is too long for {place}", "Shorten it, or choose a longer context. "),
        e.ContentFilterError: (f"a content filter stopped the call to {place}", ""),
        e.ServiceTimeoutError: (f"{place} did not answer in time", "Raise the backend's timeout, or ask for less. "),
        e.ServiceConnectionError: (f"no connection to {place}, or it was cut", "Check the endpoint and the network. "),
        e.ServerError: (f"{place} failed", again),
        e.ServiceAnswerError: (f"the answer of {place} can't be read", again),
    }.get(kind, (f"{place} refused the request", ""))
    other = next((wire for words, wire in tables.OTHER_WIRE if words in _said(error)), None)
    if other is not None and other != route.wire:
        advice = f"Set wire = {other!r} in the target ({called}). "
    named = f" [{code}]" if code else ""
    source = "What came" if kind is e.ServiceAnswerError else "The service said"
    message = redact(f"{head}{named}. {advice}{source}: {shortened(_said(error))}", site.secrets())
    return kind(message, backend=route.backend, deployment=route.deployment, code=code, request_id=request_id)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a service asks to wait, or None if it says nothing that can be a wait.

    Read are `retry-after-ms` (Azure), `x-amz-retry-after` (AWS; both in milliseconds) and `Retry-After` (seconds, or an
    HTTP date: RFC 9110, 10.2.3), in that order. What is no number or date, negative, too long or NaN is passed over.
    """
    for name, unit in (("retry-after-ms", 1000), ("x-amz-retry-after", 1000), ("retry-after", 1)):
        seconds = _seconds(headers.get(name) or "", unit)
        if seconds is not None and 0 <= seconds <= LONGEST_WAIT:
            return seconds
    return None


def _seconds(text: str, unit: int) -> float | None:
    try:
        return float(text) / unit
    except ValueError:
        if unit != 1:
            return None
    try:
        date = email.utils.parsedate_tz(text)
        return None if date is None else max(email.utils.mktime_tz(date) - time.time(), 0.0)
    except (ValueError, OverflowError, TypeError, IndexError):  # of numbers that no date has
        return None
