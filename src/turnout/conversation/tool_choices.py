"""Which tools and what form of answer a model is asked for: enforced by the service, forced, or asked for in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import AnswerFormat, renamed
from turnout.conversation.json_schemas import can_be_enforced, for_a_tool, refers_to_itself, strict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turnout.routing import Route

METHODS = ("json_schema", "function_calling", "json_mode")
_ALL = ("auto", "any", "tool")


@dataclass(slots=True)
class Asked:
    """What is asked of a model, before a wire writes it.

    Attributes:
        tools: The tools that are offered, in OpenAI's format; the form of the answer may be one of them.
        choice: The choice among them that is sent: `auto`, `none`, `any`, a tool's name; None for none.
        form: What the service holds the answer to itself.
        must_call: A tool (or `any`) that the answer must call though the model can't be forced to: it is told to, and
            an answer that doesn't is an error.
        answer_tool: The tool whose call is the answer, and becomes the answer's text.
        in_words: What the model is told of the answer's form.
    """

    tools: list[dict[str, Any]]
    choice: str | None = None
    form: AnswerFormat | None = None
    must_call: str | None = None
    answer_tool: str | None = None
    in_words: str | None = None

    def instruction(self, contents: Iterable[Any]) -> str | None:
        """What the model is told besides the conversation, if anything.

        Args:
            contents: The contents of the conversation's messages. OpenAI's JSON mode wants the word in them.
        """
        if self.form is not None and self.form.schema is None:
            return None if any("json" in str(one).lower() for one in contents) else self.form.in_words()
        if self.must_call is None:
            return self.in_words
        if self.must_call == "any" and self.answer_tool is not None:
            return (
                f"Answer by calling one of the tools. When you know the answer, call {self.answer_tool!r} with it, and "
                "no other tool. Write no other text."
            )
        tool = "one of the tools" if self.must_call == "any" else f"the tool {self.must_call!r}"
        return f"Answer by calling {tool}, with arguments taken from the conversation. Write no other text."


def asked_for(
    route: Route,
    form: AnswerFormat | None,
    tools: Sequence[dict[str, Any]],
    choice: str | None,
    *,
    method: str | None = None,
    strictly: bool | None = None,
    as_text: bool = False,
    thinks: bool = False,
) -> Asked:
    """What to ask of the route's model, for a form of the answer, tools, and a choice among them.

    Args:
        route: Where the call goes.
        form: The form of the answer, if one is asked for.
        tools: The application's tools.
        choice: `auto`, `none`, `any` or a tool's name; None where not asked for.
        method: How the form is to be had, of `METHODS`; None for the strongest way.
        strictly: Whether a tool that stands for the form is to be held to exactly; None where not asked for.
        as_text: Whether the answer is read as text, so that a tool's call is no answer. The tools may then be called
            first, in answers of their own.
        thinks: Whether the model thinks in a way that forbids to force it.
    """
    asked = Asked(list(tools), choice)
    if form is None and choice is None:
        return asked
    forced = _ALL if route.wire.startswith("openai-") else ("auto",) if thinks else route.facts.tool_choice
    if form is not None:
        way = _way(route, form, method, prefer_schema=as_text or thinks)
        _ask(asked, form, way, strictly=strictly, as_text=as_text)
    _force(asked, forced)
    return asked


def _ask(asked: Asked, form: AnswerFormat, way: str, *, strictly: bool | None, as_text: bool) -> None:
    if way == "schema":
        asked.form = form
    elif way == "json":
        asked.form = AnswerFormat()
    elif way == "words":
        asked.in_words = form.in_words()
    elif as_text and asked.tools and asked.choice not in {None, "auto", "none"}:
        return  # a tool is to be called first: the form is of a later answer
    else:
        if asked.choice == "none":
            asked.tools = []
        form = renamed(form, {tool.get("function", {}).get("name") for tool in asked.tools})
        # Among other tools, it may be called when they have been.
        asked.choice = "any" if asked.tools else form.name
        asked.tools.append(as_tool(form, strictly=strictly))
        asked.answer_tool = form.name if as_text else None


def _way(route: Route, form: AnswerFormat, method: str | None, *, prefer_schema: bool) -> str:
    """By a `schema` that the service enforces, as `json` of any kind, by a `tool` that is called, or in `words`."""
    facts, openai = route.facts, route.wire.startswith("openai-")
    if form.schema is None or (method == "json_mode" and openai):
        return "json" if openai else "words"
    if openai:
        takes = facts.structured or not facts.known
        # What can't be held strictly isn't held at all: then a tool's schema says as much.
        holds = method == "json_schema" or (takes and (not form.strict or can_be_enforced(form.schema)))
        return "schema" if method != "function_calling" and (holds or not facts.tools) else "tool"
    # A forced call gives an object of the schema on every model that can be forced, whatever is in the schema.
    forced = facts.tools and {"any", "tool"} & set(facts.tool_choice)
    wanted = method == "json_schema" or (method is None and (prefer_schema or not forced))
    if wanted and facts.structured and _enforced_on_bedrock(form.schema, facts.family):
        return "schema"
    return "tool" if facts.tools else "words"


def _enforced_on_bedrock(schema: dict[str, Any], family: str) -> bool:
    return can_be_enforced(schema) and not (family == "claude" and refers_to_itself(schema))


def as_tool(form: AnswerFormat, *, strictly: bool | None = None) -> dict[str, Any]:
    """A form as a tool in OpenAI's format: calling it gives the object.

    Args:
        form: The form.
        strictly: Whether the service is to hold the call to it exactly; None where not asked for.
    """
    assert form.schema is not None
    parameters = for_a_tool(form.schema)
    if strictly and can_be_enforced(parameters):
        parameters = strict(parameters)
    function: dict[str, Any] = {"name": form.name, "parameters": parameters}
    if form.description:
        function["description"] = form.description
    if strictly is not None:
        function["strict"] = strictly
    return {"type": "function", "function": function}


def _force(asked: Asked, forced: Sequence[str]) -> None:
    """Bring the choice to what the model takes; what it can't be forced to, it is told, and offered nothing else."""
    choice = asked.choice
    if not asked.tools:
        asked.choice = None
        return
    if choice is None or choice == "none":
        return
    kind = choice if choice in {"auto", "any"} else "tool"
    if kind in forced:
        return
    if kind == "auto":
        asked.choice = None  # the service's own default
        return
    if kind == "tool":
        asked.tools = [tool for tool in asked.tools if tool.get("function", {}).get("name") == choice]
    if "any" in forced:
        asked.choice = "any"
    else:
        asked.must_call, asked.choice = choice, None
