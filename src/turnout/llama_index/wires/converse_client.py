"""The client that the Converse class asks: Bedrock Runtime's, with what that class gets wrong put right."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from turnout.llama_index.errors import cut_short
from turnout.llama_index.wires.sealed import UNSHOWN, redacted, redacted_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.routing import Route


class ConverseClient:
    """Passes calls on to Bedrock Runtime.

    The class can't leave `maxTokens` out, drops the stop reason of a stream, takes a stream that broke off for a whole
    one, leaves its connection open when nobody reads on, and knows no redacted reasoning.
    """

    def __init__(self, runtime: Any, route: Route) -> None:
        self._runtime = runtime
        self._route = route

    @property
    def exceptions(self) -> Any:
        """The service's exception classes."""
        return self._runtime.exceptions

    def converse(self, **request: Any) -> Any:
        """Converse."""
        answer = self._runtime.converse(**_request(request))
        message = answer["output"].get("message", {})
        message["content"] = [_read(block) for block in message.get("content", []) if not _run_by_service(block)]
        return answer

    def converse_stream(self, **request: Any) -> Any:
        """ConverseStream."""
        response = self._runtime.converse_stream(**_request(request))
        return {**response, "stream": self._whole(response)}

    def _whole(self, response: dict[str, Any]) -> Iterator[dict[str, Any]]:
        stream, reason = response["stream"], None
        head = {name: response[name] for name in ("ResponseMetadata",) if name in response}
        try:
            for event in stream:
                if "contentBlockStart" in event:
                    event["contentBlockStart"].setdefault("start", {})
                if "contentBlockDelta" in event:
                    delta = event["contentBlockDelta"]["delta"]
                    if (data := delta.get("reasoningContent", {}).get("redactedContent")) is not None:
                        delta["reasoningContent"] = {"signature": redacted(base64.b64encode(data).decode())}
                if "messageStop" in event:
                    reason = event["messageStop"].get("stopReason")
                yield {**event, **head, "stopReason": reason} if "metadata" in event else event
        finally:
            stream.close()
        if reason is None:
            raise cut_short(self._route, begun=True)


def _run_by_service(block: dict[str, Any]) -> bool:
    """Whether a block is about a tool that the service ran itself, which nobody here may run again."""
    return block.get("toolUse", {}).get("type") == "server_tool_use" or "toolResult" in block


def _read(block: dict[str, Any]) -> dict[str, Any]:
    """A block with redacted reasoning as the class reads it."""
    data = block.get("reasoningContent", {}).get("redactedContent")
    if data is None:
        return block
    return {"reasoningContent": {"reasoningText": {"text": "", "signature": redacted(base64.b64encode(data).decode())}}}


def _written(block: dict[str, Any]) -> dict[str, Any]:
    """A block with reasoning as the service takes it."""
    reasoning = block.get("reasoningContent", {}).get("reasoningText", {})
    if (data := redacted_in(reasoning.get("signature"))) is not None:
        return {"reasoningContent": {"redactedContent": base64.b64decode(data)}}
    if reasoning.get("text") == UNSHOWN:
        return {"reasoningContent": {"reasoningText": {**reasoning, "text": ""}}}
    return block


def _request(request: dict[str, Any]) -> dict[str, Any]:
    for message in request.get("messages", []):
        message["content"] = [_written(block) for block in message["content"]]
    config = {name: value for name, value in request.pop("inferenceConfig", {}).items() if value is not None}
    return {**request, "inferenceConfig": config} if config else request
