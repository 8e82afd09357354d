"""Which way imports point, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import turnout

SOURCE = Path(turnout.__file__).parent
LAYERS = [
    "version",
    "errors",
    "redaction",
    "permissions",
    "sdk_logs",
    "azure_transport",
    "runtime",
    "facts",
    "settings",
    "routing",
    "transport",
    "providers",
    "conversation",
    "calls",
    "hints",
    "limits",
    "embedding",
    "index",
    "reindex",
    "ray",
]
SIDES = {"langchain", "llama_index"}


def imported(path: Path, *, typing_too: bool = False) -> set[str]:
    """Modules that a file imports, without those that only type checkers see."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden: set[ast.AST] = set()
    if not typing_too:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                hidden.update(child for part in node.body for child in ast.walk(part))
    names: set[str] = set()
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def files(part: str) -> list[Path]:
    folder = SOURCE / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [SOURCE / f"{part}.py"]


@pytest.mark.parametrize("part", LAYERS)
def test_imports_point_one_way(part: str) -> None:
    allowed = set(LAYERS[: LAYERS.index(part) + 1])
    for path in files(part):
        for name in imported(path, typing_too=True):
            if name.startswith("turnout."):
                assert name.split(".")[1] in allowed, f"{path.name} imports {name}"


def import_graph() -> dict[str, set[str]]:
    """Which modules each module imports: at its top, in functions, for type checkers, and by a name in a string."""
    paths = {
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCE.rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= inner if inner <= paths.keys() else inner | {node.module}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
                found.add(node.value)
        graph[name] = (found & paths.keys()) - {name}
    return graph


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The largest sets of modules of which each imports, through others, each."""

    def reached(name: str) -> set[str]:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    reach = {name: reached(name) for name in graph}
    sets = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]}
    return {frozenset(name.removeprefix("turnout.") for name in found) for found in sets}


def test_no_modules_import_each_other() -> None:
    assert circles(import_graph()) == set()


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert circles({f"turnout.{name}": {f"turnout.{other}" for other in others} for name, others in graph.items()}) == {
        frozenset({"b", "c"})
    }


@pytest.mark.parametrize("side", sorted(SIDES))
def test_a_framework_is_imported_by_its_own_side_only(side: str) -> None:
    package = {"langchain": "langchain", "llama_index": "llama_index"}[side]
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(SOURCE / side) or path.is_relative_to(SOURCE / "cli"):
            continue
        found = {name for name in imported(path, typing_too=True) if name.split("_")[0].split(".")[0] == package}
        found |= {name for name in imported(path, typing_too=True) if name.startswith((package, f"turnout.{side}"))}
        assert not found, f"{path} imports {found}"
    for path in (SOURCE / side).rglob("*.py"):
        other = (SIDES - {side}).pop()
        assert not {n for n in imported(path) if n.startswith((other, f"turnout.{other}", "turnout.cli."))}


def test_product_code_does_not_know_the_emulator() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(SOURCE / "cli"):
            continue
        assert not {n for n in imported(path, typing_too=True) if n.startswith("turnout_emulator")}, path


def test_only_settings_read_the_environment() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(SOURCE / "settings"):
            continue
        text = path.read_text(encoding="utf-8")
        assert "os.environ" not in text or path.is_relative_to(SOURCE / "cli"), path
        assert "getenv" not in text, path


def loaded(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after a statement."""
    code = f"import sys\n{statement}\nprint('\\n'.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


SDKS = {"openai", "boto3", "botocore", "azure", "langchain_openai", "langchain_aws", "anthropic", "aiohttp"}


def test_importing_turnout_loads_next_to_nothing() -> None:
    extra = loaded("import turnout") - loaded("pass") - {"turnout"}
    assert not extra & (SDKS | {"pydantic", "pydantic_settings", "langchain_core", "llama_index", "typer", "rich"})
    assert len(extra) < 30, extra


def test_importing_the_langchain_side_loads_no_sdk() -> None:
    have = loaded("from turnout.langchain import ChatTurnout, TurnoutEmbeddings")
    assert "langchain_core" in have
    # Where httpx-aiohttp is installed, langsmith, which langchain-core imports, imports it.
    assert not have & (SDKS - ({"aiohttp"} if find_spec("httpx_aiohttp") else set()) | {"llama_index"})


def test_each_backend_loads_its_own_sdk_when_first_used(settings_file: Path) -> None:
    asked = "from turnout.langchain import ChatTurnout; ChatTurnout(backend={!r}).invoke('Hello')"
    azure, bedrock = loaded(asked.format("azure")), loaded(asked.format("bedrock"))
    assert "openai" in azure
    assert "botocore" not in azure
    assert "botocore" in bedrock
    assert "openai" not in bedrock


def test_what_is_public_is_there() -> None:
    for name in turnout.__all__:
        assert getattr(turnout, name) is not None
    assert set(turnout.__all__) <= set(dir(turnout))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = turnout.nonsense


def test_without_ray_its_side_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['ray'] = None\nimport turnout.ray"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "MissingExtraError: turnout.ray needs Ray: pip install 'turnout[ray]'" in done.stderr
