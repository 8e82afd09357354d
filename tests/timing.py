"""What something takes, for comparing it with something else in the same run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def best(run: Callable[[], object], times: int = 5) -> float:
    """Seconds that it takes at best, which the machine's other work changes least."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return min(took)
