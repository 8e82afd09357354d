"""What changes when a new version of a document takes the place of the one in an index."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.schema import BaseNode, MetadataMode, RelatedNodeType


class DocumentUpdate:
    """A new version of a document, beside what the index has of it.

    LlamaIndex gives nodes new ids each time that it cuts a document. A node that is there with the same text and
    metadata has the id that it has there, so that it isn't embedded again.

    Args:
        before: The document's nodes in the index.
        nodes: Its nodes now.

    Attributes:
        nodes: Its nodes now, with the ids that they have in the index.
        outdated: The ids of nodes that are in the index and aren't the document's any more.
        inserts: Whether a node isn't in the index as it is now.
    """

    def __init__(self, before: Sequence[BaseNode], nodes: Sequence[BaseNode]) -> None:
        new_ids = {node.node_id for node in nodes}
        old = {node.node_id: node for node in before}
        ids_by_content: dict[tuple[str, str], list[str]] = {}
        for node_id in sorted(old.keys() - new_ids):
            ids_by_content.setdefault(_content(old[node_id]), []).append(node_id)
        ids: dict[str, str] = {}
        for node in nodes:
            known = ids_by_content.get(_content(node))
            if node.node_id not in old and known:
                ids[node.node_id] = known.pop(0)
        self.nodes = [_with_ids(node, ids) for node in nodes] if ids else list(nodes)
        self.outdated = sorted(old.keys() - {node.node_id for node in self.nodes})
        self.inserts = any(
            node.node_id not in old or old[node.node_id].to_dict() != node.to_dict() for node in self.nodes
        )


def _content(node: BaseNode) -> tuple[str, str]:
    return node.get_content(MetadataMode.EMBED), node.get_content(MetadataMode.ALL)


def _with_ids(node: BaseNode, ids: dict[str, str]) -> BaseNode:
    """A node with other ids for itself and its neighbours."""
    related: dict[object, RelatedNodeType] = {}
    for kind, other in node.relationships.items():
        changed = [
            one.model_copy(update={"node_id": ids.get(one.node_id, one.node_id)})
            for one in (other if isinstance(other, list) else [other])
        ]
        related[kind] = changed if isinstance(other, list) else changed[0]
    return node.model_copy(update={"id_": ids.get(node.node_id, node.node_id), "relationships": related})
