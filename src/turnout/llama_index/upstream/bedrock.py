"""llama-index-llms-bedrock-converse's class, asked through its undecorated methods: one pair of events a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from botocore.session import Session
from llama_index.llms.bedrock_converse import BedrockConverse
from llama_index.llms.bedrock_converse.utils import get_model_name

from turnout.llama_index.upstream.decorated import undecorated

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse


class ConverseModel(BedrockConverse):
    """The integration's class with turnout's client, sending the arguments that it is given and no others."""

    @classmethod
    def with_client(cls, model: str, client: Any) -> Self:
        """Make one.

        Args:
            model: The foundation model's id, for what the class knows of models. It raises for ids that look like an
                inference profile and aren't in its table, so those are replaced by a name that means nothing.
            client: What answers `converse` and `converse_stream`.
        """
        try:
            get_model_name(model)
        except ValueError:
            model = "turnout"
        # A session that is never asked, and reads no profile: the class would look for the one in AWS_PROFILE.
        session = Session(session_vars={"profile": (None, None, None, None)})
        arguments: dict[str, Any] = {"client": client, "botocore_session": session, "max_retries": 1}
        return cls(model=model, **arguments)

    def _get_all_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def once(self, messages: Sequence[ChatMessage], **arguments: Any) -> ChatResponse:
        """One answer."""
        response: ChatResponse = undecorated(BedrockConverse.chat)(self, messages, **arguments)
        return response

    def pieces(self, messages: Sequence[ChatMessage], **arguments: Any) -> Generator[ChatResponse, None, None]:
        """One answer, streamed."""
        pieces: Generator[ChatResponse, None, None]
        pieces = undecorated(BedrockConverse.stream_chat)(self, messages, **arguments)
        return pieces
