"""The clouds' own variables: `AZURE_OPENAI_ENDPOINT`, `AWS_REGION`, `OPENAI_API_KEY`, …

With no settings file they make the backends. With one, they only supply credentials that it leaves out, and only to
the resource that they were issued for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from turnout.facts.providers import PROVIDERS
from turnout.settings.backends import is_loopback
from turnout.settings.secrets import SECRET_FIELDS, Secret

PROXY_VARIABLES = frozenset(
    name for base in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for name in (base, base.lower())
)

CLOUD_VARIABLES = frozenset(
    {
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_API_VERSION",
        "OPENAI_API_VERSION",
        "AZURE_OPENAI_DEPLOYMENT",
        "AZURE_OPENAI_DEPLOYMENT_NAME",
        "AZURE_OPENAI_CHAT_DEPLOYMENT_NAME",
        "AZURE_OPENAI_EMBEDDING_DEPLOYMENT",
        "AZURE_OPENAI_EMBEDDING_DEPLOYMENT_NAME",
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_AUTHORITY_HOST",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CA_BUNDLE",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
    }
)

_OPENAI = "https://api.openai.com/v1"


def _first(variables: Mapping[str, Secret], *names: str) -> tuple[str, Secret] | None:
    for name in names:
        if variables.get(name):
            return name, variables[name]
    return None


def _text(variables: Mapping[str, Secret], *names: str) -> str | None:
    found = _first(variables, *names)
    return None if found is None else found[1].get_secret_value()


def implied_backends(variables: Mapping[str, Secret]) -> dict[str, dict[str, Any]]:
    """The backends that the variables alone make: name → settings, without credentials."""
    backends: dict[str, dict[str, Any]] = {}
    if endpoint := _text(variables, "AZURE_OPENAI_ENDPOINT"):
        backends["azure"] = {"provider": "azure", "endpoint": endpoint}
        if version := _text(variables, "AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"):
            backends["azure"]["api_version"] = version
    aws = (
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_ACCESS_KEY_ID",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    )
    if _first(variables, *aws):
        backends["bedrock"] = {"provider": "bedrock"}
    if _first(variables, "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        backends["openai"] = {"provider": "openai"}
        if base_url := _text(variables, "OPENAI_BASE_URL"):
            backends["openai"]["base_url"] = base_url
    return backends


def implied_target(provider: str, kind: str, variables: Mapping[str, Secret]) -> str | None:
    """The default route's target on a backend of a provider, where no setting names one.

    On Azure a deployment is named by its owner, so there is none but that of the variables.
    """
    row = PROVIDERS[provider]
    return _text(variables, *row.deployment_variables.get(kind, ())) or row.default_models.get(kind)


def _same_host(one: object, other: object) -> bool:
    return _host(one) == _host(other)


def _host(address: object) -> str | None:
    try:
        return urlsplit(str(address or "")).hostname
    except ValueError:  # validation says so
        return None


def _principal(backend: Mapping[str, Any]) -> tuple[str, ...]:
    """What the variables of a service principal may add: nothing to a key that the settings have."""
    fields = ("tenant_id", "client_id", "client_secret")
    keyed = backend.get("api_key") and backend.get("auth") in {None, "auto"}
    return () if keyed and not any(backend.get(field) for field in fields) else fields


def fill(backend: Mapping[str, Any], variables: Mapping[str, Secret], sources: Mapping[str, str]) -> dict[str, Any]:
    """A backend's settings with what the clouds' variables add, and where each addition came from.

    A key is only sent to the resource that it belongs to: `AZURE_OPENAI_API_KEY` is left alone when
    `AZURE_OPENAI_ENDPOINT` names another host than the backend, and `OPENAI_API_KEY` never goes to a `base_url`
    that `OPENAI_BASE_URL` doesn't name. Where the settings have a credential, no variable makes another one.
    """
    filled = dict(backend)
    origins: list[tuple[str, str]] = []

    def take(field: str, *names: str) -> None:
        found = _first(variables, *names)
        if filled.get(field) is None and found:
            filled[field] = found[1] if field in SECRET_FIELDS else found[1].get_secret_value()
            origins.append((field, f"{found[0]} in {sources.get(found[0], 'the environment')}"))

    match filled.get("provider"):
        case "azure":
            take("endpoint", "AZURE_OPENAI_ENDPOINT")
            owner = _text(variables, "AZURE_OPENAI_ENDPOINT")
            if not owner or _same_host(owner, filled.get("endpoint")):
                take("api_key", "AZURE_OPENAI_API_KEY")
            for field in _principal(backend):
                take(field, f"AZURE_{field.upper()}")
            take("authority_host", "AZURE_AUTHORITY_HOST")
        case "bedrock":
            take("region", "AWS_REGION", "AWS_DEFAULT_REGION")
            take("endpoint", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")
            take("sts_endpoint", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL")
            take("ca_bundle", "AWS_CA_BUNDLE")
            own = ("access_key_id", "profile", "role_arn", "bearer_token")
            if not any(filled.get(field) for field in own):
                take("bearer_token", "AWS_BEARER_TOKEN_BEDROCK")
                if "bearer_token" not in filled and variables.get("AWS_ACCESS_KEY_ID"):
                    take("access_key_id", "AWS_ACCESS_KEY_ID")
                    take("secret_access_key", "AWS_SECRET_ACCESS_KEY")
                    take("session_token", "AWS_SESSION_TOKEN")
                elif "bearer_token" not in filled:
                    take("profile", "AWS_PROFILE")
        case "openai":
            owner = _text(variables, "OPENAI_BASE_URL") or _OPENAI
            if _same_host(owner, filled.get("base_url") or filled.get("endpoint") or owner):
                take("api_key", "OPENAI_API_KEY")
                take("organization", "OPENAI_ORG_ID")
                take("project", "OPENAI_PROJECT_ID")
        case _:
            pass
    if filled.get("proxy") is None and (proxy := _proxy(filled)):
        filled["proxy"] = proxy
        origins.append(("proxy", "the environment"))
    if origins:
        filled["origins"] = tuple(origins)
    return filled


def _proxy(backend: Mapping[str, Any]) -> Secret | None:
    """The proxy that the environment puts between this machine and a backend."""
    default = _OPENAI if backend.get("provider") == "openai" else "https://bedrock-runtime.amazonaws.com"
    address = str(backend.get("endpoint") or backend.get("base_url") or default)
    host = _host(address) or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = {scheme: Secret(proxy) for scheme, proxy in getproxies().items()}
    return proxies.get(address.partition(":")[0].lower()) or proxies.get("all")
