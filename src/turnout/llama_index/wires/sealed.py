"""Reasoning that the classes would lose: what Claude redacts, and what it signs but doesn't show.

Reasoning with a text and a signature is all that they know, so both go through them in that form. The client puts it
on before a class reads, and takes it off after one has written; the wires do the same on their side of the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ThinkingBlock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llama_index.core.base.llms.types import ChatMessage

_REDACTED = "redacted:"  # signatures are base64, which has no colon
UNSHOWN = "\ue000"  # for private use, so in nobody's text
"""Stands for reasoning that is not shown, where a class leaves out what is empty."""


def redacted(data: str) -> str:
    """Redacted reasoning, in base64, as a signature."""
    return f"{_REDACTED}{data}"


def redacted_in(signature: Any) -> str | None:
    """The redacted reasoning that a signature is, in base64."""
    return signature.removeprefix(_REDACTED) if isinstance(signature, str) and signature.startswith(_REDACTED) else None


def unsealed(blocks: Iterable[Any]) -> None:
    """Bring the reasoning of an answer into shape: redacted, signed, or neither. Changed in place."""
    for block in blocks:
        if not isinstance(block, ThinkingBlock):
            continue
        signature = block.additional_information.get("signature")
        rest = {name: value for name, value in block.additional_information.items() if name != "signature"}
        if (data := redacted_in(signature)) is not None:
            block.content, rest = None, {"redacted": data}
        elif signature:
            rest["signature"] = signature
        block.additional_information = rest


def sealed(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Messages with their reasoning in the form that a class passes on; those without are the same objects."""
    return [
        message.model_copy(update={"blocks": [_sealed(block) for block in message.blocks]})
        if any(isinstance(block, ThinkingBlock) for block in message.blocks)
        else message
        for message in messages
    ]


def _sealed(block: Any) -> Any:
    if not isinstance(block, ThinkingBlock):
        return block
    data, given = block.additional_information.get("redacted"), block.additional_information
    signature = redacted(data) if data is not None else given.get("signature")
    content = block.content or (UNSHOWN if signature else None)
    return block.model_copy(update={"content": content, "additional_information": {**given, "signature": signature}})
