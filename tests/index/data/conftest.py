"""Settings with two embedding models of one length, a database that is emptied afterwards, and another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.index.data.other import Other
from tests.index.named_support import settings, use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from turnout_emulator import Emulator


@pytest.fixture(scope="module")
def other() -> Iterator[Other]:
    """Another process."""
    made = Other()
    yield made
    made.end()


@pytest.fixture
def config(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the settings, with the lines of `[index.docs]`."""

    def write(lines: str = 'store = "chroma"\npath = "index"') -> None:
        use(settings(fresh_emulator, tmp_path, lines), monkeypatch)

    write()
    return write
