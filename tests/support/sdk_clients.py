"""HTTP clients that the SDKs make for themselves, closed after the file of tests that had them made.

Their own `__del__` closes them too late if garbage is collected in cycles: a socket that is finalised first is a warning,
in whatever test that happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_open: WeakSet[httpx.Client] = WeakSet()


@pytest.fixture(scope="session", autouse=True)
def _sdk_clients_are_noted() -> Iterator[None]:
    begin = httpx.Client.__init__

    def noting(client: httpx.Client, *arguments: Any, **options: Any) -> None:
        begin(client, *arguments, **options)
        if type(client).__module__ in {"openai._base_client", "anthropic._base_client"}:
            _open.add(client)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "__init__", noting)
        yield


@pytest.fixture(scope="module", autouse=True)
def _sdk_clients_are_closed(_sdk_clients_are_noted: None) -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()
