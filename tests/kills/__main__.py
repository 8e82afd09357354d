"""`python -m tests.kills [KILLS]`: kills for each store of a named index; writes its table into docs/reliability.md."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path

from tests.kills.harness import Harness, Tally
from tests.kills.operations import KINDS
from tests.support.qdrant_server import serving
from turnout_emulator import Emulator

_PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_START, _END = "<!-- kills: made by make kills -->", "<!-- end of kills -->"
STORES = [
    ("langchain", "chroma"),
    ("langchain", "faiss"),
    ("langchain", "pgvector"),
    ("langchain", "qdrant"),
    ("langchain", "lancedb"),
    ("llama_index", "chroma"),
    ("llama_index", "simple"),
    ("llama_index", "pgvector"),
    ("llama_index", "qdrant"),
    ("llama_index", "lancedb"),
]


def main(kills: int) -> int:
    """Run them all; the exit code says whether anything was lost."""
    warnings.simplefilter("ignore")
    for name in [name for name in os.environ if name.startswith(("TURNOUT_", "AZURE_", "AWS_", "OPENAI_"))]:
        del os.environ[name]
    os.environ |= {"NO_PROXY": "127.0.0.1,localhost", "AWS_EC2_METADATA_DISABLED": "true"}
    tallies: dict[tuple[str, str], Tally] = {}
    with tempfile.TemporaryDirectory(prefix="turnout-kills-") as folder, tempfile.TemporaryDirectory() as database:
        address = _database(Path(database))
        for number, (framework, kind) in enumerate(STORES):
            place = Path(folder) / str(number)
            place.mkdir()
            os.chdir(place)
            with Emulator(delay=0.02) as emulator, serving() as qdrant:
                connection = {"pgvector": address, "qdrant": qdrant.url}.get(kind)
                tally = Harness(emulator, place, kind, framework, connection, seed=number).run(kills)
            tallies[framework, kind] = tally
            print(f"{framework} {kind}: {_row(tally)}", flush=True)
            for fault in tally.faults:
                print(f"  {fault}", flush=True)
            if kind == "pgvector":
                _empty(address)
    _write(tallies)
    return int(any(tally.faults for tally in tallies.values()))


def _database(folder: Path) -> str:
    import pgserver

    address: str = pgserver.get_server(folder, cleanup_mode="stop").get_uri()  # type: ignore[attr-defined] # it has no __all__
    return address.replace("postgresql://", "postgresql+psycopg://")


def _empty(address: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        for name in sqlalchemy.inspect(connection).get_schema_names():
            if name not in {"public", "information_schema"}:
                connection.execute(sqlalchemy.text(f'DROP SCHEMA "{name}" CASCADE'))
        for name in sqlalchemy.inspect(connection).get_table_names():
            connection.execute(sqlalchemy.text(f'DROP TABLE "{name}" CASCADE'))


def _row(tally: Tally) -> str:
    kills = ", ".join(f"{tally.kills[kind]} {kind}" for kind in KINDS)
    return (
        f"{tally.kills.total()} kills ({kills}), {tally.ended} ended before; {tally.mended} times a command mended it; "
        f"{tally.again} texts embedded again; {len(tally.faults)} faults"
    )


def _write(tallies: dict[tuple[str, str], Tally]) -> None:
    names = {"langchain": "LangChain", "llama_index": "LlamaIndex"}
    lines = [
        f"| store | kills | {' | '.join(KINDS)} | ended before | mended by its command | embedded again | faults |",
        f"|---|{'---|' * (len(KINDS) + 5)}",
    ]
    for (framework, kind), tally in tallies.items():
        cells = [tally.kills.total(), *(tally.kills[kind] for kind in KINDS), tally.ended, tally.mended, tally.again]
        numbers = " | ".join(map(str, [*cells, len(tally.faults)]))
        lines.append(f"| {names[framework]}, `{kind}` | {numbers} |")
    text = _PAGE.read_text(encoding="utf-8")
    head, tail = text.split(_START)[0], text.split(_END)[1]
    _PAGE.write_text(f"{head}{_START}\n" + "\n".join(lines) + f"\n{_END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
