"""Run small applications against aimock, an emulator by others, and print what differs from what they expect.

    python -m tests.second_opinion NODE_MODULES

aimock knows Azure, OpenAI, OpenAI's paths on Bedrock and Converse; what it streams of Converse isn't the service's form,
so that isn't asked. What it prints is a question for whoever maintains the wire, not a fault: either emulator may be
wrong.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from tests.second_opinion.programs import ANSWERS, PROGRAMS, Person

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPECTED: dict[str, Any] = {
    "answer": "Hello from the depot.",
    "async answer": "Hello from the depot.",
    "stream": "Hello from the depot.",
    "finish reason": "stop",
    "usage": True,
    "tool rounds": ("weather", {"city": "Bern"}, "Hello from the depot."),
    "schema": Person(name="Ada Lovelace", age=36),
    "vectors": 2,
}
BACKENDS = ("azure", "azure_dated", "openai", "mantle", "converse")
NOT_ASKED = {("converse", "stream"), ("converse", "vectors"), ("mantle", "vectors")}
_CLEARED = ("TURNOUT_", "AZURE_", "AWS_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_", "HTTP", "ALL_PROXY")


def settings(url: str) -> str:
    """Every backend at one address."""
    bedrock = f'provider = "bedrock"\nregion = "us-east-1"\nendpoint = "{url}"\nmantle_endpoint = "{url}"\n'
    bedrock += 'access_key_id = "AKIDEXAMPLE"\nsecret_access_key = "none"\n'
    return f"""
[backends.azure]
endpoint = "{url}"
api_key = "none"

[backends.azure_dated]
provider = "azure"
endpoint = "{url}"
api_key = "none"
api_version = "2024-10-21"

[backends.openai]
base_url = "{url}/v1"
api_key = "none"

[backends.mantle]
{bedrock}
[backends.converse]
{bedrock}
[chat.default]
azure = {{ deployment = "gpt-4.1", model = "gpt-4.1" }}
azure_dated = {{ deployment = "gpt-4.1", model = "gpt-4.1" }}
openai = "gpt-4.1"
mantle = "openai.gpt-5.5"
converse = "us.anthropic.claude-sonnet-4-6"

[embedding.default]
azure = {{ deployment = "text-embedding-3-small", model = "text-embedding-3-small" }}
azure_dated = {{ deployment = "text-embedding-3-small", model = "text-embedding-3-small" }}
openai = "text-embedding-3-small"
"""


@contextmanager
def running(modules: Path, folder: Path) -> Iterator[str]:
    """aimock on a free port of loopback, with the programs' answers."""
    fixtures = [{"match": {"userMessage": said}, "response": answer} for said, answer in ANSWERS.items()]
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": fixtures}), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["node", str(modules / "@copilotkit" / "aimock" / "dist" / "cli.js"), "-p", str(port)]
    command += ["-f", str(folder / "fixtures.json"), "--log-level", "warn"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < ends:
        try:
            with urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("aimock didn't start; is Node 20 or later installed?")


def main(arguments: list[str]) -> int:
    """Print a line for each difference, and how many programs agree; 0, because a difference is a question."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    for name in list(os.environ):
        if name.upper().startswith(_CLEARED):
            del os.environ[name]
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1,localhost"}
    agreed, lines = 0, []
    with tempfile.TemporaryDirectory() as folder, running(Path(arguments[0]), Path(folder)) as url:
        path = Path(folder) / "turnout.toml"
        path.write_text(settings(url), encoding="utf-8")
        os.environ["TURNOUT_CONFIG"] = str(path)
        for framework, programs in PROGRAMS.items():
            for backend in BACKENDS:
                os.environ["TURNOUT_BACKEND"] = backend
                for name, program in programs.items():
                    if (backend, name) in NOT_ASKED:
                        continue
                    try:
                        got = program()
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
                        got = f"{type(error).__name__}: {error}"
                    if got == EXPECTED[name]:
                        agreed += 1
                    else:
                        lines.append(f"{framework}, {backend}, {name}: {str(got)[:300]}")
    print(*lines, sep="\n")  # noqa: T201 - this is a command
    print(f"{agreed} programs agree, {len(lines)} don't")  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
