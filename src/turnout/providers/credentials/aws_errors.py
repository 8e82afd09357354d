"""AWS credentials that can't be had: what botocore fails with, and what to do about it."""

from __future__ import annotations

from turnout.errors import CredentialError
from turnout.redaction import redact
from turnout.transport.answers.unreadable import shortened

_ASSUME = "The role's trust policy has to let that identity assume it, and its own policy sts:AssumeRole."
_OPERATIONS = {
    "AssumeRole": _ASSUME,
    "AssumeRoleWithWebIdentity": "The role's trust policy has to name the identity provider, and the token's subject.",
    "GetRoleCredentials": "The profile's sso_account_id and sso_role_name have to be assigned to you.",
}
"""Operations that get a credential → what to do where the identity may not have it."""

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "ForbiddenException"})
_NO_ANSWER = "Check its address, and what stands before it."
_WRONG_SOURCE = "Check the credential that it is got with."
_SIGN_IN = "Sign in anew: "
_OVER = "What gives it hands out credentials that are over: check its clock, and where it has them from."

_FAILURES = {
    "SSOError": f"{_SIGN_IN}aws sso login",
    "LoginInsufficientPermissions": "",
    "LoginError": f"{_SIGN_IN}aws login",
    "TokenRetrievalError": f"{_SIGN_IN}aws sso login",
    "CredentialRetrievalError": "",
    "MetadataRetrievalError": "",
    "PartialCredentialsError": "",
    "RefreshWithMFAUnsupportedError": "",
    "InvalidConfigError": "",
}
"""What botocore fails with when a credential can't be got → what to do."""

_UNREADABLE = (LookupError, TypeError, AttributeError, ValueError)
"""What botocore's parsers, and what reads on from there, fail with where the answer is a page, or another's."""


def unobtainable(error: Exception, method: str, sign_in: str = "") -> CredentialError | None:
    """The error for credentials that can't be had, unless the reason may pass."""
    advice = _advice(error)
    if advice is None:
        return None
    said = redact(str(error)).strip().rstrip(".")
    if advice == _NO_ANSWER:
        said = f"what answered gave none that can be read ({type(error).__name__}: {shortened(said)})"
    if advice.startswith(_SIGN_IN):
        advice = f"{_SIGN_IN}`{sign_in or advice.removeprefix(_SIGN_IN)}`."
    return CredentialError(
        f"No AWS credential from {method!r}: {said}. {advice}".rstrip(), tried=(f"{method}: {said}",)
    )


def _advice(error: Exception) -> str | None:
    """What to do about credentials that can't be had; None if the reason may pass."""
    if isinstance(error, OSError) and error.filename is not None:
        return "The file is AWS_WEB_IDENTITY_TOKEN_FILE's, or the profile's: it must be there and readable."
    response, operation = getattr(error, "response", None), getattr(error, "operation_name", "")
    if isinstance(response, dict):
        status, code = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500), str(response["Error"]["Code"])
        if status >= 500 or status == 429 or "Throttl" in code:
            return None
        return _OPERATIONS.get(operation, "") if status == 403 and code in _DENIED else _WRONG_SOURCE
    if type(error) is RuntimeError and "still expired" in str(error):  # botocore's, of what was just got
        return _OVER
    known = next((_FAILURES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _FAILURES), None)
    unreadable = isinstance(error, _UNREADABLE) or type(error).__name__ == "ResponseParserError"
    return _NO_ANSWER if known is None and unreadable else known
