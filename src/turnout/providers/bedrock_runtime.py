"""Bedrock Runtime for threads and for coroutines: one botocore client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.providers.credentials.aws import needs_refresh, refreshed
from turnout.transport.answers import validation
from turnout.transport.bedrock import BedrockTransport
from turnout.transport.blocking import off_loop
from turnout.transport.deadline import remaining
from turnout.transport.greenlets import in_greenlet, wait

if TYPE_CHECKING:
    from turnout.settings import BedrockBackend


class BedrockRuntime:
    """botocore's client, whose requests the event loop carries where the calling code runs in a greenlet of it.

    It signs with `credentials`; a bearer token needs none.
    """

    def __init__(self, client: Any, credentials: Any, backend: BedrockBackend) -> None:
        self._client = client
        self._credentials = credentials
        self._transport = BedrockTransport(backend)
        client.meta.events.register("before-send.bedrock-runtime", self._transport.before_send)

    def __getattr__(self, name: str) -> Any:
        if in_greenlet():
            if needs_refresh(self._credentials):
                wait(off_loop(self._credentials.get_frozen_credentials))
        elif remaining() is not None:
            refreshed(self._credentials)
        return getattr(self._client, name)

    def converse(self, **request: Any) -> Any:
        """Converse."""
        return validation.converse(self.__getattr__("converse")(**request))

    def converse_stream(self, **request: Any) -> Any:
        """ConverseStream; reading it raises likewise."""
        answer = self.__getattr__("converse_stream")(**request)
        return {**answer, "stream": validation.ConverseEvents(answer["stream"])}

    def close(self) -> None:
        """Close the connections that aren't an event loop's."""
        self._client.close()
        self._transport.close()
