"""The documents of a FAISS index, which LangChain keeps as a pickle: read without running what may be in it.

A pickle names classes and has them called. Of those this one reads documents, their store, and what metadata are made
of; any other name is refused before anything is called.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

from turnout.errors import UnsupportedError
from turnout.redaction import shown

if TYPE_CHECKING:
    from pathlib import Path

_STORE = ("langchain_community.docstore.in_memory", "InMemoryDocstore")
_DOCUMENT = ("langchain_core.documents.base", "Document")
_PLAIN = {
    *(("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(("builtins", name) for name in ("bytearray", "complex", "frozenset", "set")),
    ("decimal", "Decimal"),
    ("uuid", "UUID"),
    ("zoneinfo", "ZoneInfo._unpickle"),
}
_MOVED = {  # where earlier versions of LangChain had the two
    ("langchain.docstore.in_memory", "InMemoryDocstore"): _STORE,
    ("langchain.docstore.document", "Document"): _DOCUMENT,
    ("langchain.schema.document", "Document"): _DOCUMENT,
    ("langchain.schema", "Document"): _DOCUMENT,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _MOVED.get((module, name), (module, name))
        if found not in {_STORE, _DOCUMENT} and found not in _PLAIN:
            raise pickle.UnpicklingError(f"it names {shown(f'{module}.{name}')}")
        return super().find_class(*found)


def unreadable(value: object) -> str | None:
    """Why a value of metadata can't be saved, or couldn't be read again; None if it can."""
    try:
        saved = pickle.dumps(value)
    except Exception as error:  # noqa: BLE001 - whatever an object raises
        return f"it can't be pickled: {error}"
    try:
        _Unpickler(io.BytesIO(saved)).load()
    except Exception as error:  # noqa: BLE001
        return f"what reads the pickle calls no classes but those of plain values, and {error}"
    return None


def documents(path: Path) -> tuple[Any, dict[int, str]]:
    """A pickle's document store, and the id of each place in the index."""
    try:
        with path.open("rb") as file:
            store, ids = _Unpickler(file).load()
        if (type(store).__module__, type(store).__name__) == _STORE and isinstance(ids, dict):
            return store, ids
        why = "it has something else in it"
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a file that isn't one makes of it
        why = str(error) or type(error).__name__
    raise UnsupportedError(
        f"{path} is no pickle of LangChain's documents that is safe to read: {why}. Nothing in it was run. If the "
        "metadata hold objects of other classes, embed the documents anew with plain values"
    )
