"""The client that the Converse class asks: Bedrock Runtime's, with what that class gets wrong put right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.llama_index.errors import cut_short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.routes import Route


class ConverseClient:
    """Passes calls on to Bedrock Runtime.

    The class can't leave `maxTokens` out, drops the stop reason of a stream, takes a stream that broke off for a whole
    one, and leaves its connection open when nobody reads on.
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
        answer = self._runtime.converse(**_without_nones(request))
        message = answer["output"].get("message", {})
        message["content"] = [block for block in message.get("content", []) if not _run_by_service(block)]
        return answer

    def converse_stream(self, **request: Any) -> Any:
        """ConverseStream."""
        response = self._runtime.converse_stream(**_without_nones(request))
        return {**response, "stream": self._whole(response["stream"])}

    def _whole(self, stream: Any) -> Iterator[dict[str, Any]]:
        reason = None
        try:
            for event in stream:
                if "contentBlockStart" in event:
                    event["contentBlockStart"].setdefault("start", {})
                if "messageStop" in event:
                    reason = event["messageStop"].get("stopReason")
                yield {**event, "stopReason": reason} if "metadata" in event else event
        finally:
            stream.close()
        if reason is None:
            raise cut_short(self._route)


def _run_by_service(block: dict[str, Any]) -> bool:
    """Whether a block is about a tool that the service ran itself, which nobody here may run again."""
    return block.get("toolUse", {}).get("type") == "server_tool_use" or "toolResult" in block


def _without_nones(request: dict[str, Any]) -> dict[str, Any]:
    config = {name: value for name, value in request.pop("inferenceConfig", {}).items() if value is not None}
    return {**request, "inferenceConfig": config} if config else request
