"""What a process holds: threads, descriptors and memory, once everything that was under way has ended."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from contextlib import suppress
from typing import NamedTuple

import psutil

from turnout import runtime

_SETTLES = 15.0  # seconds in which what nobody waits for any more ends: silent services are silent for eight


class Held(NamedTuple):
    """What the process holds.

    Attributes:
        threads: How many run.
        descriptors: How many are open: sockets, pipes and files.
        memory: Resident, in MB.
    """

    threads: int
    descriptors: int
    memory: float


def held() -> Held:
    """What the process holds now, garbage collected."""
    gc.collect()
    with suppress(OSError, AttributeError):  # of the C library; what it keeps for later isn't held by anybody
        ctypes.CDLL(None).malloc_trim(0)
    process = psutil.Process()
    return Held(threading.active_count(), process.num_fds(), process.memory_info().rss / 2**20)


def settled(before: Held | None = None) -> Held:
    """What it holds once turnout's clients are closed, and what was left behind has ended."""
    runtime.close()
    until = time.monotonic() + _SETTLES
    now = held()
    while time.monotonic() < until and (
        before is None or now.threads > before.threads or now.descriptors > before.descriptors
    ):
        time.sleep(0.25)
        latest = held()
        if before is None and latest[:2] == now[:2]:
            return latest
        now = latest
    return now
