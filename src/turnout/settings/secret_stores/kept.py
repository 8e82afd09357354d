"""A secret of a store, as the process keeps it: asked for once for all threads, and again when it has become old."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from turnout.runtime import renewed_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

_log = logging.getLogger(__name__)

_ASK_AGAIN = 30.0  # seconds after which a store is asked again that couldn't be reached
_RECENT = 2  # times `refresh`: a value that is older may have been replaced long ago


class StoreUnreachableError(ValueError):
    """A store can't be asked just now: there is no connection or credential, or it fails."""


class StoreRefusesError(ValueError):
    """A store says that there is no such secret, or that it isn't for this identity."""


class Version(NamedTuple):
    """A secret's value, and how many times it had changed when it was read."""

    value: SecretStr
    number: int


class StoredSecret:
    """A secret of a store.

    Args:
        name: What it is called in errors: "the secret 'key' of the Key Vault 'team.vault.azure.net'".
        read: Asks the store, and raises one of the two errors above.
    """

    def __init__(self, name: str, read: Callable[[], SecretStr]) -> None:
        self.name = name
        self.number = 0
        self.texts: tuple[str, ...] = ()
        self._read = read
        self._lock = threading.Lock()
        self._reading: Future[Version] | None = None
        self._value: SecretStr | None = None
        self._asked_at = 0.0
        self._is_away = False
        renewed_in_child(self)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def is_due(self, refresh: float) -> bool:
        """Whether the store is to be asked: there is no value, or it is older than `refresh` seconds.

        While somebody asks, nobody else has to.
        """
        if self._value is None:
            return True
        wait = min(refresh, _ASK_AGAIN) if self._is_away else refresh
        return self._reading is None and time.monotonic() - self._asked_at >= wait

    def get(self, refresh: float) -> Version:
        """The value, which the store is asked for if it is due.

        One thread asks, and those that come meanwhile go on with the old value if there is one. On an event loop an old
        value goes on too, and the new one is there for the call after its arrival; only a value that nobody has needed
        for long is waited for there.

        Raises:
            StoreUnreachableError: There is no value yet, and the store can't be asked.
            StoreRefusesError: The store doesn't give it.
        """
        with self._lock:
            old = None if self._value is None else Version(self._value, self.number)
            if old is not None and not self.is_due(refresh):
                return old
            is_recent = self._is_away or time.monotonic() - self._asked_at < refresh * _RECENT
            reading, is_first = self._reading, self._reading is None
            if reading is None:
                reading = self._reading = Future()
        if is_first:
            if old is not None and is_recent and _is_on_event_loop():
                threading.Thread(target=self._ask, args=(reading,), name="turnout-secret", daemon=True).start()
                return old
            self._ask(reading)
        return reading.result() if old is None or is_first else old

    def _ask(self, reading: Future[Version]) -> None:
        try:
            value = self._read()
        except StoreUnreachableError as error:
            self._keep_old(reading, error)
        except BaseException as error:  # noqa: BLE001 - raised again by those who wait for it
            with self._lock:
                self._value, self._reading, self.texts = None, None, ()
                self.number += 1
            reading.set_exception(error)
        else:
            with self._lock:
                if self._value is None or value.get_secret_value() != self._value.get_secret_value():
                    self._value, self.texts = value, _texts(value.get_secret_value())
                    self.number += 1
                self._asked_at, self._is_away, self._reading = time.monotonic(), False, None
                made = Version(self._value, self.number)
            reading.set_result(made)

    def _keep_old(self, reading: Future[Version], error: StoreUnreachableError) -> None:
        with self._lock:
            old, was_away = self._value, self._is_away
            self._asked_at, self._is_away, self._reading = time.monotonic(), old is not None, None
            number = self.number
        if old is None:
            reading.set_exception(error)
            return
        if not was_away:
            _log.warning("%s can't be read again, and its last value goes on: %s", self.name, error)
        reading.set_result(Version(old, number))

    def renew(self) -> None:
        """Be free in a forked child: nobody asks there."""
        self._lock, self._reading = threading.Lock(), None


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _texts(secret: str) -> tuple[str, ...]:
    """A secret, and the texts in it if it is a JSON object."""
    try:
        table = json.loads(secret)
    except ValueError:
        table = None
    inner = table.values() if isinstance(table, dict) else ()
    return (secret, *(value for value in inner if isinstance(value, str)))
