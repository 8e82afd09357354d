"""`turnout routes`: what the settings amount to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.redaction import redact

if TYPE_CHECKING:
    from turnout.settings import Backend, Kind, Settings


def routes(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The settings file, instead of the one found.")
    ] = None,
) -> None:
    """List routes and backends: which deployment answers, and with which credential.

    An asterisk marks what is used now. Nothing is fetched and no service is asked.
    """
    from turnout.settings import load_settings

    settings = load_settings(config)
    print(f"Settings from {settings.source}\n")
    _table([("Backend", "Provider", "Resource", "Credential"), *_backends(settings)])
    print()
    _table([("Route", "Backend", "Deployment", "Model", "Wire"), *_targets(settings)])


def _active(settings: Settings, kind: Kind) -> str | None:
    from turnout.errors import UnknownBackendError
    from turnout.routing import active_backend

    try:
        return active_backend(settings, kind)
    except UnknownBackendError:  # several backends and none chosen: then none is marked
        return None


def _backends(settings: Settings) -> list[tuple[str, ...]]:
    from turnout.providers.clients import endpoint

    used = {_active(settings, "chat"), _active(settings, "embedding")}
    return [
        (f"{name} *" if name in used else name, backend.provider, endpoint(backend), credential(backend))
        for name, backend in settings.backends.items()
    ]


def credential(backend: Backend) -> str:
    """Which credential a backend would use, in words; nothing is fetched."""
    from turnout.errors import CredentialError
    from turnout.providers.clients import provider_of

    try:
        return str(provider_of(backend).credential(backend))
    except CredentialError as error:
        return f"none: {error}"


def _targets(settings: Settings) -> list[tuple[str, ...]]:
    from turnout.errors import SettingsError
    from turnout.facts.spaces import space_of
    from turnout.routing import resolve

    rows: list[tuple[str, ...]] = []
    kinds: tuple[Kind, ...] = ("chat", "embedding")
    for kind in kinds:
        active = _active(settings, kind)
        for name, targets in settings.routes(kind).items():
            for backend in targets:
                mark = " *" if backend == active else ""
                try:
                    route = resolve(name, kind=kind, backend=backend, settings=settings)
                except SettingsError as error:
                    rows.append((f"{kind}/{name}{mark}", backend, f"wrong: {error}"))
                    continue
                model = str(space_of(route)) if kind == "embedding" else route.model or "not said"
                rows.append((f"{kind}/{name}{mark}", backend, route.deployment, model, route.wire))
    return rows


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows if len(row) > i) for i in range(len(rows[0]))]
    for row in rows:
        print(redact("  ".join(f"{cell:<{widths[i]}}" for i, cell in enumerate(row)).rstrip()))
