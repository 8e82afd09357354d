"""The clouds' own variables: `AZURE_OPENAI_ENDPOINT`, `AWS_REGION`, `OPENAI_API_KEY`, …

With no settings file they make the backends. With one, they only supply credentials that it leaves out, and only to
the resource that they were issued for.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from turnout.facts.providers import PROVIDERS, ProviderFacts
from turnout.settings.addresses import is_loopback
from turnout.settings.secrets import SECRET_FIELDS, Secret

PROXY_VARIABLES = frozenset(
    name for base in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for name in (base, base.lower())
)
CLOUD_VARIABLES = frozenset(
    name
    for row in PROVIDERS.values()
    for names in (*row.variables.values(), *row.deployment_variables.values())
    for name in names
)
SECRET_VARIABLES = frozenset(
    name
    for row in PROVIDERS.values()
    for field, names in row.variables.items()
    if field in SECRET_FIELDS
    for name in names
)


def _text(variables: Mapping[str, Secret], *names: str) -> str | None:
    return next((variables[name].get_secret_value() for name in names if variables.get(name)), None)


def implied_backends(variables: Mapping[str, Secret]) -> dict[str, dict[str, Any]]:
    """The backends that the variables alone make: name → settings, without credentials."""
    return {
        name: {
            "provider": name,
            **{field: value for field in row.implied if (value := _text(variables, *row.variables[field]))},
        }
        for name, row in PROVIDERS.items()
        if _text(variables, *row.implied_by)
    }


def implied_target(backend: Mapping[str, Any], kind: str, variables: Mapping[str, Secret]) -> str | None:
    """The default route's target on a backend, where no setting names one.

    On Azure a deployment is named by its owner, so there is none but that of the variables.
    """
    row = PROVIDERS.get(str(backend.get("provider")))
    if row is None:
        return None
    return _text(variables, *row.deployment_variables.get(kind, ())) or row.default_models.get(kind)


def _host(address: object) -> str | None:
    try:
        return urlsplit(str(address or "")).hostname
    except ValueError:  # validation says so
        return None


def _server(address: str) -> tuple[str | None, int | None]:
    """Host and port: on one machine, each port is another server."""
    with suppress(ValueError):  # validation says so
        parts = urlsplit(address)
        return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return None, None


def fill(backend: Mapping[str, Any], variables: Mapping[str, Secret], sources: Mapping[str, str]) -> dict[str, Any]:
    """A backend's settings with what the clouds' variables add, and where each addition came from.

    A key is only sent to the resource that it belongs to: `AZURE_OPENAI_API_KEY` is left alone when
    `AZURE_OPENAI_ENDPOINT` names another server than the backend, and `OPENAI_API_KEY` never goes to a `base_url`
    that `OPENAI_BASE_URL` doesn't name. Where the settings have a credential, no variable makes another one.
    """
    filled = dict(backend)
    row = PROVIDERS.get(str(backend.get("provider")))
    if row is None:
        return filled
    origins: list[tuple[str, str]] = []
    for field in _fields_to_fill(row, backend, variables):
        name = next((name for name in row.variables[field] if variables.get(name)), None)
        if filled.get(field) is None and name is not None:
            filled[field] = variables[name] if field in SECRET_FIELDS else variables[name].get_secret_value()
            origins.append((field, f"{name} in {sources.get(name, 'the environment')}"))
    if filled.get("proxy") is None and (proxy := _proxy(_address(row, filled) or row.default_address)):
        filled["proxy"] = proxy
        origins.append(("proxy", "the environment"))
    if origins:
        filled["origins"] = tuple(origins)
    return filled


def _address(row: ProviderFacts, backend: Mapping[str, Any]) -> str:
    return str(backend.get(row.address) or backend.get("endpoint") or "")


def _fields_to_fill(row: ProviderFacts, backend: Mapping[str, Any], variables: Mapping[str, Secret]) -> tuple[str, ...]:
    owner = _text(variables, *row.variables[row.address]) or row.default_address
    is_own = not owner or _server(owner) == _server(_address(row, backend) or owner)
    return (*row.added, *(row.owned if is_own else ()), *row.credentials(backend, variables))


def _proxy(address: str) -> Secret | None:
    """The proxy that the environment puts between this machine and an address."""
    host = _host(address) or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = {scheme: Secret(proxy) for scheme, proxy in getproxies().items()}
    return proxies.get(address.partition(":")[0].lower()) or proxies.get("all")
