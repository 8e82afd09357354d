"""`turnout demo`: the same `turnout ask`, on two frameworks and two clouds, against the emulator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.cli.emulator import start
from turnout.cli.failures import SERVICE_FAILED, UserError
from turnout.cli.frameworks import Framework

if TYPE_CHECKING:
    from rich.console import RenderableType

QUESTION = "How do I switch from Azure to Bedrock?"
BACKENDS = ("azure", "bedrock")
FIELDS = ("framework", "backend", "deployment", "credential", "embedding space", "answer", "sources", "time")
_PIPED_WIDTH = 120
_TABLE_FROM = 116  # columns; in a narrower terminal each run is a block of lines
_NARROW = 15  # columns of an identifier
_SECONDS = 120.0


def demo(
    docs: Annotated[Path, typer.Option(metavar="FOLDER", help="Markdown, text and PDF files.")],
    question: Annotated[str, typer.Option(help="What to ask.")] = QUESTION,
) -> None:
    """Ask one question on two frameworks and two clouds, against the emulator.

    The frameworks are LangChain and LlamaIndex, the clouds Azure OpenAI and Amazon Bedrock. Each run is `turnout ask`;
    between two clouds, nothing changes but TURNOUT_BACKEND.
    """
    if not question.strip():
        raise UserError("the question is empty")
    print(
        "Azure OpenAI and Bedrock are emulated on this machine. The emulator is no language model: it answers with\n"
        f"the sentences of its context that match the question best.\n\nQuestion: {question}\n",
        flush=True,
    )
    rows = []
    with tempfile.TemporaryDirectory(prefix="turnout-demo-") as home:
        running = start()
        try:
            settings = Path(home, "turnout.toml")
            settings.write_text(running.settings_toml(), encoding="utf-8")
            for framework in Framework:
                for backend in BACKENDS:
                    print(f"TURNOUT_BACKEND={backend} turnout ask … --framework {framework}", flush=True)
                    rows.append(_ask(question, docs, framework, backend, settings))
        finally:
            running.stop()
    _print(rows)
    if any("error" in row for row in rows):
        raise typer.Exit(SERVICE_FAILED)


def _ask(question: str, docs: Path, framework: Framework, backend: str, settings: Path) -> dict[str, Any]:
    """One run of `turnout ask`, in an environment in which nothing else decides."""
    options = ["--docs", str(docs), "--framework", framework, "--json"]
    command = [sys.executable, "-P", "-m", __package__, "ask", *options, "--", question]
    environment = {"TURNOUT_CONFIG": str(settings), "TURNOUT_BACKEND": backend, "HOME": str(settings.parent)}
    try:
        done = subprocess.run(  # noqa: S603 - this very package, with arguments that no shell reads
            command, env=environment | {"PYTHONUTF8": "1"}, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {"framework": framework, "backend": backend, "error": f"no answer within {_SECONDS:.0f} s"}
    errors = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        return {"framework": framework, "backend": backend, "error": errors or f"exit code {done.returncode}"}
    if errors:
        print(errors, file=sys.stderr)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED_WIDTH
    console = Console(width=width, highlight=False, emoji=False, markup=False)
    console.print()
    console.print(table(rows, width))


def table(rows: list[dict[str, Any]], width: int) -> RenderableType:
    """One line for each run; in a narrow terminal one for each of its fields."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if width < _TABLE_FROM:
        grid = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for row in rows:
            for name, cell in zip(FIELDS, _cells(row), strict=True):
                grid.add_row(name, Text(cell), end_section=name == FIELDS[-1])
        return grid
    grid = Table(box=box.SIMPLE_HEAD, show_lines=True, padding=(0, 1, 0, 0), pad_edge=False)
    for name in FIELDS:
        grid.add_column(name, overflow="fold", no_wrap=name != "answer", ratio=1 if name == "answer" else None)
    for row in rows:
        cells = zip(FIELDS, _cells(row), strict=True)
        grid.add_row(*(Text(cell if name == "answer" else _broken(cell)) for name, cell in cells))
    return grid


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A run's eight fields, in the order of `FIELDS`."""
    framework, backend = row["framework"], row["backend"]
    if "error" in row:
        return framework, backend, "", "", "", row["error"], "", ""
    credential, sources = row["credential"].partition(" (")[0], "\n".join(row["sources"])
    time = f"{row['seconds']:.1f} s"
    return framework, backend, row["deployment"], credential, row["embedding_space"], row["answer"], sources, time


def _broken(name: str) -> str:
    """A long identifier over several lines, broken after its punctuation."""
    lines = [""]
    for part in re.split(r"(?<=[-./:,\s])", name):
        if lines[-1] and len(lines[-1] + part.rstrip()) > _NARROW:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)
