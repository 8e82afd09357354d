"""Each framework's extra alone imports and answers.

The suite runs with what is installed, cut down to what an extra brings. `make installs` has pip install each extra into
an environment of its own, which takes a network and minutes: LangChain alone gets a newer major version of the openai
SDK than both together (llama-index-llms-openai caps it), so that is another program than the one that the other tests
run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
QUESTION = "Context: The depot opens at seven.\\n\\nQuestion: When does the depot open?"
CHECKS = {
    "langchain": f"""
import asyncio, importlib.util
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
for backend in ("azure", "azure_dated", "openai", "bedrock"):
    chat = ChatTurnout(backend=backend)
    assert chat.invoke("{QUESTION}").content == "The depot opens at seven."
    assert asyncio.run(chat.ainvoke("{QUESTION}")).content == "The depot opens at seven."
    assert "".join(chunk.content for chunk in chat.stream("{QUESTION}")) == "The depot opens at seven."
    assert len(TurnoutEmbeddings(backend=backend).embed_query("depot")) in (1536, 1024)
assert importlib.util.find_spec("llama_index") is None
try:
    import turnout.llama_index
except ImportError as error:
    assert "pip install 'turnout[llama-index]'" in str(error)
else:
    raise AssertionError("the other side must say what it lacks")
""",
    "llama-index": f"""
import asyncio, importlib.util
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
for backend in ("azure", "azure_dated", "openai", "bedrock"):
    llm = TurnoutLLM(backend=backend)
    assert str(llm.complete("{QUESTION}")) == "The depot opens at seven."
    assert str(asyncio.run(llm.acomplete("{QUESTION}"))) == "The depot opens at seven."
    assert str(list(llm.stream_complete("{QUESTION}"))[-1]) == "The depot opens at seven."
    assert len(TurnoutEmbedding(backend=backend).get_query_embedding("depot")) in (1536, 1024)
assert importlib.util.find_spec("langchain_core") is None
try:
    import turnout.langchain
except ImportError as error:
    assert "pip install 'turnout[langchain]'" in str(error)
else:
    raise AssertionError("the other side must say what it lacks")
""",
}


PLAIN = """
import importlib.abc, sys
refused = set({refused!r})

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in refused:
            raise ModuleNotFoundError(fullname, name=fullname)

sys.meta_path.insert(0, Refuse())
import turnout
assert turnout.resolve(settings=turnout.load_settings()).deployment
from turnout.cli import main
sys.argv = ["turnout", "routes"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*{{name.partition(".")[0] for name in sys.modules}})
"""


def is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def required(names: list[str]) -> set[str]:
    """The distributions that some bring, with theirs; of those that are installed."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        asked = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if asked in found or not is_installed(requirement.name):
            continue
        found.add(asked)
        for needed in map(Requirement, metadata.requires(requirement.name) or ()):
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return {name for name, _ in found}


def test_a_plain_install_brings_what_it_imports_and_no_more(settings_file: Path) -> None:
    (settings_file.parent / ".env").write_text("TURNOUT_BACKEND=azure\n", encoding="utf-8")
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    brought = required(own)
    owners = {module: set(map(canonicalize_name, names)) for module, names in metadata.packages_distributions().items()}
    refused = {module for module, names in owners.items() if not names & {*brought, "turnout"}}
    code = PLAIN.format(refused=sorted(refused - set(sys.stdlib_module_names)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    for dependency in own:
        name = canonicalize_name(Requirement(dependency).name)
        assert {module for module, names in owners.items() if name in names} & loaded, f"{name} isn't imported"


def linked(extra: str, folder: Path) -> None:
    """Put links to what `turnout[extra]` brings into a folder."""
    for name in required([f"turnout[{extra}]"]):
        installed = metadata.distribution(name)
        for first in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
            if not (folder / first).exists():
                (folder / first).symlink_to(Path(str(installed.locate_file(first))))
    (folder / "turnout").symlink_to(ROOT / "src" / "turnout")


def answers(extra: str, *command: str, **environment: str) -> None:
    done = subprocess.run(
        [*command, "-W", "error::ResourceWarning", "-c", CHECKS[extra]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("extra", sorted(CHECKS))
def test_what_an_extra_brings_is_all_that_it_takes(extra: str, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    linked(extra, folder)
    answers(extra, sys.executable, "-S", PYTHONPATH=str(folder))


@pytest.mark.installs
@pytest.mark.timeout(1200)  # pip may have to download everything
@pytest.mark.parametrize("extra", sorted(CHECKS))
def test_one_framework_alone_imports_and_answers(
    extra: str, emulator: Emulator, settings_file: Path, tmp_path: Path
) -> None:
    assert emulator.azure.url in settings_file.read_text()
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = str(home / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    done = subprocess.run([*install, f"{ROOT}[{extra}]"], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answers(extra, python)


@pytest.mark.bounds
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
@pytest.mark.parametrize("extra", sorted(CHECKS))
def test_the_lowest_and_the_newest_versions_answer(
    extra: str, resolution: str, emulator: Emulator, settings_file: Path, tmp_path: Path
) -> None:
    assert emulator.azure.url in settings_file.read_text()
    tool, home = tmp_path / "uv", tmp_path / "venv"
    for place in (tool, home):
        venv.create(place, with_pip=place == tool)
    bin_ = "Scripts" if sys.platform == "win32" else "bin"
    install = [str(tool / bin_ / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"]
    subprocess.run(install, check=True, timeout=900)
    python = str(home / bin_ / "python")
    install = [str(tool / bin_ / "uv"), "pip", "install", "--quiet", "--resolution", resolution, "--python", python]
    subprocess.run([*install, f"{ROOT}[{extra}]"], check=True, timeout=900)
    if resolution == "lowest-direct":
        listed = [str(tool / bin_ / "uv"), "pip", "freeze", "--python", python]
        frozen = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
        assert not unmet(extra, dict(line.split("==") for line in frozen.splitlines() if "==" in line))
    answers(extra, python)


def unmet(extra: str, installed: dict[str, str]) -> dict[str, str]:
    """What was installed in another version than the lowest that `turnout[extra]` says it takes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for requirement in map(Requirement, project["optional-dependencies"][extra]):
        lowest = next(Version(one.version) for one in requirement.specifier if one.operator == ">=")
        if Version(installed[canonicalize_name(requirement.name)]) != lowest:
            found[requirement.name] = f"{installed[canonicalize_name(requirement.name)]}, not {lowest}"
    return found


@pytest.mark.installs
@pytest.mark.timeout(1200)
def test_what_is_published_is_built_the_same_each_time(tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = str(home / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "hatchling"]
    subprocess.run(pip, check=True, timeout=900)
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    digests = []
    for place in ("here", "there"):
        root = tmp_path / place
        for file in files.split("\0")[:-1]:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, root / file)  # with the time of the copy
        subprocess.run(
            [python, "-m", "hatchling", "build", "-d", str(tmp_path / f"{place}-dist")], cwd=root, check=True
        )
        built = sorted((tmp_path / f"{place}-dist").iterdir())
        assert [file.suffix for file in built] == [".whl", ".gz"]
        digests.append([(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in built])
    assert digests[0] == digests[1]
