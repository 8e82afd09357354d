"""Two versions of a document: which of its nodes are new, and which are over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.schema import MetadataMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.schema import BaseNode, RelatedNodeType


class Version:
    """A new version of a document, beside what the index has of it.

    LlamaIndex gives nodes new ids each time that it cuts a document. A node that is there with the same text and
    metadata has the id that it has there, so that it isn't embedded again.

    Args:
        there: The document's nodes in the index.
        nodes: Its nodes now.

    Attributes:
        nodes: Its nodes now, with the ids that they have in the index.
        changed: Whether one of them isn't there like this.
        outdated: The ids of nodes that are there and aren't its nodes any more.
    """

    def __init__(self, there: Sequence[BaseNode], nodes: Sequence[BaseNode]) -> None:
        given = {node.node_id for node in nodes}
        known: dict[tuple[str, str], list[str]] = {}
        for node in sorted(there, key=lambda one: one.node_id):
            if node.node_id not in given:
                known.setdefault(_like(node), []).append(node.node_id)
        before = {node.node_id: node for node in there}
        renamed = {
            node.node_id: known[_like(node)].pop(0)
            for node in nodes
            if node.node_id not in before and known.get(_like(node))
        }
        self.nodes = [_renamed(node, renamed) for node in nodes]
        self.changed = any(
            node.node_id not in before or before[node.node_id].to_dict() != node.to_dict() for node in self.nodes
        )
        kept = {node.node_id for node in self.nodes}
        self.outdated = [found for found in before if found not in kept]


def _like(node: BaseNode) -> tuple[str, str]:
    return node.get_content(MetadataMode.EMBED), node.get_content(MetadataMode.ALL)


def _renamed(node: BaseNode, renamed: dict[str, str]) -> BaseNode:
    """A node with its own id and those of its neighbours as they are in the index."""
    if not renamed:
        return node
    related: dict[object, RelatedNodeType] = {}
    for kind, other in node.relationships.items():
        listed = [
            one.model_copy(update={"node_id": renamed.get(one.node_id, one.node_id)})
            for one in (other if isinstance(other, list) else [other])
        ]
        related[kind] = listed if isinstance(other, list) else listed[0]
    return node.model_copy(update={"id_": renamed.get(node.node_id, node.node_id), "relationships": related})
