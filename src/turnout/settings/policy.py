"""Where data may go: what the settings allow of regions, models and backends, and whether a target is within it."""

from __future__ import annotations

import logging
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from turnout.errors import SettingsError
from turnout.facts.models import base_id
from turnout.facts.providers import PROVIDERS
from turnout.facts.residency import LOCAL
from turnout.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.settings.tree import Settings, Target

_log = logging.getLogger(__name__)


def area(settings: Settings, backend: str, target: Target) -> str | None:
    """Where a target's data goes: a region, a pattern of regions, `local`, or None if nothing says."""
    found = settings.backends[backend]
    return PROVIDERS[found.provider].area(found, target)


def check_place(settings: Settings, backend: str, target: Target, origin: object) -> None:
    """Refuse a target that the policy doesn't allow.

    Args:
        settings: The settings.
        backend: The backend's name.
        target: What is asked there.
        origin: Where the settings say so, which becomes text in an error.

    Raises:
        SettingsError: It leaves what is allowed, or nothing says whether it does.
    """
    policy = settings.policy
    row = PROVIDERS[settings.backends[backend].provider]
    if target.sku is not None and not row.names_deployments:
        raise SettingsError(f"{origin} has sku {target.sku!r}, which only Azure's deployments have; leave it out")
    if policy.backends and not _matches(backend, policy.backends):
        raise SettingsError(f"{origin} is on backend {backend!r}, and [policy] backends allows {_all(policy.backends)}")
    model = base_id(target.model or target.deployment or "")
    if policy.models and not _matches(model, policy.models):
        raise SettingsError(f"{origin} is the model {shown(model)}, and [policy] models allows {_all(policy.models)}")
    if not policy.regions:
        return
    where = area(settings, backend, target)
    if where == LOCAL or (where is not None and _matches(where, policy.regions)):
        return
    allowed = f"[policy] regions allows {_all(policy.regions)}"
    named = shown(target.deployment or target.model)
    if where is not None:
        reach = "any region" if where == "*" else where
        raise SettingsError(
            f"{origin}: the data of {named} on backend {backend!r} may go to {reach}, and {allowed}; "
            f"{'choose a profile or region within it' if not row.names_deployments else 'choose another deployment'}"
        )
    state = "sku (and the backend's region)" if row.names_deployments else "the backend's region"
    unknown = f"{origin}: nothing says where the data of {named} on backend {backend!r} goes, and {allowed}"
    if policy.unknown == "refuse":
        raise SettingsError(f'{unknown}; state {state}, or set policy.unknown = "warn"')
    _log.warning("%s", unknown)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _all(patterns: Iterable[str]) -> str:
    return ", ".join(repr(pattern) for pattern in patterns)
