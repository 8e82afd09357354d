"""`turnout routes`: what the settings amount to."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.routing import Route
    from turnout.settings import Backend, Kind, Settings

_SOON = timedelta(days=90)

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The settings file, instead of the one found.")
]


def routes(config: Config = None) -> None:
    """List routes and backends: which deployment answers, and with which credential.

    An asterisk marks what is used now. Nothing is fetched and no service is asked. What retires within 90 days, or has
    no facts, is warned of.
    """
    from turnout.providers.clients import endpoint
    from turnout.settings import load_settings

    settings = load_settings(config)
    active = {_active(settings, "chat"), _active(settings, "embedding")}
    backends = [
        (f"{name} *" if name in active else name, backend.provider, endpoint(backend), _credential(backend))
        for name, backend in settings.backends.items()
    ]
    print(f"Settings from {settings.source}\n")
    _table([("Backend", "Provider", "Resource", "Credential"), *backends])
    print()
    heading = ("Route", "Backend", "Deployment", "Model", "Data", "Wire", "Home")
    _table([heading, *_targets(settings, "chat"), *_targets(settings, "embedding")])
    for line in [*_failover(settings, "chat"), *_failover(settings, "embedding")]:
        print(redact(f"\n{line}"))
    for warning in [*_warnings(settings, "chat"), *_warnings(settings, "embedding")]:
        print(redact(f"\nwarning: {warning}"))


def _failover(settings: Settings, kind: Kind) -> Iterator[str]:
    """Where calls move on to, of each route that has several places."""
    from turnout.errors import TurnoutError
    from turnout.routing import resolve_places

    for name in settings.routes(kind):
        with suppress(TurnoutError):  # which the table says
            places = resolve_places(name, kind=kind, settings=settings)
            if len(places) > 1:
                named = " -> ".join(f"{place.deployment} on {place.backend}" for place in places)
                yield f"{kind}/{name} moves on when it fails: {named}"


def _active(settings: Settings, kind: Kind) -> str | None:
    from turnout.errors import UnknownBackendError
    from turnout.routing import active_backend

    try:
        return active_backend(settings, kind)
    except UnknownBackendError:  # several backends and none chosen: then none is marked
        return None


def _credential(backend: Backend) -> str:
    """Which credential a backend would use, in words; nothing is fetched."""
    from turnout.errors import CredentialError
    from turnout.providers.clients import provider_of

    try:
        return str(provider_of(backend).credential(backend))
    except CredentialError as error:
        return f"none: {error}"


def _warnings(settings: Settings, kind: Kind) -> Iterator[str]:
    from turnout.errors import SettingsError

    for name, targets in settings.routes(kind).items():
        for backend in targets:
            with suppress(SettingsError):  # which the table says
                for place in _listed(settings, kind, name, backend):
                    retires = place.facts.retires.get(place.provider)
                    what = f"{place.key}: {place.model or place.deployment}"
                    if retires is not None and date.fromisoformat(retires) <= _today() + _SOON:
                        gone = date.fromisoformat(retires) < _today()
                        yield f"{what} {'retired' if gone else 'retires'} on {retires}; choose another model"
                    elif not place.facts.known and place.model:
                        unknown = "is a model that turnout has no facts of; it is asked for nothing that only some take"
                        yield f"{what} {unknown}"


def _listed(settings: Settings, kind: Kind, name: str, backend: str) -> list[Route]:
    """The places that a route has on a backend, without those of its fallbacks."""
    from turnout.routing import resolve_places

    places = resolve_places(name, kind=kind, backend=backend, settings=settings)
    return [place for place in places if place.key.partition("[")[0] == f"{kind}.{name}.{backend}"]


def _today() -> date:
    return datetime.now(tz=UTC).date()


def _targets(settings: Settings, kind: Kind) -> list[tuple[str, ...]]:
    from turnout.errors import SettingsError
    from turnout.facts.spaces import space_of

    rows: list[tuple[str, ...]] = []
    active = _active(settings, kind)
    for name, targets in settings.routes(kind).items():
        for backend in targets:
            label = f"{kind}/{name} *" if backend == active else f"{kind}/{name}"
            try:
                for place in _listed(settings, kind, name, backend):
                    model = str(space_of(place)) if kind == "embedding" else place.model or "not said"
                    where = {None: "unknown", "*": "anywhere"}.get(place.area, place.area or "")
                    rows.append((label, place.backend, place.deployment, model, where, place.wire, place.home))
            except SettingsError as error:
                rows.append((label, backend, f"wrong: {error}"))
    return rows


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows if len(row) > i) for i in range(len(rows[0]))]
    for row in rows:
        print(redact("  ".join(f"{cell:<{widths[i]}}" for i, cell in enumerate(row)).rstrip()))
