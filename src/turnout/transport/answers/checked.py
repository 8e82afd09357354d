"""The answers of an SDK's resource, read before anybody has them: whole ones, raw ones and streams."""

from __future__ import annotations

from functools import cache
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Read = Callable[[Any], Any]


@cache
def checked_class(base: Any, read: Read) -> Any:
    """A resource's class whose `create` gives what `read` makes of its answers; of raw ones, when they are parsed."""

    class Checked(base):  # type: ignore[misc] # the class comes when the SDK is first needed
        def create(self, **arguments: Any) -> Any:
            return _checked(super().create(**arguments), read)

    class AsyncChecked(base):  # type: ignore[misc] # likewise
        async def create(self, **arguments: Any) -> Any:
            return _checked(await super().create(**arguments), read)

    return AsyncChecked if base.__name__.startswith("Async") else Checked


def _checked(answered: Any, read: Read) -> Any:
    """Read what the SDK's method returned: an answer, a stream, or a raw response that is still to be parsed."""
    if not hasattr(answered, "http_response"):
        return read(answered)
    parse = answered.parse

    def parsed(**options: Any) -> Any:
        made = parse(**options)
        return _read_later(made, read) if isawaitable(made) else read(made)

    answered.parse = parsed
    return answered


async def _read_later(made: Awaitable[Any], read: Read) -> Any:
    return read(await made)
