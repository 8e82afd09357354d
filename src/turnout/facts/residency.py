"""Where a provider works on what it is sent, as far as the settings tell: a region, or a pattern of regions.

`eu-central-1` is one region, `eu-*` is any in Europe, `*` is anywhere, and None is unknown.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

LOCAL = "local"
"""This machine."""

# Source: docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html, seen 2026-11-27: a profile's
# destinations are of its geography; those of a global one are all commercial regions. What others take in isn't said.
_GEOGRAPHIES = {
    "us": "us-*",
    "us-gov": "us-gov-*",
    "eu": "eu-*",
    "apac": "ap-*",
    "jp": "ap-northeast-*",
    "au": "ap-southeast-*",
    "global": "*",
}

# Source: learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/deployment-types, seen 2026-11-27.
SKUS = {"global": "*", "datazone-eu": "eu-*", "datazone-us": "us-*"}
"""Azure's kinds of deployments that aren't bound to the resource's region → where they work."""

_REGIONAL_HOSTS = (".api.cognitive.microsoft.com", ".api.cognitive.microsoft.us")
_OPENAI = {"eu.api.openai.com": "eu-*", "us.api.openai.com": "us-*"}


def of_bedrock(backend: Any, target: Any) -> str | None:
    """Of a model in a region, a profile of a geography, or an ARN; an application's own profile doesn't say."""
    deployment = target.deployment or target.model or ""
    region: str | None = backend.region
    if deployment.startswith("arn:"):
        parts = deployment.split(":", 5)
        region = parts[3] if len(parts) > 5 else None
        kind, _, deployment = parts[-1].partition("/")
        if kind == "application-inference-profile":
            return None
    geography, dot, _ = deployment.partition(".")
    if dot and geography in {"ca", "in"}:
        return None
    return _GEOGRAPHIES.get(geography, region) if dot else region


def of_azure(backend: Any, target: Any) -> str | None:
    """Of a deployment whose SKU is stated; one that is regional is where the resource is."""
    host = urlsplit(backend.endpoint or "").hostname or ""
    if _is_local(host):
        return LOCAL
    if target.sku != "regional":
        return SKUS.get(target.sku)
    ending = next((ending for ending in _REGIONAL_HOSTS if host.endswith(ending)), None)
    stated: str | None = backend.region
    return stated or (host.removesuffix(ending) if ending else None)


def of_openai(backend: Any, target: Any) -> str | None:
    """Of OpenAI's regional hosts, or of a server whose region is stated."""
    del target
    host = urlsplit(backend.base_url or "").hostname or ""
    stated: str | None = backend.region
    return stated or (LOCAL if _is_local(host) else _OPENAI.get(host))


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
