"""SDK error → turnout's, one table per SDK. Status and code first; a message only where a service gives no code."""

from __future__ import annotations

import re

from turnout import errors as e

Kind = type[e.ModelCallError]


# openai: exception class → ours. Subclasses come before their bases.
OPENAI: dict[str, Kind] = {
    "APITimeoutError": e.ServiceTimeoutError,
    "APIConnectionError": e.ServiceConnectionError,
    "AuthenticationError": e.AuthenticationError,
    "OAuthError": e.AuthenticationError,
    "SubjectTokenProviderError": e.AuthenticationError,
    "PermissionDeniedError": e.PermissionDeniedError,
    "NotFoundError": e.NotFoundError,
    "RateLimitError": e.RateLimitError,
    "ConflictError": e.ServerError,
    "BadRequestError": e.InvalidRequestError,
    "UnprocessableEntityError": e.InvalidRequestError,
    "InternalServerError": e.ServerError,
    "APIResponseValidationError": e.ServiceAnswerError,
    "LengthFinishReasonError": e.InvalidRequestError,
    "ContentFilterFinishReasonError": e.ContentFilterError,
    "InvalidWebhookSignatureError": e.InvalidRequestError,
    "WebSocketQueueFullError": e.ServerError,
    "WebSocketConnectionClosedError": e.ServiceConnectionError,
    "APIStatusError": e.ServerError,
    "APIError": e.ServerError,
    "OpenAIError": e.InvalidRequestError,
}

# openai: the body's `code` → ours, where it says more than the status.
OPENAI_CODES: dict[str, Kind] = {
    "context_length_exceeded": e.ContextOverflowError,
    "string_above_max_length": e.ContextOverflowError,
    "content_filter": e.ContentFilterError,
    "content_policy_violation": e.ContentFilterError,
    "ResponsibleAIPolicyViolation": e.ContentFilterError,
    "DeploymentNotFound": e.NotFoundError,
    "model_not_found": e.NotFoundError,
    "insufficient_quota": e.RateLimitError,
    "rate_limit_exceeded": e.RateLimitError,
    "invalid_api_key": e.AuthenticationError,
    "PermissionDenied": e.PermissionDeniedError,  # Azure's 401 for an identity without the data action
    "server_error": e.ServerError,
    # What a response of Responses failed with, besides: openai 2.54, types/responses/response_error.py.
    "vector_store_timeout": e.ServiceTimeoutError,
    "bio_policy": e.ContentFilterError,
    "image_content_policy_violation": e.ContentFilterError,
    **dict.fromkeys(
        (
            *("invalid_prompt", "data_residency_mismatch", "invalid_image", "invalid_image_format"),
            *("invalid_base64_image", "invalid_image_url", "image_too_large", "image_too_small", "image_parse_error"),
            *("invalid_image_mode", "image_file_too_large", "unsupported_image_media_type", "empty_image_file"),
            *("failed_to_download_image", "image_file_not_found"),
        ),
        e.InvalidRequestError,
    ),
}

# An error that came with success: its `type` → ours, where its code says nothing. Anthropic's, and OpenAI's.
# https://docs.anthropic.com/en/api/errors
REPORTED_TYPES: dict[str, Kind] = {
    "invalid_request_error": e.InvalidRequestError,
    "authentication_error": e.AuthenticationError,
    "permission_error": e.PermissionDeniedError,
    "not_found_error": e.NotFoundError,
    "request_too_large": e.ContextOverflowError,
    "rate_limit_error": e.RateLimitError,
    "timeout_error": e.ServiceTimeoutError,
    "tokens": e.RateLimitError,
    "requests": e.RateLimitError,
    "api_error": e.ServerError,
    "overloaded_error": e.ServerError,
}

STATUSES: dict[int, Kind] = {
    400: e.InvalidRequestError,
    401: e.AuthenticationError,
    403: e.PermissionDeniedError,
    404: e.NotFoundError,
    408: e.ServiceTimeoutError,
    413: e.ContextOverflowError,
    429: e.RateLimitError,
}

# anthropic: exception class → ours. Those that aren't named here are kinds of one that is.
ANTHROPIC: dict[str, Kind] = {
    "APITimeoutError": e.ServiceTimeoutError,
    "RequestTimeoutError": e.ServiceTimeoutError,
    "GatewayTimeoutError": e.ServiceTimeoutError,
    "DeadlineExceededError": e.ServiceTimeoutError,
    "APIConnectionError": e.ServiceConnectionError,
    "AuthenticationError": e.AuthenticationError,
    "CredentialsError": e.AuthenticationError,
    "PaymentRequiredError": e.PermissionDeniedError,
    "PermissionDeniedError": e.PermissionDeniedError,
    "NotFoundError": e.NotFoundError,
    "RateLimitError": e.RateLimitError,
    "ConflictError": e.ServerError,
    "BadRequestError": e.InvalidRequestError,
    "PreconditionFailedError": e.InvalidRequestError,
    "ContentTooLargeError": e.ContextOverflowError,
    "RequestTooLargeError": e.ContextOverflowError,
    "UnprocessableEntityError": e.InvalidRequestError,
    "RequestHeaderFieldsTooLargeError": e.InvalidRequestError,
    "ClientClosedRequestError": e.ServiceConnectionError,
    "InternalServerError": e.ServerError,
    "APIResponseValidationError": e.ServiceAnswerError,
    "APIWebhookValidationError": e.InvalidRequestError,
    "RetryableError": e.ServerError,
    "APIStatusError": e.ServerError,
    "APIError": e.ServerError,
    "AnthropicError": e.InvalidRequestError,
}

# Anthropic's 400 has one type for everything, so its words are all there is.
ANTHROPIC_MESSAGES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"prompt is too long|exceed(s|ed)? (the )?context", re.IGNORECASE), e.ContextOverflowError),
    (re.compile(r"content filter(ing)? policy", re.IGNORECASE), e.ContentFilterError),
)

# Bedrock Runtime: error code → ours. The first block is in its service model, the second is AWS's for every service.
BEDROCK: dict[str, Kind] = {
    "AccessDeniedException": e.PermissionDeniedError,
    "ConflictException": e.ServerError,
    "InternalServerException": e.ServerError,
    "ModelErrorException": e.ServerError,
    "ModelNotReadyException": e.ServerError,
    "ModelStreamErrorException": e.ServerError,
    "ModelTimeoutException": e.ServiceTimeoutError,
    "ResourceNotFoundException": e.NotFoundError,
    "ServiceQuotaExceededException": e.RateLimitError,
    "ServiceUnavailableException": e.ServerError,
    "ThrottlingException": e.RateLimitError,
    "ValidationException": e.InvalidRequestError,
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
    "ExpiredToken": e.AuthenticationError,
    "ExpiredTokenException": e.AuthenticationError,
    "IncompleteSignature": e.AuthenticationError,
    "IncompleteSignatureException": e.AuthenticationError,
    "InvalidClientTokenId": e.AuthenticationError,
    "InvalidSignatureException": e.AuthenticationError,
    "MissingAuthenticationTokenException": e.AuthenticationError,
    "RequestExpired": e.AuthenticationError,
    "SignatureDoesNotMatch": e.AuthenticationError,
    "UnrecognizedClientException": e.AuthenticationError,
    "AccessDenied": e.PermissionDeniedError,
    "NotAuthorized": e.PermissionDeniedError,
    "OptInRequired": e.PermissionDeniedError,
    "InternalFailure": e.ServerError,
    "ServiceUnavailable": e.ServerError,
    "Throttling": e.RateLimitError,
    "TooManyRequestsException": e.RateLimitError,
    "UnknownOperationException": e.NotFoundError,
}

# Bedrock gives these as plain ValidationException, so its words are all there is.
BEDROCK_MESSAGES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"model identifier is invalid|on-demand throughput isn.t supported", re.IGNORECASE), e.NotFoundError),
    (
        re.compile(r"input is too long|prompt is too long|too many input tokens|maximum tokens", re.IGNORECASE),
        e.ContextOverflowError,
    ),
)

# botocore's own exceptions, raised before or instead of an answer, and those of its parsers.
BOTOCORE: dict[str, Kind] = {
    "ConnectTimeoutError": e.ServiceTimeoutError,
    "ReadTimeoutError": e.ServiceTimeoutError,
    "EndpointConnectionError": e.ServiceConnectionError,
    "ConnectionClosedError": e.ServiceConnectionError,
    "ConnectionError": e.ServiceConnectionError,
    "ProxyConnectionError": e.ServiceConnectionError,
    "SSLError": e.ServiceConnectionError,
    "ResponseStreamingError": e.ServiceConnectionError,
    "ResponseParserError": e.ServiceAnswerError,
    "ParserError": e.ServiceAnswerError,
    "ChecksumError": e.ServiceAnswerError,
    "FlexibleChecksumError": e.ServiceAnswerError,
    "IncompleteReadError": e.ServiceConnectionError,
    "HTTPClientError": e.ServiceConnectionError,
    "NoCredentialsError": e.AuthenticationError,
    "PartialCredentialsError": e.AuthenticationError,
    "CredentialRetrievalError": e.AuthenticationError,
    "NoAuthTokenError": e.AuthenticationError,
    "TokenRetrievalError": e.AuthenticationError,
    "ParamValidationError": e.InvalidRequestError,
    "BotoCoreError": e.InvalidRequestError,
}

# Transport errors that come through raw when a stream is cut.
TRANSPORT: dict[str, Kind] = {
    "TimeoutException": e.ServiceTimeoutError,
    "TransportError": e.ServiceConnectionError,
    "ProtocolError": e.ServiceConnectionError,
    "HTTPError": e.ServiceConnectionError,
    "ConnectionError": e.ServiceConnectionError,
    "TimeoutError": e.ServiceTimeoutError,
}
