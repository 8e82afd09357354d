"""AWS credentials during a run: refreshed before they expire, and found anew after a refusal."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from turnout.providers.credentials.aws_errors import unobtainable
from turnout.redaction import without_secrets
from turnout.transport.blocking import within_deadline

if TYPE_CHECKING:
    from collections.abc import Callable

_LAST = 5.0  # seconds before their expiry from which credentials aren't sent any more

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_REFUSALS = frozenset(
    {
        *("ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException"),
        *("ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    }
)
"""What AWS's services say of a credential that isn't one any more."""


@cache
def renewable_class() -> Any:
    """The class; botocore is imported when it is first needed."""
    from botocore.credentials import Credentials

    class Renewable(Credentials):  # type: ignore[misc] # botocore has no types
        """Credentials that one thread refreshes for all, and that are found anew after they were refused.

        Files that were rewritten, programs and metadata are asked again then. While one refreshes them, and where that
        fails, the others go on with those that are good. botocore's own refresh themselves in each call if they live
        for less than a quarter of an hour; these do when half of that is over.

        Attributes:
            sign_in: The command with which one signs in for them, if one does.
        """

        def __init__(self, find: Callable[[], Any], found: Any, sign_in: str = "") -> None:
            self.sign_in = sign_in
            self._find = find
            self._found = found
            self._kept: Any = None
            self._margin: float | None = None  # seconds before their expiry; None for botocore's own
            self._is_refused = False
            self._refreshing = threading.Lock()

        @property
        def method(self) -> str:
            return str(self._found.method)

        @property
        def access_key(self) -> str:
            return str(self.get_frozen_credentials().access_key)

        @property
        def secret_key(self) -> str:
            return str(self.get_frozen_credentials().secret_key)

        @property
        def token(self) -> str | None:
            token: str | None = self.get_frozen_credentials().token
            return token

        @property
        def account_id(self) -> str | None:
            account: str | None = self.get_frozen_credentials().account_id
            return account

        def get_frozen_credentials(self) -> Any:
            kept = self._kept
            if kept is not None and not self._is_due():
                return kept
            if not self._refreshing.acquire(blocking=kept is None or self._is_over()):
                return kept
            try:
                return self._refreshed()
            finally:
                self._refreshing.release()

        def refresh_needed(self) -> bool:
            return self._is_due() and (self._is_over() or not self._refreshing.locked())

        def refused(self) -> None:
            """A service refused them: the next call finds them anew."""
            self._is_refused = True

        def _is_due(self) -> bool:
            return self._is_refused or self._kept is None or needs_refresh(self._found, self._margin)

        def _is_over(self) -> bool:
            return self._is_refused or self._kept is None or needs_refresh(self._found, _LAST)

        def _refreshed(self) -> Any:
            if self._is_refused:
                self._found, self._kept = self._find(), None
                self._is_refused = False
            try:
                kept = self._found.get_frozen_credentials()
            except Exception:
                if self._is_over():
                    self._is_refused = True
                    raise
                self._margin = _left(self._found) / 2
            else:
                self._kept = kept
                self._margin = _left(self._found) / 2 if needs_refresh(self._found) else None
            return self._kept

    return Renewable


def needs_refresh(credentials: Any, seconds: float | None = None) -> bool:
    """Whether credentials are to be refreshed before they sign: so long before their expiry, or as they have it."""
    needed = getattr(credentials, "refresh_needed", lambda *_: False)
    return bool(needed() if seconds is None else needed(seconds))


def _left(credentials: Any) -> float:
    """Seconds that botocore's credentials live on, to a quarter of a minute, and its own margin at most."""
    return next((float(seconds) for seconds in range(0, 900, 15) if needs_refresh(credentials, seconds)), 900.0)


def note_refusal(credentials: Any, status: int, code: str) -> None:
    """Have credentials found anew where status and AWS's code are of a refusal of them, and not of a permission."""
    if status == _UNAUTHORIZED or (status == _FORBIDDEN and code in _REFUSALS):
        getattr(credentials, "refused", lambda: None)()


def refreshed(credentials: Any) -> Any:
    """The credentials, refreshed if they have to be; that takes no longer than the call's deadline allows.

    Raises:
        CredentialError: There are none to be had.
    """
    if needs_refresh(credentials):
        within_deadline("AWS credentials", refresh, credentials)
    return credentials


def refresh(credentials: Any) -> None:
    """Refresh credentials, however long it takes.

    Raises:
        CredentialError: There are none to be had. A service that can't be reached, or fails, raises botocore's error.
    """
    try:
        credentials.get_frozen_credentials()
    except Exception as error:
        made = unobtainable(error, credentials.method, getattr(credentials, "sign_in", ""))
        if made is None:
            raise
        raise made from without_secrets(error)
