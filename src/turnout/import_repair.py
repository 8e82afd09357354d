"""Imports that a fork cut short.

The locks of modules that another thread was importing are held in the child for ever, by a thread that isn't there.
They are dropped, and a module that had come half way is executed again when it is next imported: in its own namespace,
as `importlib.reload` does. Its submodules that are whole stay as they are.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from threading import get_ident
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_locks: dict[str, Any] = vars(importlib)["_bootstrap"]._module_locks  # noqa: SLF001 - there is no other way to them


def repair() -> None:
    """Make it possible, in the child, to import what other threads of the parent were importing."""
    half: set[str] = set()
    mine: set[str] = set()
    for name, reference in list(_locks.items()):
        lock = reference()
        if lock is None or lock.owner is None:
            continue
        if lock.owner == get_ident():
            mine.add(name)
        else:
            del _locks[name]
            half.add(name)
    # Python imports a submodule that it has without a look at its package, so that these must be imported again too.
    again = {name for name in sys.modules if not half.isdisjoint(_with_packages(name))} - mine
    if again:
        sys.meta_path.insert(0, _Finder({name: sys.modules.pop(name) for name in again}))


def _with_packages(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


class _Finder(MetaPathFinder):
    """Finds modules that were there, each once."""

    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self._modules = modules

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        module = self._modules.pop(fullname, None)
        spec = getattr(module, "__spec__", None)
        if module is None or spec is None:
            return None
        half = getattr(spec, "_initializing", False)
        spec.loader = _Again(spec.loader, module, half=half)
        found: ModuleSpec = spec
        return found


class _Again(Loader):
    """Gives a module that was there, executed again by its own loader if it is half."""

    def __init__(self, loader: Any, module: ModuleType, *, half: bool) -> None:
        self._loader = loader
        self._module = module
        self._half = half

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - the protocol's
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        spec.loader = self._loader
        if self._half:
            self._loader.exec_module(module)
