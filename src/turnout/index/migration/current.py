"""What a named index should have, read from one of its collections: what the others have since comes from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.index.manifest import Digests
from turnout.index.migration.plan import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from turnout.index.chunks import Item, Source, Target
    from turnout.index.manifest import Manifest

_PAGE = 256  # chunks that are looked up at once


class Current:
    """A collection of a named index as a source, without what is old in it.

    A chunk of which another collection has a newer version, written through the index, is given in that version; one
    that was written to another collection alone is given too; one that was deleted through the index isn't.

    Args:
        source: The collection, which the manifest has looked through.
        called: Its name in the manifest.
        manifest: What the collections have.
        reader: The collection of a name, if there is one.
    """

    def __init__(self, source: Source, called: str, manifest: Manifest, reader: Callable[[str], Target | None]) -> None:
        self.name = source.name
        self._source = source
        self._called = called
        self._manifest = manifest
        self._reader = reader

    def count(self) -> int | None:
        """Not known without reading."""
        return None

    def items(self) -> Iterator[Item]:
        """Every chunk that the index should have, but those that were deleted from the collection."""
        for page in pages(self._source.items(), _PAGE):
            ids = [item.id for item in page]
            behind = self._manifest.lagging(self._called, ids)
            if not behind:
                yield from page
                continue
            wanted = self._manifest.known(ids)
            newer = self._elsewhere(sorted(behind & wanted))
            for item in page:
                if item.id not in behind:
                    yield item
                elif item.id in wanted:
                    yield newer.get(item.id, item)
        last = ""
        while ids := self._manifest.absent(self._called, _PAGE, last):
            last = ids[-1]
            yield from self._elsewhere(ids).values()

    def _elsewhere(self, ids: Sequence[str]) -> dict[str, Item]:
        """The wanted version of chunks, from the other collections that have it."""
        found: dict[str, Item] = {}
        for called, held in self._manifest.elsewhere(self._called, ids).items():
            reader = self._reader(called)
            items = reader.get(held) if reader is not None else {}
            noted = self._manifest.held(called, held)
            edited = [item for item in items.values() if Digests.of(item).text != noted[item.id].text]
            if edited:
                self._manifest.found(called, edited)
            found.update(items)
        return found
