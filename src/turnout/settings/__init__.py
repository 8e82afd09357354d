"""Settings: what the user said, from `turnout.toml`, `.env` and the environment.

This package is the only part of turnout that reads any of the three.
"""

from turnout.settings.addresses import is_loopback
from turnout.settings.backends import AzureBackend, Backend, BackendSettings, BedrockBackend, OpenAIBackend
from turnout.settings.load import load_settings
from turnout.settings.secrets import Secret
from turnout.settings.tree import (
    FailoverSettings,
    IndexSettings,
    Kind,
    PolicySettings,
    SecretsSettings,
    Settings,
    Target,
)

__all__ = [
    "AzureBackend",
    "Backend",
    "BackendSettings",
    "BedrockBackend",
    "FailoverSettings",
    "IndexSettings",
    "Kind",
    "OpenAIBackend",
    "PolicySettings",
    "Secret",
    "SecretsSettings",
    "Settings",
    "Target",
    "is_loopback",
    "load_settings",
]
