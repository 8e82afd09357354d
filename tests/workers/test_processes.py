"""What an application holds goes to other processes without its secrets, and answers there as it did here."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

from tests.workers.things import ask, ask_all, things

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

KINDS = [
    *(
        f"{kind} on {backend}"
        for backend in ("azure", "bedrock")
        for kind in ("ChatTurnout", "TurnoutEmbeddings", "TurnoutLLM", "TurnoutEmbedding")
    ),
    "a guarded store",
    "its retriever",
    "a named index",
    "its retriever too",
    "a guarded LlamaIndex store",
    "a named LlamaIndex index",
]


@pytest.fixture
def found(settings_file: Path) -> dict[str, Any]:
    return things(settings_file)


def test_everything_is_asked_for(found: dict[str, Any]) -> None:
    assert list(found) == KINDS


@pytest.mark.parametrize("way", [pickle, cloudpickle], ids=lambda way: way.__name__)
def test_pickles_hold_no_secret_and_come_back_whole(found: dict[str, Any], secrets: list[bytes], way: Any) -> None:
    for name, thing in found.items():
        data = way.dumps(thing)
        assert not [secret for secret in secrets if secret in data], name
        assert ask(pickle.loads(data)) == ask(thing), name


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_multiprocessing(found: dict[str, Any], method: str) -> None:
    """`fork` copies a process that has clients, threads and an event loop of its own."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on {sys.platform}")
    if method == "fork":
        # chromadb's own threads and locks don't survive a fork, whoever holds them; the others are forked with.
        found = {name: thing for name, thing in found.items() if "named" not in name and name != "its retriever too"}
    here = {name: ask(thing) for name, thing in found.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*use of fork.*", DeprecationWarning)  # there are threads: that is the point
        with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            answers = list(pool.map(ask_all, [found, found], timeout=90))
    assert os.getpid() not in {process for process, _ in answers}
    assert [answer for _, answer in answers] == [here, here]


def test_dask_workers(found: dict[str, Any]) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask isn't installed: pip install distributed")
    here = {name: ask(thing) for name, thing in found.items()}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        futures = [client.submit(ask_all, found, pure=False, workers=[worker]) for worker in _workers(client)]
        answers = [future.result(timeout=60) for future in futures]
    assert len({process for process, _ in answers} - {os.getpid()}) == 2
    assert [answer for _, answer in answers] == [here, here]


def _workers(client: Any) -> list[str]:
    return list(client.scheduler_info(n_workers=-1)["workers"])
