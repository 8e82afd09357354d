"""A value filled in, and how far the text bears it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and how sure the text makes us of it: 0 made up, 0.5 the right kind, 1 named by the text."""

    value: Any
    evidence: float
