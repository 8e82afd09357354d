"""Authenticated SDK clients: one per backend, pooled, shared by everything in the process."""

from turnout.clients.pool import (
    BedrockClient,
    FoundryClient,
    OpenAIClient,
    bedrock_client,
    close_all,
    foundry_client,
    generation,
    mantle_client,
    openai_client,
    openai_client_for,
)

__all__ = [
    "BedrockClient",
    "FoundryClient",
    "OpenAIClient",
    "bedrock_client",
    "close_all",
    "foundry_client",
    "generation",
    "mantle_client",
    "openai_client",
    "openai_client_for",
]
