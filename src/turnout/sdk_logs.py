"""What the SDKs log at level DEBUG, without credentials: a filter on each of their loggers, from the first client on.

anthropic logs each request with its headers, botocore what it signs, with the session token, and the answer of Secrets
Manager, and msal what it is told.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from turnout.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SDKS = frozenset(
    {
        *("aiohttp", "anthropic", "azure", "boto3", "botocore", "httpcore", "httpcore2", "httpx", "httpx2"),
        *("langchain_aws", "langchain_openai", "llama_index", "msal", "msal_extensions", "openai", "urllib3"),
    }
)
_LATE = ("botocore.tokens", "botocore.utils", "botocore.credentials", "httpcore.http11", "httpcore.connection")
"""Loggers that modules make which an SDK loads with a call."""


_sources: list[Callable[[], Iterable[str]]] = []


class _Redaction(logging.Filter):
    """Takes credentials out of records, those of `_sources` and whatever looks like one; it drops none."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - of a message that doesn't fit its arguments, which logging reports
            return True
        known = tuple(value for source in _sources for value in source())
        clean = redact(text, known)
        if clean != text:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info), known)
        return True


def redact_logs(known: Callable[[], Iterable[str]]) -> None:
    """Redact what the loggers of SDKs say from now on; called with each client, because SDKs come one by one.

    Args:
        known: The secrets of the clients that there are, or others that the process has.
    """
    if known not in _sources:
        _sources.append(known)
    for name in _LATE:
        logging.getLogger(name)
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        is_sdk = name.partition(".")[0] in _SDKS and isinstance(logger, logging.Logger)
        if is_sdk and not any(isinstance(one, _Redaction) for one in logger.filters):  # type: ignore[union-attr]
            logger.addFilter(_Redaction())  # type: ignore[union-attr]
