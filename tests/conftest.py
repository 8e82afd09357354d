"""One emulator for the whole run, and an environment in which nothing of this machine decides a test."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.contract.columns import column, columns_file  # noqa: F401  # fixtures
from tests.support.postgres import database, postgres  # noqa: F401  # fixtures
from tests.support.qdrant_server import qdrant  # noqa: F401  # a fixture
from tests.support.recordings import RECORDINGS, waiting
from tests.support.sdk_clients import _sdk_clients_are_closed, _sdk_clients_are_noted  # noqa: F401  # fixtures
from turnout.calls import attempts, limits
from turnout_emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

# On a busy machine any example may take a while.
_PATIENT = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("patient", hypothesis.settings(), deadline=None, suppress_health_check=_PATIENT)
hypothesis.settings.load_profile("patient")

BACKENDS = ("azure", "azure_dated", "openai", "bedrock")
"""The four that every contract is held on: Azure v1, Azure dated, OpenAI-compatible, Bedrock."""

_CLEARED = (
    "TURNOUT_",
    "AZURE_",
    "AWS_",
    "OPENAI_",
    "IDENTITY_",
    "MSI_",
    "LANGCHAIN_",
    "LANGSMITH_",
    "HTTP",
    "ALL_PROXY",
)


_SLOW_FIRST = (
    "workers/test_ray.py",
    "calls/test_faults.py",
    "workers/test_processes.py",
    "index/test_kills.py",
    "notebooks/test_notebooks.py",
    "benchmarks/test_recall.py",
    "cli/test_cli_demo.py",
    "index/data/test_killed_updates.py",
    "index/test_limits_of_the_machine.py",
    "index/data/test_reading.py",
    "kills/test_kills.py",
    "index/data/test_wrong_vectors.py",
    "providers/credentials/test_matrix.py",
    "index/test_command.py",
    "test_forks.py",
    "cli/test_cli_process.py",
    "test_docs.py",
    "test_imports.py",
)
"""Files whose few tests take long: begun last, one of them would be all that still runs at the end."""

_WAITING = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have pytest-xdist hand out the files in the order below, and garbage collected less often: it took a sixth."""
    gc.set_threshold(20_000, 20, 10)
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that wait for recordings; the summary says how many they are."""
    left_out = waiting(items)
    items[:] = [item for item in items if item not in left_out]
    config.stash[_WAITING] = len(left_out)
    if hasattr(config, "workeroutput"):  # of pytest-xdist, which hands it to the process that prints
        config.workeroutput["waiting"] = len(left_out)
        _sort_by_duration(items)


def _sort_by_duration(items: list[pytest.Item]) -> None:
    """Put the slow files first, and then those with the most tests."""
    folder = Path(__file__).parent
    sizes = Counter(item.path for item in items)
    ranks = {folder / name: rank for rank, name in enumerate(_SLOW_FIRST)}
    items.sort(key=lambda item: (ranks.get(item.path, len(ranks)), -sizes[item.path]))


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector needn't look through it again."""
    _keep_what_is_there()


def _keep_what_is_there() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _no_long_collections() -> Iterator[None]:
    """Have what a file's tests leave for good looked through once, not in each collection after it."""
    before = gc.get_stats()[2]["collections"]
    yield
    if gc.get_stats()[2]["collections"] > before:
        _keep_what_is_there()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist left out; each collects all."""
    node.config.stash[_WAITING] = getattr(node, "workeroutput", {}).get("waiting", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line how many tests wait."""
    if number := config.stash.get(_WAITING, 0):
        terminalreporter.line(f"tests that wait for recordings of the real services in {RECORDINGS}: {number}")


@pytest.fixture(scope="session", autouse=True)
def _no_stray_variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.upper().startswith(_CLEARED):
            patch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    patch.setenv("HOME", str(home))
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("NO_PROXY", "127.0.0.1,localhost")
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _no_loop_by_default() -> None:
    """Before Python 3.14, LlamaIndex's sync methods get a loop made, and leave it open for some later test to warn of."""
    asyncio.set_event_loop(None)


@pytest.fixture
def event_loop() -> Iterator[None]:
    """An event loop for LlamaIndex's sync methods, which would make one and leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """The running emulator, shared by all tests of a worker; `fresh_emulator` forgets what went before."""
    with Emulator() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_memory_of_throttling() -> None:
    """A test's throttling is not the next one's: what a deployment takes is kept for the process."""
    limits.forget()


@pytest.fixture
def fresh_emulator(emulator: Emulator) -> Iterator[Emulator]:
    """The emulator with nothing queued and nothing received; what a test leaves in its queue is no answer to the next."""
    emulator.clear()
    yield emulator
    emulator.clear()


def settings_text(emulator: Emulator) -> str:
    """The emulator's settings file, with the dated Azure API as a backend of its own."""
    text = emulator.settings_toml()
    dated = (
        "\n[backends.azure_dated]\n"
        'provider = "azure"\n'
        f'endpoint = "{emulator.azure.url}"\n'
        'api_key = "turnout-emulator-azure-key"\n'
        'api_version = "2024-10-21"\n'
    )
    lines = []
    for line in text.splitlines():
        lines.append(line)
        if line.startswith("azure = "):
            lines.append(line.replace("azure = ", "azure_dated = ", 1))
    # Routes named after models: langchain-tests overrides the model of one call by its name.
    named = (
        '\n[chat."gpt-5-mini"]\n'
        'azure = { deployment = "mini", model = "gpt-5-mini" }\n'
        'azure_dated = { deployment = "mini", model = "gpt-5-mini" }\n'
        'openai = "gpt-5-mini"\n'
        '\n[chat."amazon.nova-micro-v1:0"]\nbedrock = "amazon.nova-micro-v1:0"\n'
    )
    return "\n".join(lines) + "\n" + dated + named


@pytest.fixture
def settings_toml(emulator: Emulator) -> str:
    """What is in the settings file: every backend is at the emulator. Folders and modules have their own."""
    return settings_text(emulator)


@pytest.fixture
def settings_file(settings_toml: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A turnout.toml, found through TURNOUT_CONFIG."""
    path = tmp_path / "turnout.toml"
    path.write_text(settings_toml, encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    return path


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked again is asked again at once."""
    monkeypatch.setattr(attempts, "_backoff", lambda _: 0.0)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each backend in turn, chosen by TURNOUT_BACKEND alone."""
    name = str(request.param)
    monkeypatch.setenv("TURNOUT_BACKEND", name)
    return name
