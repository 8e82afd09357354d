"""The columns of the matrix: every wire, and on Converse every family of models, as a backend of its own.

What an application runs on is chosen by TURNOUT_BACKEND alone; `settings.py` writes the settings that say what that is.
"""

from __future__ import annotations

from dataclasses import dataclass

DATED = "2024-10-21"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: The backend's name in the settings.
        title: What the matrix calls it.
        provider: `azure`, `openai` or `bedrock`.
        service: The emulator's service that its chat requests must reach.
        deployment: What that service is asked for.
        model: The model behind the deployment.
        wire: The protocol that the emulator must see.
        forced: Whether the settings name the wire, because the model alone would lead to another.
        embedding: The embedding model of the same provider.
        options: Further settings of the backend.
    """

    name: str
    title: str
    provider: str
    service: str
    deployment: str
    model: str
    wire: str
    embedding: str
    forced: bool = False
    options: tuple[tuple[str, str], ...] = ()


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("azure", "Azure v1", "azure", "azure", "gpt-5-prod", "gpt-5", "openai-chat", "text-embedding-3-small"),
        Column(
            "azure_dated",
            "Azure dated",
            "azure",
            "azure",
            "gpt-4.1",
            "gpt-4.1",
            "openai-chat",
            "text-embedding-ada-002",
            options=(("api_version", DATED),),
        ),
        Column(
            "azure_responses",
            "Azure Responses",
            "azure",
            "azure",
            "gpt-5-prod",
            "gpt-5",
            "openai-responses",
            "text-embedding-3-large",
            forced=True,
        ),
        Column(
            "azure_claude",
            "Azure Claude",
            "azure",
            "azure",
            "claude-prod",
            "claude-sonnet-4-6",
            "anthropic-messages",
            "text-embedding-3-small",
        ),
        Column(
            "openai",
            "OpenAI",
            "openai",
            "openai",
            "gpt-4.1-mini",
            "gpt-4.1-mini",
            "openai-chat",
            "text-embedding-3-small",
        ),
        *(
            Column(
                f"bedrock_{name}", f"Converse {title}", "bedrock", "bedrock", model, model, "bedrock-converse", space
            )
            for name, title, model, space in (
                ("claude", "Claude", "us.anthropic.claude-sonnet-4-6", "amazon.titan-embed-text-v2:0"),
                ("nova", "Nova", "amazon.nova-lite-v1:0", "amazon.nova-2-multimodal-embeddings-v1:0"),
                ("llama", "Llama", "us.meta.llama3-3-70b-instruct-v1:0", "amazon.titan-embed-text-v1"),
                ("mistral", "Mistral", "mistral.mistral-large-2407-v1:0", "cohere.embed-english-v3"),
                ("gpt_oss", "gpt-oss", "openai.gpt-oss-120b-1:0", "us.cohere.embed-v4:0"),
            )
        ),
        Column(
            "bedrock_gpt",
            "Bedrock Responses",
            "bedrock",
            "bedrock",
            "global.openai.gpt-5.6-sol",
            "openai.gpt-5.6-sol",
            "openai-responses",
            "amazon.titan-embed-text-v2:0",
        ),
        Column(
            "bedrock_messages",
            "Bedrock Messages",
            "bedrock",
            "bedrock",
            "us.anthropic.claude-sonnet-4-6",
            "us.anthropic.claude-sonnet-4-6",
            "anthropic-messages",
            "amazon.titan-embed-text-v2:0",
            forced=True,
        ),
        Column(
            "mantle",
            "Mantle Responses",
            "bedrock",
            "mantle",
            "openai.gpt-5.5",
            "openai.gpt-5.5",
            "openai-responses",
            "amazon.titan-embed-text-v2:0",
        ),
        Column(
            "mantle_chat",
            "Mantle chat",
            "bedrock",
            "mantle",
            "openai.gpt-oss-120b",
            "openai.gpt-oss-120b",
            "openai-chat",
            "amazon.titan-embed-text-v2:0",
            forced=True,
            options=(("mantle_auth", "short-term-token"),),
        ),
    )
}
"""Every wire, and the families of Converse: what the tests of every column run on."""

MODELS: dict[str, Column] = {
    column.name: column
    for column in (
        Column(
            "azure_pro",
            "Azure GPT-5 Pro",
            "azure",
            "azure",
            "pro",
            "gpt-5-pro",
            "openai-responses",
            "text-embedding-3-large",
        ),
        Column(
            "azure_haiku",
            "Azure Haiku",
            "azure",
            "azure",
            "claude-fast",
            "claude-haiku-4-5",
            "anthropic-messages",
            "text-embedding-3-small",
        ),
        Column("azure_cohere", "Azure Cohere", "azure", "azure", "gpt-4o", "gpt-4o", "openai-chat", "embed-v-4-0"),
        *(
            Column(
                f"bedrock_{name}", f"Converse {title}", "bedrock", "bedrock", model, model, "bedrock-converse", space
            )
            for name, title, model, space in (
                ("opus", "Opus 5.5", "us.anthropic.claude-opus-5-5", "amazon.titan-embed-text-v2:0"),
                ("nova_2", "Nova 2", "us.amazon.nova-2-lite-v1:0", "amazon.nova-2-multimodal-embeddings-v1:0"),
                ("llama_4", "Llama 4", "us.meta.llama4-maverick-17b-instruct-v1:0", "amazon.titan-embed-text-v1"),
                ("deepseek", "DeepSeek", "deepseek.v3-v1:0", "cohere.embed-multilingual-v3"),
                ("grok", "Grok", "global.xai.grok-4.7", "amazon.titan-embed-text-v2:0"),
            )
        ),
    )
}
"""Models with rules of their own, on wires that have a column already."""

EVERY = COLUMNS | MODELS
