"""Turnout's errors as LangChain's: each is also the `ModelError` that LangChain has for the same condition."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_core import exceptions as lc

from turnout import errors as e


class LangChainAuthenticationError(e.AuthenticationError, lc.ModelAuthenticationError):
    """The service refused the credential."""


class LangChainPermissionDeniedError(e.PermissionDeniedError, lc.ModelPermissionDeniedError):
    """The identity may not do this."""


class LangChainNotFoundError(e.NotFoundError, lc.ModelNotFoundError):
    """No such deployment or model."""


class LangChainRateLimitError(e.RateLimitError, lc.ModelRateLimitError):
    """The service throttled the call."""


class LangChainInvalidRequestError(e.InvalidRequestError, lc.ModelInvalidRequestError):
    """The service refused the request."""


class LangChainContextOverflowError(e.ContextOverflowError, lc.ContextOverflowError):
    """The input is longer than the model takes."""


class LangChainContentFilterError(e.ContentFilterError, lc.ModelInvalidRequestError):
    """A content filter stopped the call."""


class LangChainServerError(e.ServerError, lc.ModelAPIError):
    """The service failed."""


class LangChainAnswerError(e.ServiceAnswerError, lc.ModelAPIError):
    """The service answered, with what can't be read as an answer."""


class LangChainRedirectError(e.RedirectError, lc.ModelError):
    """The endpoint redirected the call to another server."""


class LangChainConnectionError(e.ServiceConnectionError, lc.ModelConnectionError):
    """No connection, or it was cut."""


class LangChainTimeoutError(e.ServiceTimeoutError, lc.ModelTimeoutError):
    """No answer in time."""


AS_LANGCHAIN: dict[type[e.ModelCallError], type[e.ModelCallError]] = {
    made.__mro__[1]: made
    for made in list(vars().values())
    if isinstance(made, type) and issubclass(made, e.ModelCallError)
}


def as_langchain(error: e.TurnoutError) -> e.TurnoutError:
    """The same error, as the class that is LangChain's too."""
    kind = AS_LANGCHAIN.get(type(error))  # type: ignore[arg-type]
    if kind is None:
        return error
    made = kind.__new__(kind)
    Exception.__init__(made, *error.args)
    vars(made).update(vars(error))
    made.__cause__ = error.__cause__
    return made


@contextmanager
def langchain_errors() -> Iterator[None]:
    """Raise LangChain's form of a failed call for what the body raises."""
    try:
        yield
    except e.ModelCallError as error:
        raise as_langchain(error) from error.__cause__
