"""`SimpleVectorStore`: the record is in each node's metadata there, and goes wherever the store is persisted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from llama_index.core.schema import MetadataMode

from turnout.errors import EmbeddingSpaceError
from turnout.llama_index.stores.keeper import SpaceKeeper
from turnout.space_checks import Held, Sample, spread
from turnout.space_records import PREFIX, SpaceRecord, reindex_command

if TYPE_CHECKING:
    from llama_index.core.vector_stores.simple import SimpleVectorStore


class SimpleKeeper(SpaceKeeper):
    """LlamaIndex's `SimpleVectorStore`."""

    stamps: ClassVar[bool] = True

    def __init__(self, store: SimpleVectorStore) -> None:
        self.store = store

    @property
    def index(self) -> str:
        """The name of the store's class."""
        return type(self.store).__name__

    def held(self) -> Held:
        """The one record that all nodes have."""
        vectors, kept = self.store.data.embedding_dict, self.store.data.metadata_dict or {}
        if not vectors:
            return Held(None, empty=True)
        lengths = {len(vector) for vector in vectors.values()}
        records = self._records(kept.get(node_id) or {} for node_id in vectors)
        if len(records) > 1 or len(lengths) > 1:
            raise self._mixed(records, lengths)
        return Held(next(iter(records)), empty=False, dimensions=lengths.pop())

    def write(self, record: SpaceRecord | None) -> None:
        """Write the record on every node."""
        kept = self.store.data.metadata_dict or {}  # one from before LlamaIndex kept metadata may have None
        for node_id in self.store.data.embedding_dict:
            metadata = {key: value for key, value in kept.get(node_id, {}).items() if not key.startswith(PREFIX)}
            kept[node_id] = {**metadata, **(record.to_dict() if record else {})}
        self.store.data.metadata_dict = kept

    def sample(self, number: int) -> list[Sample]:
        """Texts of the docstore and their vectors, evenly over the store; none without a docstore."""
        if self.docstore is None:
            return []
        vectors = list(self.store.data.embedding_dict.items())
        chosen = dict(vectors[position] for position in spread(len(vectors), number))
        nodes = self.docstore.get_nodes(list(chosen), raise_error=False)
        return [(node.get_content(MetadataMode.EMBED), chosen[node.node_id]) for node in nodes]

    def _records(self, found: Any) -> set[SpaceRecord | None]:
        read: dict[tuple[tuple[str, str], ...], SpaceRecord | None] = {}
        for metadata in found:
            kept = tuple(sorted((key, str(value)) for key, value in metadata.items() if key.startswith(PREFIX)))
            if kept not in read:
                read[kept] = SpaceRecord.from_dict(metadata, index=self.index)
        return set(read.values())

    def _mixed(self, records: set[SpaceRecord | None], lengths: set[int]) -> EmbeddingSpaceError:
        said = sorted(str(record.space) if record else "no space" for record in records)
        fix = reindex_command(self.index)
        msg = (
            f"the index {self.index!r} has nodes of {', '.join(said)}, with vectors of "
            f"{', '.join(map(str, sorted(lengths)))} numbers: it was written without the guard. "
            f"Embed it anew with `{fix}`"
        )
        return EmbeddingSpaceError(msg, index=self.index, fix=fix)
