"""Route → the framework's own chat model, with turnout's client injected. One is kept for each backend and model."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from turnout.clients import bedrock_client, openai_client
from turnout.errors import MissingExtraError
from turnout.models import base_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.routes import Route
    from turnout.settings import AzureBackend, Backend, BedrockBackend, OpenAIBackend

_KEPT = 256
_delegates: dict[tuple[Any, ...], BaseChatModel] = {}
_lock = threading.Lock()


def _openai_chat(_route: Route, backend: AzureBackend | OpenAIBackend) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    client = openai_client(backend)
    # The class strips and adds parameters by what the model's *name* looks like, and a deployment may have any name.
    # So it gets a name that means nothing, and the deployment goes with each call. Azure's dated API needs no class of
    # its own: the SDK client makes its paths.
    return ChatOpenAI(
        model="turnout",
        api_key="never-sent",
        client=client.sync.chat.completions,
        root_client=client.sync,
        async_client=client.aio.chat.completions,
        root_async_client=client.aio,
        use_responses_api=False,
        stream_usage=True,
        stream_chunk_timeout=None,
    )


def _bedrock_converse(route: Route, backend: BedrockBackend) -> BaseChatModel:
    from langchain_aws import ChatBedrockConverse

    client = bedrock_client(backend).runtime
    model = base_id(route.model or route.deployment)
    facts = route.facts
    options: dict[str, Any] = {}
    if facts.known:
        options["supports_tool_choice_values"] = facts.tool_choice
    return cast(
        "BaseChatModel",
        ChatBedrockConverse(
            model_id=route.deployment,
            base_model_id=model,
            provider=model.partition(".")[0],
            client=client,
            bedrock_client=client,  # the control plane is never asked: base_model_id says what it would
            disable_streaming=False,
            **options,
        ),
    )


_WIRES: dict[str, Callable[[Route, Any], BaseChatModel]] = {
    "openai-chat": _openai_chat,
    "bedrock-converse": _bedrock_converse,
}


def delegate(route: Route, backend: Backend) -> BaseChatModel:
    """The framework's chat model for a route.

    Raises:
        MissingExtraError: The integration isn't installed.
        SettingsError: The backend's settings are incomplete.
        CredentialError: No credential was found.
    """
    key = (route.wire, backend, route.deployment, route.model)
    found = _delegates.get(key)
    if found is None:
        with _lock:
            found = _delegates.get(key)
            if found is None:
                try:
                    found = _WIRES[route.wire](route, backend)
                except ModuleNotFoundError as error:
                    msg = f"backend {route.backend!r} needs {error.name}: pip install 'turnout[langchain]'"
                    raise MissingExtraError(msg) from error
                if len(_delegates) >= _KEPT:
                    _delegates.pop(next(iter(_delegates)))
                _delegates[key] = found
    return found
