"""An answer that came as a tool's call, because the model can't be held to a form otherwise → its text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import TextBlock, ToolCallBlock

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse


class AnswerText:
    """Makes text of the call that is the answer, in an answer or in the pieces of a streamed one.

    Words before that call are none of the answer: in a stream they are held back until it is clear what they belong to.
    Other calls come before the answer: with one of them in the message, the answer's own was made too early, and goes.

    Args:
        tool: The tool whose call is the answer.
    """

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._text = ""
        self._given = ""
        self.answered = False

    def take(self, response: ChatResponse, *, last: bool) -> None:
        """An answer as it is read, changed in place.

        Args:
            response: An answer, or a piece of one, which has all so far.
            last: Whether nothing follows.
        """
        blocks = response.message.blocks
        calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
        mine = [call for call in calls if call.tool_name == self._tool]
        self.answered = bool(mine) and len(mine) == len(calls)
        if self.answered:
            self._text = self._as_text(mine[0].tool_kwargs)
            blocks = [block for block in blocks if not isinstance(block, TextBlock | ToolCallBlock)]
            blocks.append(TextBlock(text=self._text))
            if response.additional_kwargs.get("finish_reason") == "tool_calls":
                response.additional_kwargs["finish_reason"] = "stop"
        elif calls:
            blocks = [block for block in blocks if block not in mine]
        elif not last:
            blocks = [block for block in blocks if not isinstance(block, TextBlock)]
        response.message.blocks = blocks
        if response.delta is not None:
            text = "".join(block.text for block in blocks if isinstance(block, TextBlock))
            response.delta = text.removeprefix(self._given) if text.startswith(self._given) else ""
            self._given = text if text.startswith(self._given) else self._given

    def _as_text(self, arguments: Any) -> str:
        if isinstance(arguments, str):
            return arguments
        try:
            same = bool(self._text) and json.loads(self._text) == arguments
        except ValueError:
            same = False
        return self._text if same else json.dumps(arguments, ensure_ascii=False)
