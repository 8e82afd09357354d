"""Recall of a named index over this project's docs, on one backend, after a move to another, and back.

`python -m benchmarks.questions` runs it against the emulator, in both frameworks; `--write FILE` writes the pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.questions import pairs, passages, recall
from benchmarks.questions.indexes import filled, searcher
from turnout_emulator import Emulator

K = 5


def main() -> None:
    """Print a line for each framework and step of the move."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="write the passages and questions to a file of JSON lines")
    arguments = parser.parse_args()
    found = passages([Path("README.md"), *Path("docs").glob("*.md")])
    asked = pairs(found)
    if arguments.write:
        rows = [{**asdict(pair), "text": passage.text} for pair, passage in zip(asked, found, strict=True)]
        arguments.write.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(asked)} questions, recall@{K}")
    with Emulator() as emulator, tempfile.TemporaryDirectory() as folder:
        for framework, store in (("langchain", "chroma"), ("llama_index", "simple")):
            file = Path(folder, f"{framework}.toml")
            lines = f'store = "{store}"\nframework = "{framework}"\npath = "{framework}"\nfill = "on-the-way"'
            file.write_text(f"{emulator.settings_toml()}\n[index.docs]\n{lines}\n", encoding="utf-8")
            os.environ["TURNOUT_CONFIG"] = str(file)
            for step, backend in enumerate(("azure", "bedrock", "azure")):
                os.environ["TURNOUT_BACKEND"] = backend
                index = filled(framework, [] if step else found)
                print(f"{framework:<12}{backend:<10}{recall(asked, searcher(index, K)):.3f}")


if __name__ == "__main__":
    main()
