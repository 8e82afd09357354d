"""Tasks of a Celery worker, which has used its models before it forks its pool."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from tests.servers.application import ask

_folder = os.environ["CELERY_FOLDER"]
app: Any = Celery("servers", broker="filesystem://", backend=f"file://{_folder}/results")
app.conf.update(
    broker_transport_options={
        "data_folder_in": f"{_folder}/queue",
        "data_folder_out": f"{_folder}/queue",
        "control_folder": f"{_folder}/control",
        "polling_interval": 0.05,
    },
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=2,
)


@app.task(name="asked")  # type: ignore[untyped-decorator] # of Celery, which ships no types
def asked(number: int) -> str:
    return ask(number)
