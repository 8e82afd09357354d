"""The record in each node's metadata: for stores that keep nothing else.

Of a store that turnout doesn't know, only what a search finds can be looked at: it is checked before anyone gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from llama_index.core.schema import BaseNode

from turnout.index.guard.keepers import StampKeeper
from turnout.index.guard.records import KEYS, PREFIX, with_record, without_record
from turnout.llama_index.stores.keeper import SpaceKeeper

if TYPE_CHECKING:
    from turnout.index.guard.records import SpaceRecord

Node = TypeVar("Node", bound=BaseNode)


def stamped(node: Node, record: SpaceRecord) -> Node:
    """A copy of a node with the record in its metadata, where neither model sees it."""
    hidden = {
        field: [*(key for key in getattr(node, field) if key not in KEYS), *KEYS]
        for field in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
    }
    return node.model_copy(update={"metadata": with_record(node.metadata, record), **hidden})


def unstamped(node: Node) -> Node:
    """A copy of a node without a record; the node itself if it has none."""
    if not any(key.startswith(PREFIX) for key in node.metadata):
        return node
    shown = {
        field: [key for key in getattr(node, field) if key not in KEYS]
        for field in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
    }
    return node.model_copy(update={"metadata": without_record(node.metadata), **shown})


class NodeKeeper(StampKeeper[BaseNode], SpaceKeeper):
    """Any store that keeps nodes: records are on them, and there is no looking through them."""
