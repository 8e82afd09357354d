"""The environment variables that installed packages read, found in their sources."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAME = re.compile(r"_?[A-Z][A-Z0-9_]+\Z")
_MENTIONED = re.compile(r"environ\b|getenv|from_env|or_env|EnvironmentProvider|env_var")
_READERS = re.compile(
    r"(get_from_(param|dict)_or_env|get_from_env|secret_from_env|from_env|getenv|EnvironmentProvider)\Z"
)
_ARGUMENTS = {"env_var", "env_var_names", "base_url_env", "api_key_env"}  # that name a variable, in whatever call
_CONSTANT = re.compile(
    r"^\s*(_?[A-Z][A-Z0-9_]+)(?::[^=\n]+)?\s*=\s*([\"'][A-Z0-9_]+[\"']|\(.*?\)|\[.*?\])", re.MULTILINE | re.DOTALL
)
_QUOTED = re.compile(r"[\"'](_?[A-Z][A-Z0-9_]+)[\"']")
_BOTOCORE = re.compile(r"[\"']((?:AWS|BOTO|BOTOCORE|_X_AMZN)_[A-Z0-9_]+)[\"']")


def variables(package: str, *modules: str) -> set[str]:
    """The variables that a package reads, or only some of its modules.

    A name that isn't in the sources as it is comes as the expression for it, after its module's name.
    """
    spec = find_spec(package)
    assert spec is not None
    if spec.submodule_search_locations is None:
        assert spec.origin is not None
        texts = {"__init__.py": Path(spec.origin).read_text(encoding="utf-8-sig")}
    else:
        root = Path(next(iter(spec.submodule_search_locations)))
        texts = {
            str(path.relative_to(root)): path.read_text(encoding="utf-8-sig")
            for path in sorted(root.rglob("*.py"))
            if "vendored" not in path.parts
        }
    constants = _constants(texts.values())
    found: set[str] = set()
    for name, text in texts.items():
        if (modules and name not in modules) or not _MENTIONED.search(text):
            continue
        for expression in _read(ast.parse(text)):
            found |= _names(expression, constants) or {f"{Path(name).stem}: {ast.unparse(expression)}"}
        if package == "botocore":  # which has its variables in tables
            found |= set(_BOTOCORE.findall(text))
    return found


def _constants(texts: Iterable[str]) -> dict[str, set[str]]:
    """Names that stand for a variable's, or for several, anywhere in a package: `ENV_VAR = "AWS_…"`."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for name, value in _CONSTANT.findall(text):
            found.setdefault(name, set()).update(_QUOTED.findall(value))
    return found


def _read(tree: ast.Module) -> Iterator[ast.expr]:
    """The expressions that name a variable where one is read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called.endswith("_or_env"):
                yield node.args[2]
            elif _READERS.search(called):
                yield from node.args[:1]
            elif called in {"get", "pop"} and isinstance(node.func, ast.Attribute) and _is_environ(node.func.value):
                yield node.args[0]
            yield from (given.value for given in node.keywords if given.arg in _ARGUMENTS)
        elif isinstance(node, ast.Subscript) and _is_environ(node.value) and isinstance(node.ctx, ast.Load):
            yield node.slice
        elif isinstance(node, ast.Compare) and _is_environ(node.comparators[0]):
            yield node.left


def _is_environ(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.lstrip("_") == "environ"


def _names(expression: ast.expr, constants: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    for part in ast.walk(expression):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and _NAME.match(part.value):
            found.add(part.value)
        elif isinstance(part, ast.Name | ast.Attribute):
            found |= constants.get(part.attr if isinstance(part, ast.Attribute) else part.id, set())
    return found
