"""Tools and schemas as the application has them → OpenAI's format, checked before anything is sent.

`with_structured_output` doesn't know its backend yet: the method is chosen when the call is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.output_parsers.transform import BaseCumulativeTransformOutputParser
from langchain_core.runnables import RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool
from langchain_core.utils.json import parse_json_markdown, parse_partial_json
from langchain_core.utils.pydantic import is_basemodel_subclass

from turnout.conversation.answer_formats import answer_format
from turnout.conversation.caching import cache_control, mark_in
from turnout.conversation.json_schemas import check_schema
from turnout.conversation.tools import METHODS, check_choice, checked_tool, tool_choice_name
from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.outputs import Generation
    from langchain_core.runnables import Runnable


def with_choice(tools: Sequence[Any], tool_choice: Any, *, strict: bool | None) -> dict[str, Any]:
    """Tools and the choice among them, as arguments of a call."""
    converted = offered(tools, strict=strict)
    choice = tool_choice_name(tool_choice)
    check_choice(choice, converted)
    return {"tools": converted} | ({"tool_choice": choice} if choice is not None else {})


class _Checked(dict[str, Any]):
    """A tool that has been through this once, when it was bound."""


def offered(tools: Sequence[Any], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools in OpenAI's format, and a `cache_control` on each up to which the prompt is to be cached.

    They are pydantic classes, functions, LangChain tools, and dicts in OpenAI's, Anthropic's or Converse's format, with
    Converse's `cachePoint` among them.
    """
    if all(isinstance(tool, _Checked) for tool in tools):
        return list(tools)
    made: list[dict[str, Any]] = []
    for number, tool in enumerate(tools):
        mark = mark_in(tool if isinstance(tool, Mapping) else {"extras": getattr(tool, "extras", None)})
        if mark is None or not mark.converse:
            made.append(_Checked(_converted(tool, number, strict=strict)))
        if mark is not None and made:
            made[-1]["cache_control"] = cache_control(mark)
    return made


def _converted(tool: Any, number: int, *, strict: bool | None) -> dict[str, Any]:
    try:
        made = convert_to_openai_tool(tool, strict=strict)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise UnsupportedError(
            f"tool {number} is {tool!r:.80}, which is no tool: give a function with type hints, a pydantic class, a "
            f"LangChain tool, or a dict with name, description and parameters"
        ) from error
    return checked_tool(made, number)


def structured(
    model: BaseChatModel,
    schema: Any,
    method: str | None,
    tools: Sequence[Any] | None,
    *,
    include_raw: bool,
    strict: bool | None,
    bound: dict[str, Any],
) -> Runnable[LanguageModelInput, Any]:
    """A chat model whose answers are objects of a schema; arguments and errors as for `with_structured_output`."""
    if method is not None and method not in METHODS:
        raise UnsupportedError(f"method {method!r} is none of {', '.join(METHODS)}")
    function = _described(schema)
    target = schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
    own = function
    if hasattr(target, "model_json_schema"):  # with the schema that every way of asking for a class sends
        form = answer_format(schema)
        assert form is not None
        own = {"name": form.name, "description": form.description, "parameters": form.schema}
    asked = model.bind(
        structured_output={"schema": own, "method": method, "strict": strict, "of_class": isinstance(schema, type)},
        ls_structured_output_format={"kwargs": {"method": method or "auto"}, "schema": function},
        **({"tools": offered(tools)} if tools else {}),
        **bound,
    )
    parser = StructuredOutputParser(name=own["name"], target=target)
    if not include_raw:
        return asked | parser
    parsed = RunnablePassthrough.assign(
        parsed=RunnableLambda(lambda answer: answer["raw"]) | parser, parsing_error=lambda _: None
    )
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=asked) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _described(schema: Any) -> dict[str, Any]:
    """A schema in OpenAI's function format: name, description, parameters."""
    if isinstance(schema, dict) and schema.get("type") == "function" and isinstance(schema.get("function"), dict):
        schema = schema["function"]
    if isinstance(schema, dict) and schema.get("type") == "json_schema":
        inner = schema["json_schema"]
        schema = {"name": inner["name"], "description": inner.get("description", ""), "parameters": inner["schema"]}
    try:
        made = dict(convert_to_openai_function(schema))
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise UnsupportedError(
            f"{schema!r} can't be used as a schema: give a pydantic class, a TypedDict, or a JSON schema that has "
            f"'title' and 'properties'"
        ) from error
    if made.get("parameters") is not None:
        check_schema(made["parameters"], f"the schema {made.get('name')!r}")
    return made


class StructuredOutputParser(BaseCumulativeTransformOutputParser[Any]):
    """Reads an object out of an answer, whether it came as a tool call or as JSON text.

    Attributes:
        name: The schema's name, which a tool call must have.
        target: The pydantic class to make; None to give a dict.
    """

    name: str = "answer"
    target: Any = None

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object in an answer; None while it is `partial` and has none yet."""
        message = getattr(result[0], "message", None)
        found = self._arguments(message, result[0].text, partial=partial)
        if found is None:
            return None
        if self.target is None:
            return found
        try:
            validate = getattr(self.target, "model_validate", None) or self.target.parse_obj
            return validate(found)
        except ValueError as error:
            if partial:
                return None
            msg = f"The answer doesn't fit {self.target.__name__}: {error}"
            raise OutputParserException(msg, llm_output=json.dumps(found)) from error

    def parse(self, text: str) -> Any:
        """The object in a text."""
        return self._arguments(None, text, partial=False)

    def _arguments(self, message: Any, text: str, *, partial: bool) -> Any:
        if isinstance(message, AIMessage):
            for call in message.tool_calls:
                if call["name"] == self.name:
                    return call["args"]
            refusal = message.additional_kwargs.get("refusal")
            if refusal and not partial:
                raise OutputParserException(f"The model refused: {refusal}", llm_output=str(refusal))
        if partial:
            with suppress(ValueError):  # also of a text without a brace
                return parse_partial_json(text[text.index("{") :]) or None
            return None
        try:
            return parse_json_markdown(text)
        except (ValueError, TypeError) as error:
            msg = f"The answer holds no {self.name!r} object: {text[:200]!r}"
            raise OutputParserException(msg, llm_output=text) from error
