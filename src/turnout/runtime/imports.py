"""Imports that a fork cut short.

The locks of modules that another thread was importing are held in the child for ever, by a thread that isn't there.
They are dropped, and a module that had come half way is executed again when it is next imported: in its own namespace,
as `importlib.reload` does. Its submodules that are whole stay as they are.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# Python offers no other way to them; where it has them elsewhere, there is nothing to repair them with.
_locks: dict[str, Any] = getattr(vars(importlib).get("_bootstrap"), "_module_locks", {})


def repair_imports() -> None:
    """Make it possible, in the child, to import what other threads of the parent were importing."""
    models = vars(sys.modules.get("pydantic.main", object))
    if "_rebuild_lock" in models:  # of the process, since pydantic 2.14: SDKs' modules build models
        models["_rebuild_lock"] = RLock()
    half: dict[str, ModuleType] = {}
    for name, reference in list(_locks.items()):
        lock = reference()
        if lock is None or lock.owner in {None, get_ident()}:
            continue
        del _locks[name]
        module = sys.modules.get(name)
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            half[name] = sys.modules.pop(name)
        elif module is not None:
            _put_in_package(name, module)
    if half:
        # A submodule that is there is imported without a look at its package, so it waits for that to be there again.
        whole: dict[str, dict[str, ModuleType]] = {name: {} for name in half}
        for name in list(sys.modules):
            packages = [package for package in half if name.startswith(f"{package}.")]
            if packages:
                whole[max(packages, key=len)][name] = sys.modules.pop(name)
        sys.meta_path.insert(0, _Finder(half, whole))


def _put_in_package(name: str, module: ModuleType) -> None:
    package, _, last = name.rpartition(".")
    if package in sys.modules:
        setattr(sys.modules[package], last, module)


class _Finder(MetaPathFinder):
    """Finds modules that are half there, each once; `whole` are the modules in each that are all there."""

    def __init__(self, half: dict[str, ModuleType], whole: dict[str, dict[str, ModuleType]]) -> None:
        self._half = half
        self._whole = whole

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        module = self._half.pop(fullname, None)
        if module is None or module.__spec__ is None:
            return None
        spec = module.__spec__
        spec.loader = _Again(spec.loader, module, self._whole.pop(fullname))
        return spec


class _Again(Loader):
    """Executes a module again, by its own loader."""

    def __init__(self, loader: Any, module: ModuleType, whole: dict[str, ModuleType]) -> None:
        self._loader = loader
        self._module = module
        self._whole = whole

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - the protocol's
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        spec.loader = self._loader
        sys.modules.update(self._whole)
        for name, whole in self._whole.items():
            _put_in_package(name, whole)
        self._loader.exec_module(module)
