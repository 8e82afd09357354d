"""The embedding space of a vector: which vectors may be compared with which.

The same model is the same space wherever it is served: `text-embedding-3-small` on OpenAI and on Azure share one.
A query and a document that a model embeds differently on purpose (Cohere, Nova) are of one space too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Protocol, Self

from turnout.errors import SettingsError
from turnout.facts.models import base_id, facts, same_model
from turnout.redaction import shown

_TEXT = re.compile(r"(?P<model>.+)/(?P<dimensions>[1-9][0-9]{0,8}|\?)(\+(?P<variant>[a-z0-9][a-z0-9.-]*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Where vectors live.

    Its text is `model/dimensions`, like `text-embedding-3-small/1536`, and `model/dimensions+variant` where the vectors
    are made in another way than the model's usual one. `EmbeddingSpace.parse(str(space)) == space`.

    Attributes:
        model: The model and its version, without region or deployment; other ids of a known model become its own.
        dimensions: Length of the vectors; None if neither settings nor facts say.
        variant: What else changes the numbers, as one word: `raw` for Titan v2 asked not to normalise, `int8` for
            Cohere's small integers. Empty for the way in which turnout asks every model.

    Raises:
        SettingsError: The model is empty, or dimensions or variant can't be.
    """

    model: str
    dimensions: int | None = None
    variant: str = ""

    def __post_init__(self) -> None:
        if not self.model:
            raise SettingsError("an embedding space needs the model's name")
        object.__setattr__(self, "model", same_model(self.model))
        if _TEXT.fullmatch(str(self)) is None:
            msg = f"no embedding space has {self.dimensions!r} dimensions and the variant {self.variant!r}"
            raise SettingsError(msg)

    def __str__(self) -> str:
        length = "?" if self.dimensions is None else self.dimensions
        return f"{self.model}/{length}" + (f"+{self.variant}" if self.variant else "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The space of a text.

        Args:
            text: Like `text-embedding-3-small/1536`; `/?` if the length isn't known.

        Raises:
            SettingsError: The text is not a space.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            msg = f"{shown(text)} is not an embedding space; write model/dimensions, like 'acme-embed-v3/768'"
            raise SettingsError(msg)
        length = found["dimensions"]
        return cls(found["model"], None if length == "?" else int(length), found["variant"] or "")

    @property
    def normalised(self) -> bool | None:
        """Whether the vectors have length 1; None if the model isn't known or the variant says nothing of it."""
        known = facts(self.model)
        if self.variant == "raw":
            return False
        return known.normalised if known.known and not self.variant else None

    def fits(self, other: EmbeddingSpace) -> bool:
        """Whether vectors of both may be compared, as far as is known.

        Equal spaces fit, and so do spaces of one model of which one doesn't know its dimensions.
        """
        lengths = {self.dimensions, other.dimensions} - {None}
        return (self.model, self.variant) == (other.model, other.variant) and len(lengths) <= 1

    def of_length(self, dimensions: int) -> EmbeddingSpace:
        """This space with its dimensions known from a vector; unchanged if it knew them."""
        return self if self.dimensions is not None else replace(self, dimensions=dimensions)


class _EmbeddingRoute(Protocol):
    """What the space of a `turnout.routing.Route` depends on."""

    @property
    def space(self) -> EmbeddingSpace | None: ...
    @property
    def backend(self) -> str: ...
    @property
    def deployment(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def dimensions(self) -> int | None: ...


def space_of(route: _EmbeddingRoute) -> EmbeddingSpace:
    """The space of an embedding route's vectors.

    The space that the target states, or else the model's. An Azure deployment whose `model` the settings don't say is
    a space of its own, named by backend and deployment.
    """
    return route.space or _usual_space(route.backend, route.deployment, route.model, route.dimensions)


def target_space(
    backend: str, deployment: str, model: str, dimensions: int | None, stated: str | None
) -> EmbeddingSpace:
    """The space of what the settings say of an embedding model, before there is a route."""
    if stated:
        space = EmbeddingSpace.parse(stated)
        return space if dimensions is None else space.of_length(dimensions)
    return _usual_space(backend, deployment, model, dimensions)


def _usual_space(backend: str, deployment: str, model: str, dimensions: int | None) -> EmbeddingSpace:
    known = facts(model).dimensions
    return EmbeddingSpace(
        base_id(model) if model else f"{backend}:{deployment}", dimensions or (known[0] if known else None)
    )


_LONGEST = 56  # PostgreSQL takes 63 bytes, and LlamaIndex puts `data_` before a table's name


def collection_name(index: str, space: EmbeddingSpace) -> str:
    """Where a named index keeps its vectors of a space: `docs_text_embedding_3_small_1536_5b1c0e6f2a`.

    It begins with a letter and has only lower-case letters, digits and `_`, so that every store takes it as the name of
    a collection, a table, a schema or a folder. The digest at its end tells apart what would look the same without it.

    Args:
        index: The index's name, as settings take it.
        space: The space; its dimensions must be known, or the name would change when they are.

    Raises:
        SettingsError: The space's dimensions aren't known.
    """
    if space.dimensions is None:
        msg = f"the index {index!r} needs the length of the vectors of {space}; give the target dimensions or space"
        raise SettingsError(msg)
    digest = hashlib.sha256(f"{index}\n{space}".encode()).hexdigest()[:10]
    tail = f"{space.dimensions}" + (f"_{_word(space.variant)}" if space.variant else "")
    head = f"{_word(index)}_{_word(space.model)}"
    return f"{head[: _LONGEST - len(digest) - len(tail[:20]) - 2].rstrip('_')}_{tail[:20].rstrip('_')}_{digest}"


def folder_name(space: EmbeddingSpace) -> str:
    """A name for a space in the few characters that `LocalFileStore` takes; its end tells apart what looks alike."""
    text = str(space)
    return f"{re.sub('[^a-zA-Z0-9.-]', '_', text)[:80]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
