"""Which framework the application is written on; only that one is imported."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING

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
    with _extra(framework):
        if framework is Framework.LANGCHAIN:
            from turnout.cli.rag_langchain import LangChainApplication

            return LangChainApplication(settings, model)
        from turnout.cli.rag_llama_index import LlamaIndexApplication

        return LlamaIndexApplication(settings, model)


def indexed(framework: Framework, settings: Settings, model: str, index: str) -> IndexedApplication:
    """The RAG application on a framework and a named index.

    Raises:
        MissingExtraError: A package of the framework's extra, or of the index's store, is missing.
    """
    with _extra(framework):
        if framework is Framework.LANGCHAIN:
            from turnout.cli.rag_langchain import IndexedLangChain

            return IndexedLangChain(settings, model, index)
        from turnout.cli.rag_llama_index import IndexedLlamaIndex

        return IndexedLlamaIndex(settings, model, index)


@contextmanager
def _extra(framework: Framework) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{framework} needs {error.name}: pip install 'turnout[{framework}]'") from error
