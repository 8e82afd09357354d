"""How long a service asks to wait: one parser for every header that says so, whatever stands in it."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 366 * 86_400.0
"""Seconds beyond which nothing is a wait: timers refuse, or never end, beyond some years."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a service asks to wait, or None if it says nothing that can be a wait.

    Read are `retry-after-ms` (Azure), `x-amz-retry-after` (AWS; both in milliseconds) and `Retry-After` (seconds, or an
    HTTP date: RFC 9110, 10.2.3), in that order. What is no number or date, negative, over `LONGEST` or NaN is passed
    over.
    """
    for name, unit in (("retry-after-ms", 1000), ("x-amz-retry-after", 1000), ("retry-after", 1)):
        seconds = _seconds(headers.get(name), unit)
        if seconds is not None:
            return seconds
    return None


def _seconds(text: str | None, unit: int) -> float | None:
    if not text:
        return None
    try:
        seconds: float | None = float(text) / unit
    except ValueError:
        seconds = _until(text) if unit == 1 else None
    return seconds if seconds is not None and 0 <= seconds <= LONGEST else None


def _until(date: str) -> float | None:
    try:
        when = email.utils.parsedate_tz(date)
        return None if when is None else max(email.utils.mktime_tz(when) - time.time(), 0.0)
    except (ValueError, OverflowError, TypeError, IndexError):  # of numbers that no date has
        return None
