"""A request → what one wire and model are sent, under the wire's own names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from turnout.conversation import caching
from turnout.conversation.answer_formats import converse_output, messages_format, openai_format
from turnout.conversation.effort import calls_no_tool, effort_beside_tools, fit_effort, is_claude, settle_effort
from turnout.conversation.json_schemas import for_a_tool
from turnout.conversation.options import fit_options
from turnout.conversation.parameters import Policy, api_lacks, unsupported
from turnout.conversation.request import Asked, Fitted, Request, parameters_of
from turnout.conversation.tools import asked_for
from turnout.facts.providers import PROVIDERS

if TYPE_CHECKING:
    from turnout.conversation.turns import CachePoint
    from turnout.routing import Route

_DEFAULT_OUTPUT = 8_192  # tokens, of a model that turnout doesn't know: Messages insists on a limit
_STRUCTURED_BETA = "structured-outputs-2025-11-13"
_LEAST_OUTPUT = 16  # tokens, on Responses: developers.openai.com/api/reference/resources/responses/methods/create
_STOPS = 4  # developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create
_INFERENCE = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "stop": "stopSequences"}


def fit(request: Request, route: Route) -> Fitted:
    """All that is sent but the conversation: parameters, tools and their choice, the form of the answer.

    Raises:
        UnsupportedError: A value is out of range, or the policy is `error` and something can't be taken.
    """
    if request.extra:
        request = replace(request, extra=fit_options(request.extra, route, request.policy))
    match route.wire:
        case "anthropic-messages":
            return _fit_messages(request, route)
        case "bedrock-converse":
            return _fit_converse(request, route)
    return _fit_openai(request, route, responses=route.wire == "openai-responses")


def _fit_openai(request: Request, route: Route, *, responses: bool) -> Fitted:
    """A request as Chat Completions or Responses takes it.

    Nothing is stored at the service: a conversation must be able to go on elsewhere, so all of it travels with each
    call, encrypted reasoning included.
    """
    sent, asked, policy = parameters_of(request, route), asked_for(request, route), request.policy
    extra = _without_mark(request.extra)
    effort = fit_effort(route, sent.pop("reasoning_effort", None), policy)
    if asked.tools and not responses:
        effort = effort_beside_tools(route, effort, policy)
    _name_limit(sent, route, policy, responses=responses)
    if len(sent.get("stop", ())) > _STOPS:
        unsupported(route, "stop", f"the wire takes {_STOPS} sequences", policy, instead=f"its first {_STOPS}")
        sent["stop"] = sent["stop"][:_STOPS]
    if responses:
        _write_responses(sent, extra, asked, effort, reasons=route.facts.reasoning)
    else:
        sent |= {"reasoning_effort": effort} if effort is not None else {}
        sent |= {"response_format": openai_format(asked.form)} if asked.form is not None else {}
    if asked.tools:
        sent["tools"] = [_responses_tool(tool) if responses else _without_mark(tool) for tool in asked.tools]
        if asked.choice in {"auto", "none"}:
            sent["tool_choice"] = asked.choice
        elif asked.choice is not None:
            named = {"name": asked.choice} if responses else {"function": {"name": asked.choice}}
            sent["tool_choice"] = "required" if asked.choice == "any" else {"type": "function", **named}
    else:
        sent.pop("parallel_tool_calls", None)
    return Fitted({"model": route.deployment, **sent, **extra}, asked)


def _write_responses(
    sent: dict[str, Any], extra: dict[str, Any], asked: Asked, effort: str | None, *, reasons: bool
) -> None:
    """Add what Responses has in members that the application's own options may share."""
    sent["store"] = False
    if effort is not None:
        extra["reasoning"] = {"effort": effort, **extra.get("reasoning", {})}
    if reasons:
        extra["include"] = list(dict.fromkeys(["reasoning.encrypted_content", *extra.get("include", ())]))
    if asked.form is not None:
        form = openai_format(asked.form)
        extra["text"] = {"format": {"type": form["type"], **form.get("json_schema", {})}, **extra.get("text", {})}


def _name_limit(sent: dict[str, Any], route: Route, policy: Policy, *, responses: bool) -> None:
    """Give `max_tokens` the wire's name."""
    limit = sent.pop("max_tokens", None)
    if limit is None:
        return
    if responses:
        if limit < _LEAST_OUTPUT:
            why = f"the wire takes {_LEAST_OUTPUT} at least"
            unsupported(route, f"max_tokens = {limit}", why, policy, instead=str(_LEAST_OUTPUT))
        sent["max_output_tokens"] = max(limit, _LEAST_OUTPUT)
        return
    name = route.facts.max_tokens if route.facts.known else PROVIDERS[route.provider].max_tokens
    if not api_lacks(route, name):
        sent[name] = limit
    elif not route.facts.reasoning:
        sent["max_tokens"] = limit
    else:
        why = f"the model wants {name}, and the API version {route.api_version} has none; leave api_version out"
        unsupported(route, "max_tokens", why, policy)


def _responses_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    # Left out, strict is true here, where Chat Completions takes it for false: a tool with optional arguments would be
    # another tool on this wire.
    return _without_mark(tool) if function is None else {"type": "function", "strict": False, **function}


def _without_mark(block: dict[str, Any]) -> dict[str, Any]:
    """A tool, or a request, for a wire that caches on its own."""
    return {key: value for key, value in block.items() if key != "cache_control"}


def _fit_messages(request: Request, route: Route) -> Fitted:
    """A request as Anthropic's Messages takes it: Claude on Azure."""
    sent = parameters_of(request, route)
    stop = _written_stops(sent, route, request.policy)
    if stop:
        sent["stop_sequences"] = stop
    parallel = sent.pop("parallel_tool_calls", None)
    fields, thinks = settle_effort(route, sent, request.extra, request.policy)
    sent.setdefault("max_tokens", route.facts.output or _DEFAULT_OUTPUT)
    asked = asked_for(request, route, thinks=thinks)
    if asked.tools:
        sent["tools"] = [_messages_tool(tool) for tool in asked.tools]
        if asked.choice is not None or parallel is not None:
            named = asked.choice not in {None, "auto", "any", "none"}
            choice = {"type": "tool", "name": asked.choice} if named else {"type": asked.choice or "auto"}
            one_call = {"disable_parallel_tool_use": True} if parallel is False and asked.choice != "none" else {}
            sent["tool_choice"] = choice | one_call
    body = {**request.extra, **fields}
    if asked.form is not None:
        body["output_config"] = {**(body.get("output_config") or {}), "format": messages_format(asked.form)}
        # On Foundry that is a beta, of which other places take the header too.
        # Source: platform.claude.com/docs/en/build-with-claude/structured-outputs, seen 2026-11-21
        if "betas" not in body:
            body["extra_headers"] = {"anthropic-beta": _STRUCTURED_BETA, **(body.get("extra_headers") or {})}
    return Fitted({"model": route.deployment, **sent, **body}, asked)


def _written_stops(sent: dict[str, Any], route: Route, policy: Policy) -> list[str]:
    """Stop sequences without those of white space alone, which Claude refuses."""
    stops: list[str] = sent.pop("stop", [])
    kept = [stop for stop in stops if stop.strip()]
    if len(kept) < len(stops):
        unsupported(route, "a stop sequence of white space alone", "Claude takes none", policy)
    return kept


def _messages_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if function is None:  # a tool of the service's own
        return tool
    made = {"name": function["name"], "input_schema": function["parameters"]}
    made |= {key: function[key] for key in ("description", "strict") if function.get(key) is not None}
    return made | ({"cache_control": tool["cache_control"]} if tool.get("cache_control") else {})


def _fit_converse(request: Request, route: Route) -> Fitted:
    """A request as Bedrock's Converse takes it."""
    sent, extra = parameters_of(request, route), dict(request.extra)
    own = {**extra.pop("additionalModelRequestFields", {}), **extra.pop("additional_model_request_fields", {})}
    fields, thinks = settle_effort(route, sent, own, request.policy)
    stop = _written_stops(sent, route, request.policy) if is_claude(route) else sent.get("stop")
    sent |= {"stop": stop} if stop else {}
    asked = asked_for(request, route, thinks=thinks)
    if thinks and asked.tools and calls_no_tool(route, fields, own, request.policy):
        asked = asked_for(request, route)
    mark = caching.mark_in({"cache_control": extra.pop("cache_control", None)})
    arguments: dict[str, Any] = {"modelId": route.deployment}
    inference = {name: sent[ours] for ours, name in _INFERENCE.items() if ours in sent}
    if inference:
        arguments["inferenceConfig"] = inference
    if asked.form is not None:
        arguments["outputConfig"] = converse_output(asked.form, route.facts.family)
    if asked.choice == "none":  # Converse has no such choice, so the model sees no tools
        asked.tools = []
    if asked.tools:
        one_call, forced = sent.get("parallel_tool_calls") is False, asked.choice not in {None, "auto"}
        config: dict[str, Any] = {"tools": _converse_tools(route, asked.tools, mark)}
        if forced or (asked.choice == "auto" and not one_call):
            named = asked.choice not in {"auto", "any"}
            config["toolChoice"] = {"tool": {"name": asked.choice}} if named else {asked.choice: {}}
        arguments["toolConfig"] = config
        if one_call:
            # Where `toolChoice` forces a call, the service refuses a `type` here; else, `auto` included, it insists.
            # Source: https://github.com/BerriAI/litellm/pull/34347, https://github.com/BerriAI/litellm/issues/36536
            kind = {} if forced else {"type": "auto"}
            fields = {"tool_choice": {"disable_parallel_tool_use": True, **kind}, **fields}
    if fields:
        arguments["additionalModelRequestFields"] = fields
    return Fitted({**arguments, **extra}, asked, mark)


def _converse_tools(route: Route, tools: list[dict[str, Any]], whole: CachePoint | None) -> list[dict[str, Any]]:
    """The tools, and a cache point after those that are marked for caching; after the last if the whole prompt is."""
    if whole is not None and not any(caching.mark_in(tool) for tool in tools):
        tools = [*tools[:-1], {**tools[-1], "cache_control": caching.cache_control(whole)}]
    specs: list[dict[str, Any]] = []
    for tool in tools:
        function = tool.get("function")
        if function is None:  # a tool of the wire's own
            specs.append(tool)
        else:
            said = {key: function.get(key) for key in ("description", "strict")}
            said = {key: value for key, value in said.items() if value is not None and value != ""}
            flat = route.facts.family == "nova"
            schema = for_a_tool(function["parameters"], flat=True) if flat else function["parameters"]
            specs.append({"toolSpec": {"name": function["name"], "inputSchema": {"json": schema}, **said}})
        mark = caching.mark_in(tool)
        point = caching.accepted(mark, "tools", route) if mark is not None else None
        specs += [caching.cache_point(point)] if point is not None else []
    return specs
