"""Arguments that other classes take and turnout's don't: what an error says of them, and never their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BACKEND = {
    "api_key": ("api_key", "openai_api_key", "azure_openai_api_key", "anthropic_api_key", "azure_api_key"),
    "endpoint": ("azure_endpoint", "endpoint", "endpoint_url", "azure_openai_endpoint", "anthropic_api_url"),
    "base_url": ("base_url", "api_base", "openai_api_base", "openai_base_url"),
    "api_version": ("api_version", "openai_api_version", "azure_api_version"),
    "region": ("region", "region_name", "aws_region", "aws_region_name"),
    "access_key_id": ("access_key_id", "aws_access_key_id"),
    "secret_access_key": ("secret_access_key", "aws_secret_access_key"),
    "session_token": ("session_token", "aws_session_token"),
    "bearer_token": ("bearer_token", "aws_bearer_token", "bedrock_api_key"),
    "profile": ("profile", "profile_name", "credentials_profile_name", "aws_profile", "aws_profile_name"),
    "role_arn": ("role_arn", "aws_role_arn"),
    "client_secret": ("client_secret", "azure_client_secret"),
    "client_id": ("client_id", "azure_client_id"),
    "tenant_id": ("tenant_id", "azure_tenant_id"),
    "auth": ("auth", "azure_ad_token", "azure_ad_token_provider", "use_azure_ad", "credentials", "credential"),
    "organization": ("organization", "openai_organization"),
    "project": ("project", "openai_project"),
    "proxy": ("proxy", "openai_proxy", "proxies"),
    "ca_bundle": ("ca_bundle", "verify", "verify_ssl"),
    "connect_timeout": ("connect_timeout",),
}
_ROUTE = ("azure_deployment", "deployment_name", "engine", "model_id", "base_model_id", "inference_profile_id")
_NO_SETTING = frozenset(
    {"client", "async_client", "http_client", "http_async_client", "async_http_client", "boto3_session"}
)

_OPTIONS = frozenset(
    {"additional_model_request_fields", "betas", "extra_body", "frequency_penalty", "guardrail_config", "guardrails"}
    | {"inference_geo", "logit_bias", "logprobs", "mcp_servers", "metadata", "model_kwargs", "n", "performance_config"}
    | {"presence_penalty", "prompt_cache_key", "request_metadata", "safety_identifier", "service_tier", "store"}
    | {"top_k", "top_logprobs", "truncation", "user", "verbosity"}
)
_HEADERS = frozenset({"default_headers", "extra_headers", "headers"})
_THINKING = frozenset({"effort", "reasoning", "thinking"})
_USAGE = frozenset({"stream_usage", "include_usage"})
_RENAMED = {
    "max_tokens": ("max_completion_tokens", "max_output_tokens", "max_tokens_to_sample"),
    "model": ("model_name",),
    "stop": ("stop_sequences",),
    "timeout": ("default_request_timeout", "request_timeout"),
}

_ROUTE_SET = "set deployment and model of its route in turnout.toml, like [chat.default], and name the route as model"
_FIELDS = {name: field for field, names in _BACKEND.items() for name in names}
_NAMES = {name: field for field, names in _RENAMED.items() for name in names}


def refuse_unknown(fields: Mapping[str, Any], arguments: dict[str, Any], called: str) -> None:
    """Refuse arguments that a class doesn't have: those that have their place in the settings, and all others.

    They are emptied before an error is raised, whose traceback would have the values.
    """
    if not arguments.keys() <= fields.keys() and (error := _refusal(fields, arguments, called)) is not None:
        arguments.clear()
        raise error  # from here, where no variable has a name, which may be a value that was put into its place


def _refusal(fields: Mapping[str, Any], arguments: Iterable[str], called: str) -> Exception | None:
    aliases = {field.alias for field in fields.values()}
    unknown = [name for name in arguments if name not in fields and name not in aliases]
    for name in unknown:
        if (where := _where(name) or _where_of_chat(name, fields)) is not None:
            return SettingsError(f"{called} takes no {name}: {where}")
    return _invalid(unknown, fields, called) if unknown else None


def _where(name: str) -> str | None:
    """Where the settings have it, if it is a credential, an address or a deployment."""
    if name in _FIELDS:
        return f"set {_FIELDS[name]} in [backends.…] of turnout.toml, or TURNOUT_BACKENDS__…__{_FIELDS[name].upper()}"
    if name in _ROUTE:
        return _ROUTE_SET
    if name in _NO_SETTING:
        return "turnout makes the clients, of what [backends.…] in turnout.toml says"
    return None


def _where_of_chat(name: str, fields: Mapping[str, Any]) -> str | None:
    """Where a chat model has it, if that is under another name, or in the settings."""
    if name in _HEADERS:
        return "set headers = { name = 'value' } in [backends.…] of turnout.toml, or in the target"
    own = _NAMES.get(name)
    if own in fields:
        return f"it is called {own} here"
    in_code = next((field for field in ("extra", "additional_kwargs") if field in fields), None)
    if in_code is None:
        return None
    if name in _USAGE:
        return "the usage is always there, in streams too; leave it out"
    if name not in _OPTIONS | _THINKING:
        return None
    effort = "set reasoning_effort, which every backend has; or " if name in _THINKING else ""
    key = "…" if name == "model_kwargs" else name
    return (
        f"{effort}set options = {{ {key} = … }} of the target or backend in turnout.toml, "
        f"or pass {in_code}={{{key!r}: …}} in code"
    )


def _invalid(unknown: Iterable[str], fields: Iterable[str], called: str) -> Exception:
    from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

    from turnout.redaction import shown
    from turnout.settings.problems import nearest

    details: list[InitErrorDetails] = []
    for name in unknown:
        hint = f"; {_ROUTE_SET}" if name == "deployment" else nearest(name, fields)
        message = f"{called} takes no such argument{hint}"
        error = PydanticCustomError("unknown_argument", "{message}", {"message": message})
        details.append({"type": error, "loc": (name if repr(name) == shown(name) else "…",), "input": None})
    return ValidationError.from_exception_data(called, details, hide_input=True)
