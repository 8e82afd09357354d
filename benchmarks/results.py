"""What was measured, and on what."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = (
    "turnout",
    "aiohttp",
    "boto3",
    "httpx",
    "langchain-aws",
    "langchain-core",
    "langchain-openai",
    "litellm",
    "llama-index-core",
    "llama-index-embeddings-azure-openai",
    "llama-index-embeddings-bedrock",
    "llama-index-llms-azure-openai",
    "llama-index-llms-bedrock-converse",
    "openai",
    "pydantic",
)


@dataclass(slots=True)
class Row:
    """One contestant's figures in one measure.

    Attributes:
        measure: The measure's name, like `chats_1000`.
        cloud: `Azure` or `Bedrock`; for vectors the model's, `Azure`, `Titan` or `Cohere`; empty where it's neither.
        contestant: Who was measured.
        figures: What was measured → one figure for each round: `wall` and `cpu` in seconds, `mb` in megabytes,
            `in_flight` in requests.
        note: What a reader has to know of them, like `200 chunks, times 10`.
    """

    measure: str
    cloud: str
    contestant: str
    figures: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""

    def median(self, figure: str) -> float | None:
        """The median over the rounds; None if it wasn't measured."""
        found = self.figures.get(figure)
        return statistics.median(found) if found else None


@dataclass(slots=True)
class Results:
    """One run.

    Attributes:
        machine: Cores, Python and versions of packages.
        quick: Whether it was the short run, whose figures are no measure of the targets.
        rows: The figures.
    """

    machine: dict[str, Any]
    quick: bool
    rows: list[Row]

    def find(self, measure: str, cloud: str, contestant: str) -> Row | None:
        """A contestant's row."""
        key = (measure, cloud, contestant)
        return next((row for row in self.rows if (row.measure, row.cloud, row.contestant) == key), None)

    def median(self, measure: str, cloud: str, contestant: str, figure: str) -> float | None:
        """A contestant's median; None if it wasn't measured."""
        row = self.find(measure, cloud, contestant)
        return row.median(figure) if row else None

    def write(self, path: Path) -> None:
        """Write as JSON."""
        rows = [asdict(row) for row in self.rows]
        for row in rows:
            row["figures"] = {name: [_short(value) for value in values] for name, values in row["figures"].items()}
        text = json.dumps({"machine": self.machine, "quick": self.quick, "rows": rows}, indent=1)
        path.write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what `write` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(found["machine"], found["quick"], [Row(**row) for row in found["rows"]])


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """What decides the figures, and nothing that names this machine."""
    versions: dict[str, str] = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "cores": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "packages": versions,
    }
