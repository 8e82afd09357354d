"""What the documentation shows runs: its Python against the emulator, its settings through the loader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from turnout.settings import load_settings

if TYPE_CHECKING:
    from turnout_emulator import Emulator

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OWN_TEST = {"emulator.md", "ray.md"}  # they need a running emulator or cluster: tests/emulator, tests/workers
INDEXES = """
[index.docs]
store = "chroma"
path = "./index"

[index.notes]
store = "simple"
path = "./index"

[index.mine]
store = "custom"
path = "./index"
"""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python") and page.name not in OWN_TEST], ids=lambda page: page.name
)
def test_the_pages_python_runs(
    page: Path, emulator: Emulator, settings_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.clear()
    settings_file.write_text(settings_file.read_text(encoding="utf-8") + INDEXES, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "depot.md").write_text("# The depot\n\nThe depot opens at seven.\n")
    monkeypatch.chdir(tmp_path)
    code = "\n\n".join(blocks(page, "python"))
    exec(compile(code, str(page), "exec"), {"__name__": "__docs__"})


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "toml")], ids=lambda page: page.name)
def test_the_pages_settings_load(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(page, "toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        assert load_settings(path).backends


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_tests_that_a_page_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)((?:::\w+)*)`", (ROOT / "docs" / "services.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    for path, names in named:
        text = (ROOT / path).read_text(encoding="utf-8")
        for name in names.split("::")[1:]:
            assert re.search(rf"(def|class) {name}\b", text), f"{path}{names}"
