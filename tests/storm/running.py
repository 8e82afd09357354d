"""Makes the calls of a storm, in threads and in coroutines at once, and says what the machine took meanwhile."""

from __future__ import annotations

import asyncio
import bisect
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tests.support.frameworks import Chat
from turnout.langchain import TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.storm.calls import Call

_BEAT = 0.05


class Heart:
    """Beats in a thread and on a loop; what its beats are late by, the machine took from everybody."""

    def __init__(self) -> None:
        self._beats: dict[str, list[tuple[float, float]]] = {"thread": [], "loop": []}
        self._stop = threading.Event()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat in a thread."""
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _beat(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            time.sleep(_BEAT)
            self._note("thread", began)

    async def abeat(self) -> None:
        """Beat on a loop, until it is cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_BEAT)
            self._note("loop", began)

    def _note(self, where: str, began: float) -> None:
        now = time.monotonic()
        if (late := now - began - _BEAT) > 0.01:
            self._beats[where].append((now, late))

    def judge(self, calls: list[Call]) -> None:
        """Say of each call what the machine took of its time."""
        for beats in self._beats.values():
            times, sums = [at for at, _ in beats], [0.0, *accumulate(late for _, late in beats)]
            for call in calls:
                first, last = bisect.bisect(times, call.began), bisect.bisect(times, call.began + call.took + 0.2)
                call.lost = max(call.lost, sums[last] - sums[first])


class Models:
    """The models of a storm: one for each framework, wire, backend and deadline."""

    def __init__(self, settings: dict[str, Path]) -> None:
        self._settings = settings
        self._made: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def of(self, call: Call) -> Any:
        """The model that is asked."""
        key = (call.framework, call.what, call.target, call.settings, call.deadline)
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(call)
            return self._made[key]

    def _make(self, call: Call) -> Any:
        backend, route = call.target
        given = {"backend": backend, "model": route, "settings": str(self._settings[call.settings])}
        if call.what == "chat":
            return Chat(call.framework, **given, deadline=call.deadline)
        made: Any = TurnoutEmbeddings if call.framework == "langchain" else TurnoutEmbedding
        return made(**given, deadline=call.deadline)


_METHODS = {
    ("langchain", "whole"): "embed_query",
    ("langchain", "async"): "aembed_query",
    ("langchain", "texts"): "embed_documents",
    ("langchain", "async-texts"): "aembed_documents",
    ("llama_index", "whole"): "get_query_embedding",
    ("llama_index", "async"): "aget_query_embedding",
    ("llama_index", "texts"): "get_text_embedding_batch",
    ("llama_index", "async-texts"): "aget_text_embedding_batch",
}


def ask(call: Call, models: Models) -> None:
    """Make a call in this thread."""
    model = models.of(call)
    call.began = time.monotonic()
    try:
        if call.what == "embedding":
            asked = call.questions if "texts" in call.way else call.questions[0]
            call.got = getattr(model, _METHODS[call.framework, call.way])(asked)
        else:
            call.got = ""
            for piece in model.pieces(call.way, call.questions[0]):
                call.got += piece.text
                call.metadata |= piece.metadata
    except BaseException as error:  # noqa: BLE001 - looked at afterwards
        call.error = error.with_traceback(None)
    call.took = time.monotonic() - call.began


async def aask(call: Call, models: Models) -> None:
    """Make a call on this loop."""
    model = models.of(call)
    call.began = time.monotonic()
    try:
        if call.what == "embedding":
            asked = call.questions if "texts" in call.way else call.questions[0]
            call.got = await getattr(model, _METHODS[call.framework, call.way])(asked)
        else:
            call.got = ""
            async for piece in model.apieces(call.way, call.questions[0]):
                call.got += piece.text
                call.metadata |= piece.metadata
    except BaseException as error:  # noqa: BLE001 - looked at afterwards
        call.error = error.with_traceback(None)
    call.took = time.monotonic() - call.began


def run(calls: list[Call], models: Models, *, at_once: int = 32) -> list[str]:
    """Make them all, and say what was left on the loop."""
    heart = Heart()
    waiting = iter([call for call in calls if call.way.startswith("async")])
    left: list[str] = []

    async def worker() -> None:
        for call in waiting:
            await aask(call, models)

    async def coroutines() -> None:
        beat = asyncio.create_task(heart.abeat())
        await asyncio.gather(*(worker() for _ in range(at_once)))
        beat.cancel()
        for _ in range(20):
            await asyncio.sleep(0.05)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            if not tasks:
                return
        left.extend(f"a task is left: {task!r:.200}" for task in tasks)

    with heart.beating(), ThreadPoolExecutor(at_once) as pool:
        in_threads = pool.map(lambda call: ask(call, models), [c for c in calls if not c.way.startswith("async")])
        asyncio.run(coroutines())
        list(in_threads)
    heart.judge(calls)
    return left
