"""What is said of a collection that lacks chunks: how many, and which command helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import IndexBehindError
from turnout.index.migration.named import DOCUMENTS, ITSELF

if TYPE_CHECKING:
    from turnout.index.collections import Place
    from turnout.index.manifest import Manifest


def behind(place: Place, manifest: Manifest, *, exists: bool) -> IndexBehindError:
    """The error of a collection that is behind.

    Args:
        place: The collection.
        manifest: What the collections have.
        exists: Whether there is one.
    """
    name = place.index.name
    documents = manifest.documents
    lacking = manifest.behind(place.called) if exists else documents
    deleted = len(manifest.missed(place.called)) if exists else 0
    command = f"turnout reindex {name} --to {place.backend}"
    origin = _origin(place, manifest)
    fix, accept = f"{command} --from {origin or ITSELF}", ""
    if exists:
        what = f"its collection {place.called!r} is behind: of {documents:,} chunks, {lacking:,} are missing or old"
        what += f", {deleted:,} of them deleted by other means" if deleted else ""
    else:
        what = f"there is no collection {place.called!r}, and the index has {documents:,} chunks"
    if origin is None:
        what += ", and no collection has them as they were written"
        remedy = f"Write them again, or go on without them: `{fix}`"
    else:
        remedy = f'Fill it with `{fix}`, or set fill = "on-the-way" in [index.{name}]'
        if deleted and manifest.holding(place.called):
            accept = f"{command} --from {ITSELF}"
            remedy += f". If they were deleted on purpose, go on without them: `{accept}`"
    msg = (
        f"the index {name!r} can't answer in {place.space}, the embedding space of backend {place.backend!r}: "
        f"{what}. {remedy}"
    )
    return IndexBehindError(
        msg,
        index=name,
        collection=place.called,
        space=place.space,
        lacking=lacking,
        documents=documents,
        fix=fix,
        accept=accept,
    )


def _origin(place: Place, manifest: Manifest) -> str | None:
    """From where to fill a collection: the one that has most of what it lacks; None if nothing has any."""
    offers = manifest.offers(place.called)
    others = [called for called in manifest.collections() if called != place.called and manifest.holding(called)]
    if not others or (not offers and manifest.lacking(place.called, 1)):
        return DOCUMENTS if place.index.settings.source else None
    best = min(others, key=lambda called: (-offers.get(called, 0), manifest.behind(called), called))
    said = manifest.collections()[best]
    backends = [backend for backend, space in place.index.spaces().items() if str(space) == said]
    return backends[0] if backends else said
