"""The function under an integration's decorated method: called by it, a call would make two pairs of events."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def undecorated(method: Any) -> Callable[..., Any]:
    """The function under `llm_chat_callback`, which keeps it only in its closure.

    Raises:
        TypeError: The decorator no longer keeps it there.
    """
    wrapper = getattr(method, "__wrapped__", method)
    for name, cell in zip(wrapper.__code__.co_freevars, wrapper.__closure__ or (), strict=True):
        if name == "f":
            return cast("Callable[..., Any]", cell.cell_contents)
    msg = f"{method!r} is not decorated as it was: turnout needs another release of llama-index-core, or the reverse"
    raise TypeError(msg)
