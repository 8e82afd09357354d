"""Filling a collection of a named index with what it lacks, from the others."""

from __future__ import annotations

import warnings
from array import array
from typing import TYPE_CHECKING

from turnout.embedding.embedder import Embedder
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import Embedded
from turnout.index.migration.agreeing import remove_outdated
from turnout.index.migration.stream import EmbeddingStream, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.index.chunks import Item
    from turnout.index.collections import Collections, Opened, Place
    from turnout.index.manifest import Manifest

_PAGE = 1024  # chunks that are read, embedded and written before the next


def fill(place: Place, manifest: Manifest, collections: Collections) -> Opened:
    """Write what a collection lacks, and remove what it shouldn't have any more.

    What the model refuses is left out with a warning that names it.

    Args:
        place: The collection; made if there is none.
        manifest: What the collections have.
        collections: The collections.

    Raises:
        ModelCallError: The service failed; what was done is kept.
        ReindexLockedError: A reindex is filling it.
    """
    with collections.changing(place) as opened:
        before = manifest.missed(place.called)
        _add(opened, manifest, collections)
        remove_outdated(opened.home, place.called, manifest)
    back = manifest.held(place.called, before)
    if back:
        _warn(
            f"{len(back)} chunks that were deleted from {place.called!r} by other means are back from the other "
            "collections; delete them through the index",
            list(back),
        )
    return opened


def _add(opened: Opened, manifest: Manifest, collections: Collections) -> None:
    place, home = opened.place, opened.home
    while ids := manifest.lacking(place.called, _PAGE):
        items = _texts(place, ids, manifest, collections)
        nowhere = [] if items else manifest.settle(place.called)
        if nowhere:
            _warn(
                f"{len(nowhere)} chunks of the index {place.index.name!r} are in no collection any more, as they were "
                "written, and are forgotten",
                nowhere,
            )
        if not items and not nowhere:
            return
        held = manifest.held(place.called, [item.id for item in items])
        same = [item for item in items if item.id in held and held[item.id].text == item.text_digest]
        vectors = home.vectors([item.id for item in same]) if same else {}
        chunks = [Embedded(item, array("d", vectors[item.id])) for item in same if item.id in vectors]
        made, refused = _embedded(place, [item for item in items if item.id not in vectors])
        chunks += made
        if chunks:
            home.write(chunks)
            home.flush()
            manifest.copied(place.called, home.get([chunk.item.id for chunk in chunks]).values())
        if refused:
            manifest.skipped(place.called, refused)
            named = [f"{found} ({reason})" for found, reason in refused.items()]
            _warn(f"{len(refused)} chunks can't be embedded in {place.space} and aren't found there", named)
        if set(ids) == set(manifest.lacking(place.called, _PAGE)):  # nothing that could be written helps
            return


def _warn(what: str, named: Sequence[str]) -> None:
    warnings.warn(f"{what}: {named[0]}" + (" and others" if len(named) > 1 else ""), stacklevel=2)


def _texts(place: Place, ids: Sequence[str], manifest: Manifest, collections: Collections) -> list[Item]:
    """The wanted version of chunks, from whichever collection has it."""
    spaces = manifest.collections()
    items: list[Item] = []
    for called, held in manifest.holders(ids).items():
        home = collections.reader(place.index, called, EmbeddingSpace.parse(spaces[called]))
        if home is None:
            manifest.forget(called)
            continue
        found = home.get(held)
        items += found.values()
        noted = manifest.held(called, held)
        edited = [item for item in found.values() if item.text_digest != noted[item.id].text]
        if edited:
            manifest.found(called, edited)
        lost = [one for one in held if one not in found]
        if lost:
            manifest.lost(called, lost)
    return items


def _embedded(place: Place, items: Sequence[Item]) -> tuple[list[Embedded], dict[str, str]]:
    """Embed chunks; those that the model refuses are named with the reason."""
    made: list[Embedded] = []
    refused: dict[str, str] = {}
    if not items:
        return made, refused
    stream = EmbeddingStream(Embedder(place.route, place.index.all), place.space)
    try:
        for item in items:
            found = stream.add(item)
            if found is not None:
                refused[found.item.id] = found.reason
        stream.flush()
        while stream.pending and stream.error is None:
            for outcome in stream.take(patient=True):
                if isinstance(outcome, Refused):
                    refused[outcome.item.id] = outcome.reason
                else:
                    made.append(outcome)
    finally:
        stream.close()
    if stream.error is not None:
        raise stream.error
    return made, refused
