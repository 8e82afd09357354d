"""OpenAI's Responses: its answers checked to be answers, and what Azure's content filter says of them kept.

An answer that failed comes with success: as its status, or as an event of a stream. It is raised as the SDK's error
with its code, and so has the kind that the same error has on the other wires.

LangChain's class reads of an answer what OpenAI's API has, a list of members, of which `incomplete_details` is one: the
filter's verdicts travel in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.transport.answers.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import openai

_WHOLE = frozenset({"response.completed", "response.incomplete"})
_WORDS = frozenset({"response.output_text.delta", "response.refusal.delta", "response.function_call_arguments.delta"})


def response(made: Any) -> Any:
    """Check what the SDK made of an answer, and give it back."""
    output, status, error = (getattr(made, name, None) for name in ("output", "status", "error"))
    if status == "failed":
        raise _failed(error, made)
    if error:
        raise UnreadableAnswerError.reported(error if isinstance(error, dict) else error.model_dump(warnings=False))
    if not isinstance(output, list) or not (output or status):
        raise UnreadableAnswerError(f"it has no output: {made.model_dump(warnings=False)}")
    for item in output:
        if not isinstance(item.type, str):
            raise UnreadableAnswerError(f"an item of it is {item}")
        for part in item.content if item.type == "message" else ():
            if not isinstance(getattr(part, "text", "") or "", str):
                raise UnreadableAnswerError(f"a text of it is {part.text!r}")
    incomplete, extra = getattr(made, "incomplete_details", None), made.model_extra
    if incomplete is not None and extra and extra.get("content_filters"):
        incomplete.content_filters = extra["content_filters"]
    return made


class ResponseEvents:
    """Checks the events of one stream.

    Encrypted reasoning that only the last event has (earendil-works/pi#4256, #6608) comes before that in an event of
    its own, as it does elsewhere: LangChain's class reads no output in the last one.
    """

    def __init__(self) -> None:
        self._encrypted: set[str] = set()

    def __call__(self, event: Any) -> Iterable[Any]:
        """What the stream's reader gets for an event."""
        kind = event.type
        _check(event, kind)
        if kind == "response.output_item.done":
            if getattr(event.item, "encrypted_content", None):
                self._encrypted.add(event.item.id)
        elif kind in _WHOLE:
            return (*self._late(event), event)
        return (event,)

    def _late(self, last: Any) -> Iterator[Any]:
        from openai.types.responses import ResponseOutputItemDoneEvent

        for index, item in enumerate(last.response.output):
            if item.type == "reasoning" and item.encrypted_content and item.id not in self._encrypted:
                kind: Any = "response.output_item.done"
                number = getattr(last, "sequence_number", 0)
                yield ResponseOutputItemDoneEvent.construct(
                    type=kind, item=item, output_index=index, sequence_number=number
                )


def _check(event: Any, kind: Any) -> None:
    if kind in _WORDS:
        if type(event.delta) is not str:
            raise UnreadableAnswerError(f"a piece of its text is {event.delta!r}")
    elif kind in _WHOLE:
        response(event.response)
    elif kind == "response.failed":
        raise _failed(event.response.error, event.response)
    elif kind == "error":
        raise _failed(event)
    elif type(kind) is not str:
        raise UnreadableAnswerError(f"an event of it is {described(event)}")


def _failed(error: Any, made: Any = None) -> openai.APIError:
    """The SDK's error for one that came inside an answer, with what Azure's filters say there."""
    import openai

    from turnout.transport.http_clients import sdk_httpx

    details = error if isinstance(error, dict) else {name: getattr(error, name, None) for name in ("code", "message")}
    message = str(details.get("message") or error or "the response failed")
    filters = getattr(made, "content_filters", None)
    body = {"code": details.get("code"), "type": details.get("type"), "message": message, "content_filters": filters}
    return openai.APIError(message, sdk_httpx().Request("POST", "responses"), body=body)
