"""`typing.get_type_hints` works on everything public: LangChain asks it of a model that `with_fallbacks` wraps."""

from __future__ import annotations

import functools
import inspect
import typing
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = (
    "turnout",
    "turnout.errors",
    "turnout.settings",
    "turnout.routing",
    "turnout.facts.models",
    "turnout.facts.spaces",
    "turnout.calls.limits",
    "turnout.calls.streams",
    "turnout.providers.credentials",
    "turnout.index.named",
    "turnout.reindex",
    "turnout.ray",
    "turnout.langchain",
    "turnout.langchain.index",
    "turnout.langchain.stores",
    "turnout.langchain.caches",
    "turnout.langchain.embeddings",
    "turnout.langchain.errors",
    "turnout.llama_index",
    "turnout.llama_index.index",
    "turnout.llama_index.stores",
    "turnout.llama_index.vectors",
    "turnout.llama_index.structured",
    "turnout_emulator",
)


def public(name: str) -> dict[str, Any]:
    """What a module offers: what it lists, or what it defines under a name without an underscore."""
    module = import_module(name)
    listed = getattr(module, "__all__", None)
    names = listed if listed is not None else [one for one in vars(module) if not one.startswith("_")]
    found = {one: getattr(module, one) for one in names}
    return {
        one: value
        for one, value in found.items()
        if listed is not None or getattr(value, "__module__", None) == module.__name__
    }


def functions(owner: type) -> Iterator[tuple[str, Any]]:
    """The functions of a class that are turnout's, those that it inherits from turnout's classes too."""
    for base in owner.__mro__:
        if not base.__module__.startswith("turnout"):
            continue
        for name, value in vars(base).items():
            if name.startswith("_") and name != "__init__":
                continue
            for found in unwrapped(value):
                if found.__module__ != base.__module__:  # pydantic's, put there by it
                    continue
                yield f"{base.__module__}.{base.__qualname__}.{name}", found


def unwrapped(value: Any) -> Iterator[Any]:
    if isinstance(value, property):
        yield from (one for one in (value.fget, value.fset) if one is not None)
    elif isinstance(value, functools.cached_property):
        yield value.func
    elif isinstance(value, classmethod | staticmethod):
        yield value.__func__
    elif inspect.isfunction(value):
        yield value


@pytest.mark.parametrize("module", MODULES)
def test_of_everything_public(module: str) -> None:
    wrong: dict[str, str] = {}
    for name, value in public(module).items():
        asked: list[tuple[str, Any]] = []
        if inspect.isclass(value):
            asked = [(f"{module}.{name}", value), *functions(value)]
        elif inspect.isfunction(value):
            asked = [(f"{module}.{name}", value)]
        for where, one in asked:
            try:
                typing.get_type_hints(one)
            except Exception as error:  # noqa: BLE001 - whatever it is, it names the place
                wrong[where] = repr(error)
    assert not wrong
