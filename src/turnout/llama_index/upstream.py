"""What turnout uses of LlamaIndex's integrations that isn't public: overridden or called here and nowhere else.

`tests/llama_index/test_llama_upstream.py` fails when one of these moves.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from llama_index.llms.openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.base.llms.types import ChatMessage

    from turnout.providers.base import Client


class _SendsArguments(OpenAI):
    """Sends the arguments of a call and no others; its public methods would emit a second pair of events."""

    def _get_model_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def once(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Any:
        return self._chat(messages, **arguments)

    async def aonce(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Any:
        return await self._achat(messages, **arguments)

    def chunks(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Any:
        return self._stream_chat(messages, **arguments)

    async def achunks(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Any:
        return await self._astream_chat(messages, **arguments)


def openai_llm(client: Client, *, azure: bool) -> _SendsArguments:
    """LlamaIndex's `OpenAI`, or on Azure its `AzureOpenAI`, with turnout's client.

    The class treats requests by what the model's *name* looks like, and a deployment may have any name. So it gets a
    name that means nothing, and the deployment goes with each call. Address, key and API version are the client's.
    """
    options: dict[str, Any] = {
        "model": "turnout",
        "api_key": "never-sent",
        "api_version": "never-sent",
        "max_retries": 0,
        "openai_client": client.sync,
        "async_openai_client": client.aio,
    }
    nowhere = "https://never.asked.invalid"
    if azure:
        return _azure_class()(engine="turnout", azure_endpoint=nowhere, **options)
    return _SendsArguments(api_base=nowhere, **options)


@cache
def _azure_class() -> type[_SendsArguments]:
    from llama_index.llms.azure_openai import AzureOpenAI

    class _AzureSendsArguments(_SendsArguments, AzureOpenAI):
        pass

    return _AzureSendsArguments
