"""Gunicorn forks its workers from a process whose models were used, and replaces them under load.

A request is answered right or turned away by the socket; none waits for a worker that hangs, and nothing is printed.
"""

from __future__ import annotations

import http.client
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

pytest.importorskip("gunicorn", reason="gunicorn isn't installed: pip install gunicorn")

LONG = 20.0
REQUESTS = 90

SERVER = """
import pathlib, sys, warnings
from gunicorn.app.base import BaseApplication

class Server(BaseApplication):
    def load_config(self):
        for name, value in {
            "bind": "127.0.0.1:0", "workers": 2, "preload_app": True, "loglevel": "error",
            "worker_class": sys.argv[1], "threads": int(sys.argv[2]), "max_requests": int(sys.argv[3]),
            "timeout": 10, "graceful_timeout": 10, "when_ready": ready,
        }.items():
            self.cfg.set(name, value)

    def load(self):
        from tests.servers.application import ask

        def application(environ, start_response):
            said = ask(int(environ["QUERY_STRING"])).encode()
            start_response("200 OK", [("Content-Length", str(len(said)))])
            return [said]

        return application

def ready(server):
    port = server.LISTENERS[0].sock.getsockname()[1]
    # Gunicorn leaves the listening socket to the end of the process.
    warnings.filterwarnings("ignore", rf"unclosed <socket.* laddr=\\('127.0.0.1', {port}\\)>", ResourceWarning)
    written = pathlib.Path(sys.argv[4] + ".new")
    written.write_text(f"{server.pid} {port}")
    written.rename(sys.argv[4])

Server().run()
"""


def asked(port: int, number: int) -> str:
    """What a request is answered with; empty if the socket turned it away."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
    try:
        connection.request("GET", f"/?{number}")
        response = connection.getresponse()
        said = response.read().decode()
    except ConnectionError:
        return ""
    finally:
        connection.close()
    assert response.status == 200, said
    return said


@pytest.mark.parametrize(("kind", "threads"), [("sync", 1), ("gthread", 4)])
def test_workers_come_and_go_under_load(kind: str, threads: int, warm: WarmProcess, tmp_path: Path) -> None:
    file = tmp_path / "ready"
    with ThreadPoolExecutor(9) as pool:
        serving = pool.submit(warm.run, SERVER, kind, str(threads), "18", str(file), within=3 * LONG)
        while not file.exists() and not serving.done():
            time.sleep(0.02)
        if serving.done():
            pytest.fail(serving.result().stderr)
        process, port = map(int, file.read_text().split())
        try:
            answering = [pool.submit(asked, port, number) for number in range(REQUESTS)]
            for part in (1, 2):
                answering[part * REQUESTS // 3].result()
                os.kill(process, signal.SIGHUP)
            answers = [one.result() for one in answering]
        finally:
            os.kill(process, signal.SIGTERM)
        done = serving.result()
    assert done.stderr == ""
    assert done.returncode == 0
    wrong = [
        (number, said)
        for number, said in enumerate(answers)
        if said and said.split(" ", 1)[1] != f"True number {number}"
    ]
    assert wrong == []
    assert answers.count("") <= REQUESTS // 20
    workers = {said.split()[0] for said in answers if said}
    assert len(workers) >= 2 + 2 * 2
    assert str(process) not in workers
