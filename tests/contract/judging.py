"""Requests held against the vendors' published specifications, by a judge that lies beside the checkout.

It wasn't written with turnout or its emulator: where those two agree on something wrong, it doesn't. Without it nothing
is judged, and the emulator's own checks are what there is.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout_emulator.control import Received

JUDGE = Path(os.environ.get("TURNOUT_JUDGE") or Path(__file__).parents[3] / "shared" / "judge")


@cache
def _judge() -> tuple[Any, Any] | None:
    if not (JUDGE / "judge.py").is_file():
        return None
    sys.path.append(str(JUDGE))
    try:
        return import_module("exchange"), import_module("judge")
    finally:
        sys.path.remove(str(JUDGE))


def violations(requests: Iterable[Received]) -> list[str]:
    """What breaks a specification in requests that were answered, a line each."""
    judge = _judge()
    if judge is None:
        return []
    exchange, rules = judge
    found: set[str] = set()
    for received in requests:
        if received.status != 200 or received.body is None:
            continue
        query = f"?{urlencode(received.query)}" if received.query else ""
        one = exchange.taken_apart(
            {
                "n": 0,
                "service": received.service,
                "method": received.method,
                "target": received.path + query,
                "headers": list(received.headers.items()),
                "body": base64.b64encode(json.dumps(received.body).encode()),
                "status": received.status,
                "answer_headers": [],
                "answer": b"",
                "whole": False,
            }
        )
        if one.api:  # an address that it doesn't know isn't judged
            found |= {rules.group(f"{one.dialect} {one.operation}", finding) for finding in rules.of_request(one)}
    return sorted(line for line in found if not any(re.search(known, line) for known in rules.TOLERATED))
