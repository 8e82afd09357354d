"""The record in each node's metadata: for stores that keep nothing else.

Of a store that turnout doesn't know, only what a search finds can be looked at: it is checked before anyone gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from turnout.llama_index.stores.keeper import SpaceKeeper
from turnout.space_checks import Held
from turnout.space_records import KEYS, PREFIX

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode
    from llama_index.core.vector_stores.types import BasePydanticVectorStore

    from turnout.space_records import SpaceRecord

    Node = TypeVar("Node", bound=BaseNode)


def stamped(node: Node, record: SpaceRecord) -> Node:
    """A copy of a node with the record in its metadata, where neither model sees it."""
    hidden = {
        field: [*(key for key in getattr(node, field) if key not in KEYS), *KEYS]
        for field in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
    }
    return node.model_copy(update={"metadata": {**_without(node.metadata), **record.to_dict()}, **hidden})


def unstamped(node: Node) -> Node:
    """A copy of a node without a record; the node itself if it has none."""
    if not any(key.startswith(PREFIX) for key in node.metadata):
        return node
    shown = {
        field: [key for key in getattr(node, field) if key not in KEYS]
        for field in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
    }
    return node.model_copy(update={"metadata": _without(node.metadata), **shown})


def _without(metadata: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in metadata.items() if not key.startswith(PREFIX)}


class NodeKeeper(SpaceKeeper):
    """Any store that keeps nodes: records are on them, and there is no looking through them."""

    stamps: ClassVar[bool] = True

    def __init__(self, store: BasePydanticVectorStore) -> None:
        self.store = store

    @property
    def index(self) -> str:
        """The name of the store's class."""
        return type(self.store).__name__

    def held(self) -> Held:
        """Nothing is known before a search."""
        return Held(None, None)

    def write(self, record: SpaceRecord | None) -> None:
        """Nothing: the guard writes the record on nodes."""
