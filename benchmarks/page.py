"""The results as Markdown, and where they go in docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contestants import Names
from benchmarks.measures.reindexing import STORES
from benchmarks.measures.throttled import QUOTAS, SHARES
from benchmarks.targets import targets

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.results import Results, Row
    from benchmarks.targets import Target

BEGINS, ENDS = "<!-- bench: made by make bench -->", "<!-- /bench -->"

TITLES = {
    "chats_1000": "1,000 async chats at once",
    "chats_200": "200 async chats at once",
    "chats_100": "100 async chats at once",
    "threads": "200 sync chats from 64 threads",
    "one_call": "one sync call, no latency, CPU",
    "one_call_async": "one async call, no latency, CPU",
    "construct": "a second chat model",
    "construct_and_ask": "a second chat model and its first answer",
    "construct_memory": "memory of a second chat model",
    "stream_alone": "first token of one stream",
    "streams_100": "100 streams of 200 pieces at once",
    "streams_20": "20 streams of 200 pieces at once",
    "streams_100 first": "their worst first token",
    "streams_20 first": "their worst first token",
    "ingest_200": "200 chunks",
    "ingest_200_async": "200 chunks, async",
    "ingest_2000": "2,000 chunks",
    "ingest_2000_async": "2,000 chunks, async",
    "ingest_20000": "20,000 chunks",
    "ingest_20000_async": "20,000 chunks, async",
    **{f"throttled_{share}": f"chunks a second, {share} % refused at random" for share in SHARES},
    **{f"quota_{quota}": f"chunks a second, quota of {quota} a second" for quota in QUOTAS},
    "reindex_2000": "reindex of 2,000 chunks",
    "reindex_20000": "reindex of 20,000 chunks; SDK: a plain loop",
    "in_flight_memory": "memory over idle with 1,000 in flight",
}
"""Measures in the table's order; one with a second word shows that figure instead of the first."""
FIGURE = {
    "one_call": "cpu",
    "one_call_async": "cpu",
    "construct_memory": "mb",
    "stream_alone": "first",
    "in_flight_memory": "mb",
    **{f"throttled_{share}": "rate" for share in SHARES},
    **{f"quota_{quota}": "rate" for quota in QUOTAS},
}
"""The figure that a measure is about, where it isn't `wall`."""
COLUMNS = (
    Names.RAW,
    Names.SDK,
    Names.LANGCHAIN,
    Names.OURS_LANGCHAIN,
    Names.LLAMA_INDEX,
    Names.OURS_LLAMA_INDEX,
    Names.LITELLM,
)
_CLOUDS = ("Azure", "Bedrock", "Titan", "Cohere", *STORES)


def shown(value: float, figure: str) -> str:
    """A figure with its unit, to three digits."""
    if figure == "mb":
        return f"{value:.3g} MB"
    if figure == "rate":
        return _digits(value)
    for scale, unit in ((1.0, "s"), (1e-3, "ms")):
        if value >= scale:
            return f"{_digits(value / scale)} {unit}"
    return f"{_digits(value * 1e6)} µs"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def page(results: Results) -> str:
    """Everything that the command writes."""
    parts = [_machine(results), _main_table(results), _imports(results), _targets(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def insert(path: Path, text: str) -> None:
    """Replace what is between the markers of a page."""
    before, begins, rest = path.read_text(encoding="utf-8").partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        msg = f"{path.name} lacks the markers {BEGINS} and {ENDS}"
        raise ValueError(msg)
    path.write_text(f"{before}{begins}\n{text}{ends}{after}", encoding="utf-8")


def _machine(results: Results) -> str:
    machine = results.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return f"{machine['cores']} cores, {machine['python']}, {machine['system']}; {packages}."


def _main_table(results: Results) -> str:
    notes: list[str] = []
    lines = [f"| | | {' | '.join(COLUMNS)} |", f"|---|---|{'---|' * len(COLUMNS)}"]
    for key, title in TITLES.items():
        measure, _, other = key.partition(" ")
        figure = other or FIGURE.get(measure, "wall")
        for cloud in _CLOUDS:
            rows = {name: _row(results, measure, cloud, name) for name in COLUMNS}
            cells = [_cell(row, figure, notes) for row in rows.values()]
            if any(cells):
                lines.append(f"| {title} | {cloud} | {' | '.join(cells)} |")
    if len(lines) == 2:
        return ""
    return "\n".join(lines) + "".join(f"\n\n[{number}] {note}" for number, note in enumerate(notes, 1))


def _row(results: Results, measure: str, cloud: str, name: str) -> Row | None:
    if name == Names.RAW and measure.startswith("ingest"):
        name = f"{Names.RAW}, as many in flight"
        return results.find(measure, cloud, name) or results.find(measure, cloud, f"{Names.RAW}, 50 in flight")
    if name == Names.SDK and FIGURE.get(measure) == "rate":
        name = Names.SDK_THREADS
    return results.find(measure, cloud, name)


def _cell(row: Row | None, figure: str, notes: list[str]) -> str:
    value = row.median(figure) if row else None
    if row is None or (value is None and not row.note):
        return ""
    if value is None:
        return row.note
    text = shown(value, figure)
    if figure == "wall" and row.measure.startswith("ingest"):
        text += f", {row.median('in_flight'):.0f} in flight"
    if figure == "rate":
        text += f", {row.median('refused'):.0f} refused"
    if row.note:
        if row.note not in notes:
            notes.append(row.note)
        text += f" [{notes.index(row.note) + 1}]"
    return text


def _imports(results: Results) -> str:
    rows = [row for row in results.rows if row.measure == "import"]
    if not rows:
        return ""
    lines = ["| import, in a fresh process | seconds | CPU | memory |", "|---|---|---|---|"]
    for row in rows:
        wall, cpu, memory = (row.median(figure) or 0.0 for figure in ("wall", "cpu", "mb"))
        lines.append(f"| {row.contestant} | {shown(wall, 'wall')} | {shown(cpu, 'cpu')} | {shown(memory, 'mb')} |")
    return "\n".join(lines)


def _targets(results: Results) -> str:
    every = targets()
    known = [(target, target.met(results)) for target in every]
    met = sum(answer is True for _, answer in known)
    missed = sum(answer is False for _, answer in known)
    rest = f", {len(known) - met - missed} not measured" if met + missed < len(known) else ""
    lines = [f"{met} targets met, {missed} not met{rest}.", "", "| target | limit | measured | |", "|---|---|---|---|"]
    for target, answer in known:
        if answer is None and results.quick:
            continue
        limit = f"{'at least' if target.at_least else 'at most'} {_amount(target, target.limit)}"
        value = target.value(results)
        amount = "" if value is None else _amount(target, value)
        mark = {True: "met", False: "**NOT met**", None: "not measured"}[answer]
        lines.append(f"| {target.title} | {limit} | {amount} | {mark} |")
    return "\n".join(lines)


def _amount(target: Target, value: float) -> str:
    match target.unit:
        case "s":
            return shown(value, "wall")
        case "MB":
            return shown(value, "mb")
        case "modules":
            return f"{value:.0f}"
    return f"{value:.3g} times"
