"""How to point clients at the emulator: the clouds' own variables, and a whole settings file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

from turnout_emulator import accounts
from turnout_emulator.services.base import Hub

REGION = "us-east-1"


def variables(target: str, hub: Hub, ca_file: str) -> dict[str, str]:
    """The variables that lead a cloud's own clients to the emulator; `ValueError` if there are none for the target."""
    makers: Mapping[str, Callable[[], dict[str, str]]] = {
        "azure": lambda: {
            "AZURE_OPENAI_ENDPOINT": hub.addresses["azure"],
            "AZURE_OPENAI_API_KEY": next(iter(hub.accounts.azure_keys.values())),
            "OPENAI_API_VERSION": "2024-10-21",
        },
        "openai": lambda: {
            "OPENAI_BASE_URL": f"{hub.addresses['openai']}/v1",
            "OPENAI_API_KEY": next(iter(hub.accounts.openai_keys.values())),
        },
        "foundry": lambda: {
            "ANTHROPIC_FOUNDRY_BASE_URL": f"{hub.addresses['azure']}/anthropic/",
            "ANTHROPIC_FOUNDRY_API_KEY": next(iter(hub.accounts.azure_keys.values())),
        },
        "bedrock": lambda: _bedrock(hub),
        "mantle": lambda: {"AWS_BEDROCK_BASE_URL": f"{hub.addresses['mantle']}/openai/v1", **_keys(hub)},
        "entra": lambda: {
            "AZURE_TENANT_ID": hub.accounts.entra_clients[0].tenant,
            "AZURE_CLIENT_ID": hub.accounts.entra_clients[0].client_id,
            "AZURE_CLIENT_SECRET": hub.accounts.entra_clients[0].secret,
            "AZURE_AUTHORITY_HOST": hub.addresses["entra+tls"],
            "REQUESTS_CA_BUNDLE": ca_file,
        },
        "managed-identity": lambda: {
            "IDENTITY_ENDPOINT": f"{hub.addresses['entra']}/msi/token",
            "IDENTITY_HEADER": accounts.IDENTITY_HEADER,
        },
        "azure-instance": lambda: {"AZURE_POD_IDENTITY_AUTHORITY_HOST": hub.addresses["metadata"]},
        "azure-arc": lambda: {
            "IDENTITY_ENDPOINT": f"{hub.addresses['metadata']}/arc/metadata/identity/oauth2/token",
            "IMDS_ENDPOINT": hub.addresses["metadata"],
        },
        "sts": lambda: {"AWS_ENDPOINT_URL_STS": hub.addresses["sts"], **_bedrock(hub)},
        "sso": lambda: {
            **_region(hub),
            **{f"AWS_ENDPOINT_URL_{name}": hub.addresses["sso"] for name in ("SSO", "SSO_OIDC", "SIGNIN")},
        },
        "instance": lambda: {**_region(hub), "AWS_EC2_METADATA_SERVICE_ENDPOINT": hub.addresses["metadata"]},
        "secretsmanager": lambda: {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": hub.addresses["secretsmanager"],
            **_keys(hub),
        },
        "container": lambda: {
            **_region(hub),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{hub.addresses['sts']}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": accounts.CONTAINER_TOKEN,
        },
    }
    if target not in makers:
        raise ValueError(f"No variables for {target!r}; there are: {', '.join(makers)}")
    return makers[target]()


def _region(hub: Hub) -> dict[str, str]:
    where = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    return {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": hub.addresses["bedrock"], **where}


def _bedrock(hub: Hub) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": hub.addresses["bedrock"], **_keys(hub)}


def _keys(hub: Hub) -> dict[str, str]:
    key = hub.accounts.default_aws_key()
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret_key,
    }


def settings_toml(hub: Hub, *, every_wire: bool = False) -> str:
    """A settings file with every backend of the emulator, its credentials and the usual routes."""
    template = Path(__file__).with_name("settings.toml").read_text(encoding="utf-8").partition("\n")[2]
    usual, _, more = template.partition("# --- every_wire ---")
    key = hub.accounts.default_aws_key()
    return Template(usual + more if every_wire else usual).substitute(
        hub.addresses,
        azure_key=next(iter(hub.accounts.azure_keys.values())),
        openai_key=next(iter(hub.accounts.openai_keys.values())),
        region=REGION,
        access_key=key.access_key,
        secret_key=key.secret_key,
    )
