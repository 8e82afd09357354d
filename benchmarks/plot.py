"""The results as a picture: how long each takes, on a logarithmic scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contestants import Names
from benchmarks.page import COLUMNS, shown

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.results import Results

_PANELS = (
    ("1,000 async chats, Azure", "chats_1000", "Azure"),
    ("1,000 async chats, Bedrock", "chats_1000", "Bedrock"),
    ("100 streams, Azure", "streams_100", "Azure"),
    ("100 streams, Bedrock", "streams_100", "Bedrock"),
    ("2,000 chunks, Titan", "ingest_2000", "Titan"),
    ("2,000 chunks, Cohere", "ingest_2000", "Cohere"),
)
_OURS, _THEIRS, _FLOOR = "#c8501e", "#8c96a0", "#d2d7dc"


def plot(results: Results, path: Path) -> None:
    """Write the picture as SVG; the same results give the same file."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "turnout"
    mpl.rcParams["font.size"] = 8
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, 2, figsize=(10, 8.5), layout="constrained")
    for axis, (title, measure, cloud) in zip(axes.flat, _PANELS, strict=True):
        _panel(axis, title, results, measure, cloud)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _panel(axis: Axes, title: str, results: Results, measure: str, cloud: str) -> None:
    bars: list[tuple[str, float]] = []
    for name in COLUMNS:
        other = f"{measure}_async", cloud, f"{Names.RAW}, as many in flight"
        found = results.median(measure, cloud, name, "wall")
        if found is None and name == Names.RAW:
            found = results.median(*other, "wall")
        if found is not None:
            bars.append((name, found))
    if not bars:  # a run that left this measure out
        axis.set_axis_off()
        return
    bars.reverse()
    ours = {Names.OURS_LANGCHAIN, Names.OURS_LLAMA_INDEX}
    colours = [_OURS if name in ours else _FLOOR if name == Names.RAW else _THEIRS for name, _ in bars]
    drawn = axis.barh([name for name, _ in bars], [value for _, value in bars], color=colours)
    axis.bar_label(drawn, [shown(value, "wall") for _, value in bars], padding=3)
    axis.set_title(title, loc="left", fontweight="bold")
    axis.set_xscale("log")
    axis.margins(x=0.2)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_xlabel("seconds, logarithmic")
