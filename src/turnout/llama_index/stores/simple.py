"""`SimpleVectorStore`: the record is in each node's metadata there, and goes wherever the store is persisted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.schema import MetadataMode

from turnout.llama_index.stores.nodes import NodeKeeper
from turnout.space_checks import spread
from turnout.space_keepers import held_in
from turnout.space_records import with_record

if TYPE_CHECKING:
    from llama_index.core.vector_stores.simple import SimpleVectorStore

    from turnout.space_keepers import Held, Sample
    from turnout.space_records import SpaceRecord


class SimpleKeeper(NodeKeeper):
    """LlamaIndex's `SimpleVectorStore`."""

    store: SimpleVectorStore

    def held(self) -> Held:
        """The one record that all nodes have."""
        vectors, kept = self.store.data.embedding_dict, self.store.data.metadata_dict or {}
        entries = ((kept.get(node_id) or {}, len(vector)) for node_id, vector in vectors.items())
        return held_in(entries, index=self.index, called="nodes")

    def write(self, record: SpaceRecord | None) -> None:
        """Write the record on every node."""
        kept = self.store.data.metadata_dict or {}  # one from before LlamaIndex kept metadata may have None
        for node_id in self.store.data.embedding_dict:
            kept[node_id] = with_record(kept.get(node_id), record)
        self.store.data.metadata_dict = kept

    def sample(self, number: int) -> list[Sample]:
        """Texts of the docstore and their vectors, evenly over the store; none without a docstore."""
        if self.docstore is None:
            return []
        vectors = list(self.store.data.embedding_dict.items())
        chosen = dict(vectors[position] for position in spread(len(vectors), number))
        nodes = self.docstore.get_nodes(list(chosen), raise_error=False)
        return [(node.get_content(MetadataMode.EMBED), chosen[node.node_id]) for node in nodes]
