"""Applications that show the model pictures."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage, SystemMessage

from tests.contract.apps.langchain_parts import LANGCHAIN
from tests.contract.apps.pictures import PICTURE, gallery

if TYPE_CHECKING:
    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory

ENCODED = base64.b64encode(PICTURE).decode()


def seen(chat: ChatFactory, *blocks: dict[str, Any]) -> str:
    """What the model says of blocks."""
    blocks = ({"type": "text", "text": "What do you see?"}, *blocks)
    return chat().invoke([SystemMessage("Describe pictures."), HumanMessage(list(blocks))]).text


@LANGCHAIN.application("images", by_model=True)
def vision_by_bytes(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A picture's bytes arrive whole, in LangChain's own block and in OpenAI's form."""
    for block in (
        {"type": "image", "base64": ENCODED, "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}},
    ):
        said = seen(chat, block)
        assert "64 x 32 pixels" in said, said
        assert f"{len(PICTURE)} bytes" in said


@LANGCHAIN.application("images")
def vision_by_url(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A picture's address: some services fetch it themselves, for others the client must."""
    with gallery() as url:
        for block in ({"type": "image", "url": url}, {"type": "image_url", "image_url": {"url": url}}):
            said = seen(chat, block)
            assert "64 x 32 pixels" in said or url in said, said
