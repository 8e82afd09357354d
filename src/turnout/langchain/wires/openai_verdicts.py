"""What Azure's content filter says of an answer, kept where LangChain's class leaves it out.

`ChatOpenAI` reads of an answer what OpenAI's API has. On Chat Completions its subclasses say what else there is in
`_create_chat_result` and `_convert_chunk_to_generation_chunk`, as langchain-openai's own Azure class does. On Responses
the verdicts travel in `incomplete_details`, where `turnout.transport.answers.responses` puts them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from langchain_core.outputs import ChatGenerationChunk, ChatResult
    from langchain_openai import ChatOpenAI

VERDICTS = "content_filter_said"
"""Name under which a generation's info has what the filter said of an answer that it stopped, as Azure's JSON."""


@cache
def chat_class() -> type[ChatOpenAI]:
    """`ChatOpenAI` that keeps the verdicts on Chat Completions."""
    from langchain_openai import ChatOpenAI

    class Keeping(ChatOpenAI):
        def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
            result = super()._create_chat_result(response, generation_info)
            choices: Any = response["choices"] if isinstance(response, dict) else response.choices
            for generation, choice in zip(result.generations, choices, strict=False):
                reason = choice.get("finish_reason") if isinstance(choice, dict) else choice.finish_reason
                if reason != "content_filter":
                    continue
                said = _verdicts(choice if isinstance(choice, dict) else choice.model_dump(warnings=False))
                generation.generation_info = {**(generation.generation_info or {}), **said}
            return result

        def _convert_chunk_to_generation_chunk(self, chunk: dict[str, Any], *more: Any) -> ChatGenerationChunk | None:
            made = super()._convert_chunk_to_generation_chunk(chunk, *more)
            choices = chunk.get("choices") or chunk.get("chunk", {}).get("choices")
            if made is not None and choices and (said := _verdicts(choices[0])):
                made.generation_info = {**(made.generation_info or {}), **said}
            return made

    return Keeping


def _verdicts(choice: dict[str, Any]) -> dict[str, Any]:
    results = choice.get("content_filter_results")
    if choice.get("finish_reason") != "content_filter" or not results:
        return {}
    return {VERDICTS: {"choices": [{"content_filter_results": results}]}}


def said(metadata: Any) -> dict[str, Any]:
    """The verdicts in a generation's info and metadata, as Azure's JSON; nothing if there are none."""
    found = metadata.get(VERDICTS)
    if isinstance(found, dict):
        return found
    details = metadata.get("incomplete_details")
    return cast("dict[str, Any]", details) if isinstance(details, dict) and "content_filters" in details else {}
