"""Every exception that an SDK can raise has a place in a table."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import anthropic
import botocore.exceptions
import botocore.session
import httpx
import openai
import pytest
from botocore.exceptions import ClientError

from turnout import errors
from turnout.calls.classification import CallSite, classify
from turnout.calls.error_tables import ANTHROPIC, BEDROCK, BOTOCORE, OPENAI, OPENAI_CODES
from turnout.providers.credentials import Credential
from turnout.routing import Route

ROUTE = Route("chat", "default", "west", "azure", "openai-chat", "gpt-5-prod", "gpt-5", key="chat.default.west")
SITE = CallSite(ROUTE, "https://contoso.openai.azure.com", Credential("api-key", "from the settings"), "turnout.toml")


def exceptions(module: Any, names: list[str]) -> dict[str, type[Exception]]:
    found = {name: getattr(module, name) for name in names}
    return {name: kind for name, kind in found.items() if inspect.isclass(kind) and issubclass(kind, Exception)}


def test_every_exception_of_the_openai_sdk_is_named() -> None:
    assert set(exceptions(openai, [n for n in openai.__all__ if n.endswith("Error")])) <= set(OPENAI)


def test_every_exception_of_the_anthropic_sdk_is_named_or_of_a_named_kind() -> None:
    general = {"APIStatusError", "APIError", "AnthropicError"}
    for name, kind in exceptions(anthropic, [n for n in anthropic.__all__ if n.endswith("Error")]).items():
        if name in ANTHROPIC:
            continue
        named = [base.__name__ for base in kind.__mro__ if base.__name__ in ANTHROPIC]
        assert named, name
        assert named[0] not in general or "Error" in name, name


def test_every_error_of_bedrock_runtime_is_named() -> None:
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    assert {shape.name for shape in model.error_shapes} <= set(BEDROCK)


def test_every_http_error_of_botocore_is_a_connection_or_a_timeout() -> None:
    connections = {
        name
        for name, kind in vars(botocore.exceptions).items()
        if inspect.isclass(kind)
        and issubclass(kind, (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError))
    }
    for name in connections:
        kind = getattr(botocore.exceptions, name)
        named = next(BOTOCORE[base.__name__] for base in kind.__mro__ if base.__name__ in BOTOCORE)
        assert issubclass(named, (errors.ServiceConnectionError, errors.ServiceTimeoutError)), name


def status_error(kind: Any, status: int, body: Any, headers: dict[str, str] | None = None) -> Exception:
    library = __import__(kind.__mro__[0].__module__.split(".")[0])
    http = httpx if library is openai and openai.__version__ < "3" else __import__("httpx2")
    response = http.Response(status, request=http.Request("POST", "https://x"), headers=headers or {})
    made: Exception = kind("said", response=response, body=body)
    return made


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (status_error(openai.NotFoundError, 404, {"code": "DeploymentNotFound"}), errors.NotFoundError),
        (status_error(openai.BadRequestError, 400, {"code": "context_length_exceeded"}), errors.ContextOverflowError),
        (status_error(openai.BadRequestError, 400, {"code": "content_filter"}), errors.ContentFilterError),
        (status_error(openai.AuthenticationError, 401, {"code": "PermissionDenied"}), errors.PermissionDeniedError),
        (status_error(openai.PermissionDeniedError, 403, {"code": "model_not_found"}), errors.PermissionDeniedError),
        (status_error(openai.RateLimitError, 429, {}), errors.RateLimitError),
        (status_error(openai.APIStatusError, 418, {}), errors.ServerError),
        (status_error(anthropic.BadRequestError, 400, {}), errors.InvalidRequestError),
        (status_error(anthropic.InternalServerError, 529, {}), errors.ServerError),
        (status_error(anthropic.RequestTooLargeError, 413, {}), errors.InvalidRequestError),
        (status_error(openai.APIStatusError, 413, {"message": "Too many tokens"}), errors.ContextOverflowError),
        (status_error(openai.APIStatusError, 413, {"message": "Payload Too Large"}), errors.InvalidRequestError),
        (httpx.RemoteProtocolError("cut"), errors.ServiceConnectionError),
        (httpx.ReadTimeout("slow"), errors.ServiceTimeoutError),
        (ConnectionResetError("cut"), errors.ServiceConnectionError),
        (TimeoutError(), errors.ServiceTimeoutError),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), errors.ServiceConnectionError),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), errors.ServiceTimeoutError),
    ],
    ids=lambda value: value.__name__ if inspect.isclass(value) else type(value).__name__,
)
def test_an_sdks_error_becomes_ours(error: Exception, kind: type[errors.ModelCallError]) -> None:
    made = classify(error, SITE)
    assert type(made) is kind
    assert made.original is error
    assert (made.backend, made.deployment) == ("west", "gpt-5-prod")


def client_error(code: str, message: str = "said", status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1", "HTTPHeaders": {}, "RetryAttempts": 0},
        },
        "Converse",
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error("ThrottlingException"), errors.RateLimitError),
        (client_error("throttlingException"), errors.RateLimitError),
        (client_error("ValidationException", "The provided model identifier is invalid."), errors.NotFoundError),
        (client_error("ValidationException", "Input is too long for requested model."), errors.ContextOverflowError),
        (client_error("ValidationException", "Malformed input"), errors.InvalidRequestError),
        (client_error("ExpiredTokenException", status=403), errors.AuthenticationError),
        (client_error("SomethingNewException", status=503), errors.ServerError),
        (client_error("SomethingNewException", status=403), errors.PermissionDeniedError),
    ],
)
def test_bedrocks_codes_and_where_it_has_none_its_words(error: ClientError, kind: type[errors.ModelCallError]) -> None:
    made = classify(error, SITE)
    assert type(made) is kind
    assert made.request_id == "r-1"


def test_what_is_no_sdks_stays_what_it_is() -> None:
    assert classify(ValueError("a bug"), SITE) is None
    assert classify(KeyError("a bug"), SITE) is None
    own = errors.CredentialError("no", tried=("a",))
    assert classify(own, SITE) is own
    wrapped = openai.APIConnectionError(request=Any)  # type: ignore[arg-type]
    wrapped.__cause__ = own
    assert classify(wrapped, SITE) is own


def test_a_message_says_where_and_what_to_do() -> None:
    made = classify(status_error(openai.NotFoundError, 404, {"code": "DeploymentNotFound", "message": "gone"}), SITE)
    for part in ("'gpt-5-prod'", "contoso.openai.azure.com", "chat.default.west in turnout.toml", "gone"):
        assert part in str(made)
    refused = classify(status_error(openai.AuthenticationError, 401, {}), SITE)
    assert "It was: api-key (from the settings)" in str(refused)


def test_every_error_pickles_with_what_it_knows() -> None:
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.TurnoutError)]
    assert len(kinds) > 15
    for kind in kinds:
        made = kind("what to do")
        known: dict[str, Any] = {}
        if issubclass(kind, errors.ModelCallError):
            known = {"backend": "west", "retry_after": 2.0}
        elif issubclass(kind, errors.CredentialError):
            known = {"tried": ("one",)}
        vars(made).update(known)
        again = pickle.loads(pickle.dumps(made))
        assert type(again) is kind
        assert str(again) == "what to do"
        assert {name: getattr(again, name) for name in known} == known


def test_a_codes_table_holds_only_call_errors() -> None:
    for table in (OPENAI, OPENAI_CODES, ANTHROPIC, BEDROCK, BOTOCORE):
        assert all(issubclass(kind, errors.ModelCallError) for kind in table.values())
