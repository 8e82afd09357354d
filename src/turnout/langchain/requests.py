"""A call as the application meant it, whichever wire will carry it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.parameters import Policy
    from turnout.routes import Route


@dataclass(slots=True)
class Request:
    """One call.

    Attributes:
        parameters: Those of `turnout.parameters.PARAMETERS`; None where not given.
        policy: What happens with a parameter that the model can't take.
        tools: Tools in OpenAI's format.
        tool_choice: `auto`, `none`, `any`, or a tool's name; None where not given.
        schema: An answer's schema, as OpenAI's function format (`name`, `description`, `parameters`), if one is asked.
        method: `json_schema`, `function_calling` or `json_mode`, for the schema; None for the strongest.
        strict: Whether tools and schema are to be held to exactly.
        extra: What else the application passed, for the wire as it is.
        must_call: A tool (or `any`) that the answer must call though the model can't be forced to: it is told to, and
            an answer that doesn't is an error.
    """

    parameters: dict[str, Any]
    policy: Policy = "warn"
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: str | None = None
    schema: dict[str, Any] | None = None
    method: str | None = None
    strict: bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    must_call: str | None = None

    @property
    def instruction(self) -> str | None:
        """What the model is told because it can't be forced."""
        if self.must_call is None:
            return None
        tool = "one of the tools" if self.must_call == "any" else f"the tool {self.must_call!r}"
        return f"Answer by calling {tool}, with arguments taken from the conversation. Write no other text."


def strongest(route: Route, request: Request) -> str:
    """The method for a schema: the one asked for, or the strongest that the model has."""
    facts = route.facts
    if request.method is not None:
        return request.method
    if route.wire.startswith("openai-"):
        return "json_schema" if facts.structured or not facts.known else "function_calling"
    if facts.tools and {"any", "tool"} & set(facts.tool_choice):
        return "function_calling"
    return "json_schema" if facts.structured else "function_calling"


def schema_as_tool(request: Request) -> None:
    """Ask for the schema as a call of a tool that must be called."""
    assert request.schema is not None
    function = dict(request.schema)
    if request.strict is not None:
        function["strict"] = request.strict
    request.tools = [*request.tools, {"type": "function", "function": function}]
    request.tool_choice = request.schema["name"]


def response_format(request: Request, method: str) -> dict[str, Any]:
    """Ask for the schema as the answer's format, in OpenAI's words."""
    assert request.schema is not None
    if method == "json_mode":
        return {"type": "json_object"}
    schema = {
        "name": request.schema["name"],
        "description": request.schema.get("description", ""),
        "schema": request.schema.get("parameters", {"type": "object", "properties": {}}),
    }
    if request.strict is not None:
        schema["strict"] = request.strict
    return {"type": "json_schema", "json_schema": schema}
