"""Settings of a storm: every wire, on backends that answer, that throttle, that come and go, and that aren't there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY, OPENAI_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GROUPS = ("", "-throttled", "-flaky", "-refused")
"""What a backend's name ends in: it answers; may throttle; has a port that comes and goes; has none."""

WIRES = {
    "chat": ("azure", "default", "openai-chat"),
    "dated": ("azure_dated", "default", "openai-chat"),
    "openai": ("openai", "default", "openai-chat"),
    "responses": ("azure", "responses", "openai-responses"),
    "messages": ("azure", "claude", "anthropic-messages"),
    "converse": ("bedrock", "default", "bedrock-converse"),
    "mantle": ("bedrock", "responses", "openai-responses"),
    "mantle-chat": ("bedrock", "open-weight", "openai-chat"),
}
"""Chat: the backend, the route and the wire."""

EMBEDDINGS = {
    "embeddings": ("azure", "default", "openai-embeddings"),
    "cohere": ("azure", "cohere", "cohere-embed"),
    "titan": ("bedrock", "default", "bedrock-invoke"),
}

_TARGETS = {
    "chat.default": {
        "azure": '{ deployment = "gpt-5-prod", model = "gpt-5" }',
        "azure_dated": '{ deployment = "gpt-5-prod", model = "gpt-5" }',
        "openai": '"gpt-5"',
        "bedrock": '"us.anthropic.claude-sonnet-4-6"',
    },
    "chat.responses": {
        "azure": '{ deployment = "gpt-5-prod", model = "gpt-5", wire = "openai-responses" }',
        "bedrock": '"openai.gpt-5.5"',
    },
    "chat.claude": {
        "azure": '{ deployment = "claude-prod", model = "claude-sonnet-4-6" }',
        "bedrock": '"us.anthropic.claude-sonnet-4-6"',
    },
    "chat.open-weight": {
        "azure": '{ deployment = "mini", model = "gpt-5-mini" }',
        "bedrock": '{ model = "openai.gpt-oss-120b", wire = "openai-chat" }',
    },
    "embedding.default": {
        "azure": '{ deployment = "embed-small", model = "text-embedding-3-small" }',
        "openai": '"text-embedding-3-small"',
        "bedrock": '{ model = "amazon.titan-embed-text-v2:0", dimensions = 256 }',
    },
    "embedding.cohere": {"azure": '{ deployment = "cohere-v4", model = "embed-v-4-0" }'},
}


_BACKENDS = f"""
[backends."azure{{group}}"]
provider = "azure"
endpoint = "{{azure_url}}"
auth = "api-key"
api_key = "{AZURE_KEY}"
{{limits}}

[backends."azure_dated{{group}}"]
provider = "azure"
endpoint = "{{azure_url}}"
auth = "api-key"
api_key = "{AZURE_KEY}"
api_version = "2024-10-21"
{{limits}}

[backends."openai{{group}}"]
provider = "openai"
base_url = "{{openai_url}}/v1"
api_key = "{OPENAI_KEY}"
{{limits}}

[backends."bedrock{{group}}"]
provider = "bedrock"
region = "us-east-1"
endpoint = "{{bedrock_url}}"
mantle_endpoint = "{{mantle_url}}"
auth = "static-keys"
access_key_id = "{AWS_ACCESS_KEY}"
secret_access_key = "{AWS_SECRET_KEY}"
{{limits}}
"""


def text(
    urls: Mapping[str, str], *, fallbacks: bool, circuit: bool = False, groups: Iterable[str] = GROUPS, more: str = ""
) -> str:
    """A settings file.

    Args:
        urls: Where each service is, by its name and its group's: `azure-flaky`.
        fallbacks: Whether calls move on.
        circuit: Whether deployments rest.
        groups: What backends' names end in.
        more: A line that each backend has.
    """
    groups = tuple(groups)
    lines = ['backend = "azure"', 'fallbacks = ["bedrock", "azure"]' if fallbacks else ""]
    lines += ["[failover]", f"circuit = {str(circuit).lower()}"]
    for group in groups:
        places = {
            f"{name}_url": urls.get(name + group, urls[name]) for name in ("azure", "openai", "bedrock", "mantle")
        }
        lines.append(_BACKENDS.format(group=group, limits=f"max_retries = 1\nmax_retry_wait = 1.2\n{more}", **places))
    for route, targets in _TARGETS.items():
        lines.append(f"[{route}]")
        if fallbacks and route.startswith("embedding"):
            lines.append('fallbacks = ["openai"]' if "openai" in targets else "fallbacks = []")
        lines += [f'"{backend}{group}" = {target}' for backend, target in targets.items() for group in groups]
    return "\n".join(lines) + "\n"
