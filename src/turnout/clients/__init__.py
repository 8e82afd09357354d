"""Authenticated SDK clients: one per backend, pooled, shared by everything in the process."""

from turnout.clients.pool import BedrockClient, OpenAIClient, bedrock_client, close_all, openai_client

__all__ = ["BedrockClient", "OpenAIClient", "bedrock_client", "close_all", "openai_client"]
