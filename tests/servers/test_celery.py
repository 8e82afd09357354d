"""Celery forks its pool from a worker whose models were used, and replaces each process after a few tasks."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.warm import WarmProcess

pytestmark = pytest.mark.slow

pytest.importorskip("celery", reason="celery isn't installed: pip install celery")

LONG = 30.0
TASKS = 24
WORKER = """
import os, pathlib, sys, warnings
warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")
from tests.servers.celery_tasks import app
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
app.worker_main(["worker", "--pool=prefork", "--concurrency=2", "--max-tasks-per-child=5", "--loglevel=ERROR",
                 "--without-gossip", "--without-mingle", "--without-heartbeat"])
"""


def test_tasks_of_a_pool(warm: WarmProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("CELERY_FOLDER", str(tmp_path))
    from celery import Celery

    process = tmp_path / "process"
    from_here = Celery(broker="filesystem://", backend=f"file://{tmp_path}/results")
    from_here.conf.broker_transport_options = {
        "data_folder_in": f"{tmp_path}/queue",
        "data_folder_out": f"{tmp_path}/queue",
        "control_folder": f"{tmp_path}/control",
    }
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(warm.run, WORKER, str(process), within=LONG)
        sent = [from_here.send_task("asked", [number]) for number in range(TASKS)]
        while not working.done() and not all(one.ready() for one in sent):
            time.sleep(0.05)
        if not working.done():
            os.kill(int(process.read_text()), signal.SIGTERM)
        done = working.result()
        answers = [one.get() for one in sent if one.ready()]
    assert done.stderr == ""
    assert done.returncode == 0
    assert [said.split(" ", 1)[1] for said in answers] == [f"True number {number}" for number in range(TASKS)]
    workers = {said.split()[0] for said in answers}
    assert len(workers) > 2
    assert process.read_text() not in workers
