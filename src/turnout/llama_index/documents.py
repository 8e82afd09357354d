"""Documents that take the place of the versions that an index has of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from llama_index.core.schema import BaseNode, Document, MetadataMode

from turnout.index.chunks import PAGE


class Update(NamedTuple):
    """What changes when a document's nodes take the place of those that the index has of it.

    Attributes:
        nodes: The nodes, with the ids that they have in the index.
        outdated: The ids of nodes that aren't the document's any more.
        inserts: Whether a node isn't in the index as it is now.
    """

    nodes: Sequence[BaseNode]
    outdated: list[str]
    inserts: bool


def compare(before: Sequence[BaseNode], nodes: Sequence[BaseNode]) -> Update:
    """Compare a document's nodes with those that the index has of it.

    LlamaIndex gives nodes new ids each time that it cuts a document. A node that is there with the same text and
    metadata has the id that it has there, so that it isn't embedded again.
    """
    nodes = [node for node in nodes if node.get_content(MetadataMode.EMBED)]
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
    if ids:
        nodes = [_with_ids(node, ids) for node in nodes]
    outdated = sorted(old.keys() - {node.node_id for node in nodes})
    inserts = any(node.node_id not in old or old[node.node_id].to_dict() != node.to_dict() for node in nodes)
    return Update(nodes, outdated, inserts)


def batches(documents: Sequence[Document]) -> Iterator[list[Document]]:
    """Documents in lists, in none of which an id comes twice: the second is a version that follows the first."""
    some: dict[str, Document] = {}
    for document in documents:
        if len(some) == PAGE or document.id_ in some:
            yield list(some.values())
            some = {}
        some[document.id_] = document
    if some:
        yield list(some.values())


def _content(node: BaseNode) -> tuple[str, str]:
    return node.get_content(MetadataMode.EMBED), node.get_content(MetadataMode.ALL)


def _with_ids(node: BaseNode, ids: dict[str, str]) -> BaseNode:
    """A node with other ids for itself and its neighbours."""
    related: dict[Any, Any] = {}
    for kind, other in node.relationships.items():
        changed = [
            one.model_copy(update={"node_id": ids.get(one.node_id, one.node_id)})
            for one in (other if isinstance(other, list) else [other])
        ]
        related[kind] = changed if isinstance(other, list) else changed[0]
    return node.model_copy(update={"id_": ids.get(node.node_id, node.node_id), "relationships": related})
