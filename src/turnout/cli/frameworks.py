"""Which framework the application is written on; only that one is imported."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from turnout.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.cli.rag import Application, IndexedApplication
    from turnout.settings import Settings


class Framework(StrEnum):
    """The frameworks, by the names of turnout's extras."""

    LANGCHAIN = "langchain"
    LLAMA_INDEX = "llama-index"


_PACKAGES = {Framework.LANGCHAIN: "langchain_core", Framework.LLAMA_INDEX: "llama_index"}


def choose(wanted: Framework | None) -> Framework:
    """The framework that was asked for, or the first that is installed.

    Raises:
        MissingExtraError: It isn't installed, or none is.
    """
    if wanted is not None:
        if find_spec(_PACKAGES[wanted]) is None:
            raise MissingExtraError(f"--framework {wanted} is not installed: pip install 'turnout[{wanted}]'")
        return wanted
    for framework, package in _PACKAGES.items():
        if find_spec(package) is not None:
            return framework
    raise MissingExtraError("no framework is installed: pip install 'turnout[langchain]' or 'turnout[llama-index]'")


def application(framework: Framework, settings: Settings, model: str) -> Application:
    """The RAG application on a framework.

    Raises:
        MissingExtraError: A package of the framework's extra is missing.
    """
    with _module(framework) as module:
        made: Application = module.Application(settings, model)
        return made


def indexed(framework: Framework, settings: Settings, model: str, index: str) -> IndexedApplication:
    """The RAG application on a framework and a named index.

    Raises:
        MissingExtraError: A package of the framework's extra, or of the index's store, is missing.
    """
    with _module(framework) as module:
        made: IndexedApplication = module.IndexedApplication(settings, model, index)
        return made


@contextmanager
def _module(framework: Framework) -> Iterator[Any]:
    try:
        yield import_module(f"turnout.cli.rag_{framework.replace('-', '_')}")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{framework} needs {error.name}: pip install 'turnout[{framework}]'") from error
