"""Execute the notebooks as a reader would: a fresh kernel, an empty folder, and nothing set.

`python tests/notebooks/execute.py` stores their outputs.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("langchain.ipynb", "llama_index.ipynb")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def stored(name: str) -> Any:
    """A notebook as it is in the repository."""
    return nbformat.read(NOTEBOOKS / name, as_version=4)  # type: ignore[no-untyped-call]


def executed(name: str) -> Any:
    """A notebook after a run from top to bottom; only its cells' sources are used."""
    notebook = stored(name)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
            coalesce_streams=True,
        )
        client.execute(env={"PATH": os.environ["PATH"], "HOME": folder})
    notebook.metadata = nbformat.from_dict(METADATA)  # type: ignore[no-untyped-call]
    return notebook


if __name__ == "__main__":
    for each in NAMES:
        nbformat.write(executed(each), NOTEBOOKS / each)  # type: ignore[no-untyped-call]
