"""SDK error → turnout's, one table per SDK. Status and code first; a message only where a service gives no code."""

from __future__ import annotations

import re
from collections.abc import Mapping

from turnout import errors as e

Kind = type[e.ModelCallError]


def _by_name(names: Mapping[Kind, str]) -> dict[str, Kind]:
    """A table by name, of one that has for each of turnout's errors the names that mean it."""
    return {name: kind for kind, these in names.items() for name in these.split()}


# Exception classes of the openai and the anthropic SDK. Those that aren't named are kinds of one that is.
_BOTH_SDKS = _by_name(
    {
        e.ServiceTimeoutError: "APITimeoutError",
        e.ServiceConnectionError: "APIConnectionError",
        e.AuthenticationError: "AuthenticationError",
        e.PermissionDeniedError: "PermissionDeniedError",
        e.NotFoundError: "NotFoundError",
        e.RateLimitError: "RateLimitError",
        e.ServerError: "ConflictError InternalServerError APIStatusError APIError",
        e.InvalidRequestError: "BadRequestError UnprocessableEntityError",
        e.ServiceAnswerError: "APIResponseValidationError",
    }
)
OPENAI = _BOTH_SDKS | _by_name(
    {
        e.AuthenticationError: "OAuthError SubjectTokenProviderError",
        e.InvalidRequestError: "LengthFinishReasonError InvalidWebhookSignatureError OpenAIError",
        e.ContentFilterError: "ContentFilterFinishReasonError",
        e.ServerError: "WebSocketQueueFullError",
        e.ServiceConnectionError: "WebSocketConnectionClosedError",
    }
)
ANTHROPIC = _BOTH_SDKS | _by_name(
    {
        e.ServiceTimeoutError: "RequestTimeoutError GatewayTimeoutError DeadlineExceededError",
        e.AuthenticationError: "CredentialsError",
        e.PermissionDeniedError: "PaymentRequiredError",
        e.InvalidRequestError: (
            "PreconditionFailedError RequestHeaderFieldsTooLargeError APIWebhookValidationError AnthropicError"
        ),
        e.ContextOverflowError: "ContentTooLargeError RequestTooLargeError",
        e.ServiceConnectionError: "ClientClosedRequestError",
        e.ServerError: "RetryableError",
    }
)

# openai: the body's `code` → ours, where it says more than the status. PermissionDenied is Azure's 401 for an identity
# without the data action. What a response of Responses fails with: openai 2.54, types/responses/response_error.py.
OPENAI_CODES = _by_name(
    {
        e.ContextOverflowError: "context_length_exceeded string_above_max_length max_tokens_per_request",
        e.ContentFilterError: (
            "content_filter content_policy_violation ResponsibleAIPolicyViolation bio_policy "
            "image_content_policy_violation"
        ),
        e.NotFoundError: "DeploymentNotFound model_not_found",
        e.RateLimitError: "insufficient_quota rate_limit_exceeded",
        e.AuthenticationError: "invalid_api_key",
        e.PermissionDeniedError: "PermissionDenied",
        e.ServerError: "server_error",
        e.ServiceTimeoutError: "vector_store_timeout",
        e.InvalidRequestError: (
            "invalid_prompt data_residency_mismatch invalid_image invalid_image_format invalid_base64_image "
            "invalid_image_url image_too_large image_too_small image_parse_error invalid_image_mode "
            "image_file_too_large unsupported_image_media_type empty_image_file failed_to_download_image "
            "image_file_not_found"
        ),
    }
)

# An error that came with success: its `type` → ours, where its code says nothing. Anthropic's, and OpenAI's.
# https://docs.anthropic.com/en/api/errors
REPORTED_TYPES = _by_name(
    {
        e.InvalidRequestError: "invalid_request_error",
        e.AuthenticationError: "authentication_error",
        e.PermissionDeniedError: "permission_error",
        e.NotFoundError: "not_found_error",
        e.ContextOverflowError: "request_too_large",
        e.RateLimitError: "rate_limit_error tokens requests",
        e.ServiceTimeoutError: "timeout_error",
        e.ServerError: "api_error overloaded_error",
    }
)

STATUSES: dict[int, Kind] = {
    400: e.InvalidRequestError,
    401: e.AuthenticationError,
    403: e.PermissionDeniedError,
    404: e.NotFoundError,
    408: e.ServiceTimeoutError,
    413: e.ContextOverflowError,
    429: e.RateLimitError,
}

# What Bedrock says, on each of its APIs, of an id that it doesn't know or that only an inference profile stands for.
_WRONG_BEDROCK_ID = re.compile(r"(?i)model identifier is invalid|on-demand throughput isn.t supported")
# OpenAI's 400 for a text to embed has no code, nor has one of Cohere's or of a compatible server. Sources on GitHub:
# pull request 143 of vcmf/dim0; issue 340 of eneo-ai/eneo (vLLM), 356 of huggingface/text-embeddings-inference; of too
# many texts, pull request 4029 of stacklok/toolhive and issue 142 of memodb-io/memobase.
OPENAI_MESSAGES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (_WRONG_BEDROCK_ID, e.NotFoundError),
    (
        re.compile(
            r"(?i)maximum (context|input) length|too many tokens|must have less than \d+ (tokens|characters)"
            r"|batch size (is invalid|\d+ > maximum)"
        ),
        e.ContextOverflowError,
    ),
)

# Anthropic's 400 has one type for everything, so its words are all there is.
ANTHROPIC_MESSAGES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (_WRONG_BEDROCK_ID, e.NotFoundError),
    (re.compile(r"(?i)prompt is too long|exceed(s|ed)? (the )?context"), e.ContextOverflowError),
    (re.compile(r"(?i)content filter(ing)? policy"), e.ContentFilterError),
)

# Bedrock Runtime: error code → ours, by its service model and by what AWS has for every service:
# https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
BEDROCK = _by_name(
    {
        e.PermissionDeniedError: "AccessDeniedException AccessDenied NotAuthorized OptInRequired",
        e.ServerError: (
            "ConflictException InternalServerException ModelErrorException ModelNotReadyException "
            "ModelStreamErrorException ServiceUnavailableException InternalFailure ServiceUnavailable"
        ),
        e.ServiceTimeoutError: "ModelTimeoutException",
        e.NotFoundError: "ResourceNotFoundException UnknownOperationException",
        e.RateLimitError: "ServiceQuotaExceededException ThrottlingException Throttling TooManyRequestsException",
        e.InvalidRequestError: "ValidationException",
        e.AuthenticationError: (
            "ExpiredToken ExpiredTokenException IncompleteSignature IncompleteSignatureException InvalidClientTokenId "
            "InvalidSignatureException MissingAuthenticationTokenException RequestExpired SignatureDoesNotMatch "
            "UnrecognizedClientException"
        ),
    }
)

# Bedrock gives these as plain ValidationException, so its words are all there is.
BEDROCK_MESSAGES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (_WRONG_BEDROCK_ID, e.NotFoundError),
    (
        re.compile(
            r"(?i)(input|prompt) is too long|too many (input )?tokens|maximum tokens|exceeds the maximum of \d+ tokens"
        ),
        e.ContextOverflowError,
    ),
)

# Bedrock says of its API keys that access is denied, which is what it says of a permission too.
# Source: ai4s-research/open-science#53; tests of BerriAI/litellm's AnthropicExceptionMapping
BEDROCK_DENIALS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"(?i)authentication failed|bearer token has expired"), e.AuthenticationError),
)

# A 413 is a model's, of too many tokens, or of what stands before it and counts bytes: a gateway, or Anthropic's own
# front door ("Request exceeds the maximum size").
TOO_LARGE_MESSAGES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"(?i)\b(tokens?|context|prompt|input)\b|too long"), e.ContextOverflowError),
)

# Bedrock's throttling by the day's quota, which no repetition passes; its code is that of all throttling.
# Source: minorun365/agent-book#29, Ivy-Interactive/Ivy-Tendril#1756
DAILY_QUOTA = re.compile(r"(?i)too many (tokens|requests) per day")

# botocore's own exceptions, raised before or instead of an answer, and those of its parsers.
BOTOCORE = _by_name(
    {
        e.ServiceTimeoutError: "ConnectTimeoutError ReadTimeoutError",
        e.ServiceConnectionError: (
            "EndpointConnectionError ConnectionClosedError ConnectionError ProxyConnectionError SSLError "
            "ResponseStreamingError IncompleteReadError HTTPClientError"
        ),
        e.ServiceAnswerError: "ResponseParserError ParserError ChecksumError FlexibleChecksumError",
        e.AuthenticationError: (
            "NoCredentialsError PartialCredentialsError CredentialRetrievalError NoAuthTokenError TokenRetrievalError "
            "SSOError LoginError RefreshWithMFAUnsupportedError"
        ),
        e.InvalidRequestError: "ParamValidationError BotoCoreError",
    }
)

# Transport errors that come through raw when a stream is cut.
TRANSPORT = _by_name(
    {
        e.ServiceTimeoutError: "TimeoutException TimeoutError",
        e.ServiceConnectionError: "TransportError ProtocolError HTTPError ConnectionError",
    }
)

OTHER_WIRE = (
    ("Responses API is not enabled", "openai-chat"),
    ("Please use /v1/responses instead", "openai-responses"),
)
"""What a service says of a wire that it doesn't serve a model on → the wire to set.

Source: https://github.com/responsibleai/ASSERT/issues/129, https://github.com/aaif-goose/goose/issues/9825
"""
