"""FAISS: the record is a file in the folder that the index is saved in."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from turnout.errors import EmbeddingSpaceError
from turnout.index.guard.checks import spread
from turnout.index.guard.keepers import Held, Sample
from turnout.index.guard.records import SpaceRecord, reindex_command, would_replace
from turnout.langchain.stores.keeper import SpaceKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_community.vectorstores import FAISS

_DIGEST = "sha256"  # of the index's file: a record that was left beside another index is found out
_KEPT, _FOLDER, _EARLIER = "_turnout_space_record", "_turnout_folder", "_turnout_earlier_records"


class FaissKeeper(SpaceKeeper):
    """LangChain's `FAISS`: the record is on the object while it is in memory, and in a file once it is saved.

    The guard's `save_local` writes the file; `guarded(FAISS.load_local(folder, …), folder=folder)` reads it.
    """

    has_embeddings: ClassVar[bool] = False
    shared: ClassVar[bool] = False

    def __init__(self, store: FAISS) -> None:
        self.store = store

    @property
    def index(self) -> str:
        """The folder that it was loaded from, or the name of the class."""
        return str(vars(self.store).get(_FOLDER, "FAISS"))

    def held(self) -> Held:
        """The record on the object."""
        record: SpaceRecord | None = vars(self.store).get(_KEPT)
        count = int(self.store.index.ntotal)
        return Held(record, empty=count == 0, dimensions=int(self.store.index.d) if count else None)

    def glance(self) -> object:
        """The record on the object, which no other process can change."""
        return vars(self.store).get(_KEPT)

    async def aglance(self) -> object:
        """`glance`, which asks nobody."""
        return self.glance()

    def write(self, record: SpaceRecord | None) -> None:
        """Keep the record on the object."""
        vars(self.store)[_KEPT] = record
        if record is not None:
            vars(self.store).setdefault(_EARLIER, set()).add((record.space, record.made))

    def sample(self, number: int) -> list[Sample]:
        """Texts and vectors, evenly over the index; none of an index that can't give back its vectors."""
        store = self.store
        samples: list[Sample] = []
        for position in spread(int(store.index.ntotal), number):
            found = store.docstore.search(store.index_to_docstore_id[position])
            if isinstance(found, str):  # what the docstore says of an id that it doesn't have
                continue
            try:
                samples.append((found.page_content, store.index.reconstruct(position)))
            except RuntimeError:  # some kinds of index keep no vectors
                return []
        return samples

    def load(self, folder: str | os.PathLike[str], index_name: str = "index") -> None:
        """Read the record from the folder that the index was loaded from.

        Raises:
            EmbeddingSpaceError: The record isn't as it was written, or is another index's.
        """
        vars(self.store)[_FOLDER] = Path(folder)
        path = record_path(folder, index_name)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        record = SpaceRecord.from_text(text, index=self.index)
        if json.loads(text).get(_DIGEST) != _digest(_index_path(folder, index_name)):
            fix = reindex_command(self.index)
            msg = (
                f"{path} is the record of another index than the one beside it, which was saved without the guard. "
                f"Embed it anew with `{fix}`; or delete the record, and adopt the index if you know what made it"
            )
            raise EmbeddingSpaceError(msg, index=self.index, index_space=None, fix=fix)
        self.write(record)

    def own(self, name: str) -> Callable[..., Any] | None:
        """Saving writes the record too, and merging asks for the other's."""
        mine: dict[str, Callable[..., Any]] = {"save_local": self._save_local, "merge_from": self._merge_from}
        return mine.get(name)

    def _save_local(self, folder_path: str | os.PathLike[str], index_name: str = "index") -> None:
        path = record_path(folder_path, index_name)
        self.check_saving(folder_path, index_name)
        path.unlink(
            missing_ok=True
        )  # a run that is killed in between leaves an index without a record, not with a wrong one
        self.store.save_local(str(folder_path), index_name)
        record = self.held().record
        if record is None:
            return
        kept = {**record.to_dict(), _DIGEST: _digest(_index_path(folder_path, index_name))}
        made = path.with_suffix(".new")
        made.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        made.replace(path)

    def check_saving(self, folder: str | os.PathLike[str], index_name: str = "index") -> None:
        """Refuse to save over an index of another space, which another process may have put there.

        Raises:
            EmbeddingSpaceError: There is such a one.
        """
        path = record_path(folder, index_name)
        mine = self.held().record
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        there = SpaceRecord.from_text(text, index=str(path.parent))
        own = (there.space, there.made) in vars(self.store).get(_EARLIER, ())
        if mine is not None and not own and not there.space.fits(mine.space):
            raise would_replace(str(path.parent), there.space, mine.space)

    def _merge_from(self, target: Any) -> None:
        other: FAISS = getattr(target, "store", target)
        mine, theirs = self.held().record, FaissKeeper(other).held().record
        if mine is None or theirs is None:
            fix = "give both indexes a record first: guarded(…, adopt='verify')"
            msg = f"only indexes whose spaces are known can be merged; {fix}"
            raise EmbeddingSpaceError(msg, index=self.index, fix=fix)
        theirs.check(mine.space, index=FaissKeeper(other).index)
        self.store.merge_from(other)


def record_path(folder: str | os.PathLike[str], index_name: str = "index") -> Path:
    """The file that the record of a saved index is in."""
    return Path(folder) / f"{index_name}.space.json"


def _index_path(folder: str | os.PathLike[str], index_name: str) -> Path:
    return Path(folder) / f"{index_name}.faiss"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
