"""What turnout uses of LlamaIndex's integrations that isn't public: overridden or called here and nowhere else.

`tests/llama_index/test_llama_upstream.py` fails when one of these moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing, closing
from functools import cache
from importlib import import_module
from typing import Any, cast

from llama_index.core.base.llms.types import ChatMessage
from llama_index.llms.openai import OpenAI

from turnout.providers.base import Client


class _SendsArguments(OpenAI):
    """Sends the arguments of a call and no others; its public methods would emit a second pair of events."""

    def _get_model_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def send(self, messages: Sequence[ChatMessage], *, stream: bool, **arguments: Any) -> Any:
        return closing(self._stream_chat(messages, **arguments)) if stream else self._chat(messages, **arguments)

    async def asend(self, messages: Sequence[ChatMessage], *, stream: bool, **arguments: Any) -> Any:
        if stream:
            return aclosing(await self._astream_chat(messages, **arguments))
        return await self._achat(messages, **arguments)


def openai_llm(client: Client, name: str) -> _SendsArguments:
    """LlamaIndex's class of that name, `OpenAI` or one that is based on it, with turnout's client.

    The class treats requests by what the model's *name* looks like, and a deployment may have any name. So it gets a
    name that means nothing, and the deployment goes with each call. Address, key and API version are the client's.
    """
    return _sending(name)(
        model="turnout",
        engine="turnout",
        api_key="never-sent",
        api_version="never-sent",
        api_base="https://never.asked.invalid",
        max_retries=0,
        openai_client=client.sync,
        async_openai_client=client.aio,
    )


@cache
def _sending(name: str) -> type[_SendsArguments]:
    module, _, kind = name.rpartition(".")
    base = getattr(import_module(module), kind)
    return cast("type[_SendsArguments]", type(f"_{kind}SendsArguments", (_SendsArguments, base), {}))
