"""Whether what the settings name exists: backends, routes, and the places that calls move on to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout.errors import SettingsError, UnknownBackendError
from turnout.facts.providers import PROVIDERS
from turnout.facts.spaces import EmbeddingSpace, target_space
from turnout.redaction import shown
from turnout.settings.policy import check_place
from turnout.settings.problems import nearest, shown_name, shown_part, variable

if TYPE_CHECKING:
    from turnout.settings.tree import Kind, Settings, Target

_Path = tuple[str, ...]


def check_names(settings: Settings, written: Collection[Kind]) -> None:
    """Refuse settings that name what isn't there, or what the policy doesn't allow.

    Args:
        settings: The settings.
        written: The kinds of routes that somebody wrote; those that variables imply are refused when they are called.

    Raises:
        UnknownBackendError: A backend isn't there.
        SettingsError: An embedding route isn't, a place that calls can't move on to, or one that isn't allowed.
    """
    for key, backend in _named(settings):
        if backend is not None and backend not in settings.backends:
            raise UnknownBackendError(
                f"{_at(settings, key)}: unknown backend {shown(backend)}{nearest(backend, settings.backends)}. "
                f"Backends are the [backends.…] tables"
            )
    for name, index in settings.index.items():
        if index.embedding not in settings.embedding:
            key_name = f"index.{shown_part(name)}.embedding"
            raise SettingsError(
                f"{settings.source}, key {key_name!r}: unknown embedding route {shown(index.embedding)}"
                f"{nearest(index.embedding, settings.embedding)}. Routes are the [embedding.…] tables"
            )
    _check_fallbacks(settings)
    _check_lists(settings)
    for kind in written:
        for route, targets in settings.routes(kind).items():
            for backend, target in targets.items():
                for each in target.each:
                    check_place(settings, each.backend or backend, each, _Key(settings, (kind, route, backend)))


def _named(settings: Settings) -> Iterator[tuple[_Path, str | None]]:
    """Each key that names a backend, and the name."""
    yield ("backend",), settings.backend
    yield ("embedding_backend",), settings.embedding_backend
    for kind, routes in (("chat", settings.chat), ("embedding", settings.embedding)):
        for route, targets in routes.items():
            for backend, target in targets.items():
                yield (kind, route, backend), backend
                yield from (((kind, route, backend, "backend"), each.backend) for each in target.each)
    for name, index in settings.index.items():
        yield from ((("index", name, "also"), backend) for backend in index.also)
    for key, backends in _fallbacks(settings):
        yield from ((key, backend) for backend in backends)


def _fallbacks(settings: Settings) -> Iterator[tuple[_Path, tuple[str, ...]]]:
    yield ("fallbacks",), settings.fallbacks
    for route, backends in settings.route_fallbacks.items():
        kind, _, name = route.partition(".")
        yield (kind, name, "fallbacks"), backends


def _check_fallbacks(settings: Settings) -> None:
    for key, backends in _fallbacks(settings):
        twice = next((name for name in backends if backends.count(name) > 1), None)
        if twice is not None:
            raise SettingsError(f"{_at(settings, key)}: {twice!r} is in the list twice; a call moves on to it once")
        kind: Kind = "embedding" if key[0] == "embedding" else "chat"
        # The fallbacks of all routes are those of an embedding route only where its space is the same.
        routes = settings.chat if len(key) == 1 else {key[1]: settings.routes(kind)[key[1]]}
        for route, targets in routes.items():
            for backend in backends:
                if backend not in targets:
                    example = PROVIDERS[settings.backends[backend].provider].examples[kind]
                    raise SettingsError(
                        f"{_at(settings, key)}: the {kind} route {route!r} has no target on {backend!r} (only on "
                        f"{', '.join(targets)}); add a line to [{kind}.{route}], like {backend} = {example}"
                    )
            if kind == "embedding":
                active = settings.embedding_backend or settings.backend
                began = [active] if active in targets else []
                _check_spaces(settings, key, [(name, targets[name]) for name in (*began, *backends)])


def _check_lists(settings: Settings) -> None:
    for kind, routes in (("chat", settings.chat), ("embedding", settings.embedding)):
        for route, targets in routes.items():
            for backend, target in targets.items():
                key = (kind, route, backend)
                places = [(each.backend or backend, each.deployment or each.model) for each in target.each]
                twice = next((place for place in places if places.count(place) > 1), None)
                if twice is not None:
                    raise SettingsError(
                        f"{_at(settings, key)}: {shown(twice[1])} on backend {twice[0]!r} is in the list twice; "
                        f"a call moves on to it once"
                    )
                if kind == "embedding":
                    _check_spaces(settings, key, [(each.backend or backend, each) for each in target.each])


def _check_spaces(settings: Settings, key: _Path, targets: list[tuple[str, Target]]) -> None:
    """Vectors of one route are of one space, wherever they are made."""
    first = _space(settings, *targets[0])
    for backend, target in targets[1:]:
        space = _space(settings, backend, target)
        if not space.fits(first):
            raise SettingsError(
                f"{_at(settings, key)}: {shown(target.deployment or target.model)} on backend {backend!r} makes "
                f"vectors of the space {space}, and {targets[0][0]!r} those of {first}; they can't be compared"
            )


def _space(settings: Settings, backend: str, target: Target) -> EmbeddingSpace:
    named = PROVIDERS[settings.backends[backend].provider].names_deployments
    deployment = target.deployment or target.model or ""
    return target_space(
        backend, deployment, target.model or ("" if named else deployment), target.dimensions, target.space
    )


@dataclass(frozen=True, slots=True)
class _Key:
    """A key of the settings, as an error names it; putting that together takes longer than the checks do."""

    settings: Settings
    path: _Path

    def __str__(self) -> str:
        return _at(self.settings, self.path)


def _at(settings: Settings, key: _Path) -> str:
    name = ".".join(shown_part(part) for part in key)
    origin = shown_name(variable(key)) if variable(key) in os.environ else f"key {name!r}"
    return f"{settings.source}, {origin}"
