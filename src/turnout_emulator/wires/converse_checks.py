"""What Bedrock refuses in a Converse request: what botocore's service model rules out, and what the service adds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from turnout_emulator.catalogue import BedrockModel
from turnout_emulator.memory import Signatures
from turnout_emulator.refusals import invalid, refuse, refuse_if
from turnout_emulator.wires.claude_checks import schema_problem, tool_problem
from turnout_emulator.wires.converse_fields import EXTRA, check_fields, extra_fields
from turnout_emulator.wires.schemas import schema_fault

_DOCUMENT_NAME = re.compile(r"[a-zA-Z0-9\-()\[\]]+(?: [a-zA-Z0-9\-()\[\]]+)*")
_MEDIA = ("image", "document", "video", "audio")
_MOST_IMAGES = 20  # a message; API_runtime_Message.html
_MOST_DOCUMENTS = 5
_NOVA_SCHEMA = ("type", "properties", "required", "title", "additionalProperties")  # the last two as recorded
# Where the service is stricter, or less strict, than its model.
_PATTERNS = {"toolUseId": "[a-zA-Z0-9_-]+"}
_MORE_VALUES = {"ToolUseType": ("tool_use",)}  # Claude's own tool use, which the service sends and takes


@lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    """Botocore's description of the Bedrock Runtime service."""
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")


def check(body: Mapping[str, Any], model: BedrockModel, model_id: str, signatures: Signatures, *, stream: bool) -> None:
    """Check a request, and raise `RequestRefused` if the service would refuse it."""
    refuse_if(body.get("messages", []) == [], "converse.no_message")
    shape = service_model().operation_model("Converse").input_shape
    errors = ParamValidator().validate({**body, "modelId": model_id}, shape)
    problems = errors.generate_report().split("\n") if errors.has_errors() else []
    problems = problems or [*_violations(body, shape, ""), *_unmodelled(body)]
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''}"
        raise invalid(f"{count} detected: {'; '.join(problems)}")
    _check_messages(body, model)
    _check_tools(body, model, stream=stream)
    check_fields(body, model)
    if model.family == "anthropic":
        _check_signatures(body, signatures)


def _violations(value: Any, shape: Any, name: str) -> Iterator[str]:
    """What the service model says of a value and botocore's validator doesn't look at: enums, patterns and maxima."""
    if shape.type_name == "structure" and isinstance(value, Mapping) and not shape.is_document_type:
        for member, inner in value.items():
            if member in shape.members:
                yield from _violations(inner, shape.members[member], f"{name}.{member}" if name else member)
    elif shape.type_name == "list" and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _violations(inner, shape.member, f"{name}.{index + 1}.member")
    elif shape.type_name in ("string", "integer", "float") and value is not None:
        rule = _broken_rule(value, shape, name.rpartition(".")[2])
        if rule:
            yield f"Value '{value}' at '{name}' failed to satisfy constraint: Member must {rule}"


def _unmodelled(body: Mapping[str, Any]) -> Iterator[str]:
    """What the service insists on and its model leaves open, in the validator's words."""
    extra, guardrail = body.get(EXTRA), body.get("guardrailConfig")
    if not isinstance(extra, dict | None):
        yield f"Invalid type for parameter {EXTRA}, value: {extra}, type: {type(extra)}, valid types: {dict}"
    if guardrail and "guardrailIdentifier" not in guardrail:
        yield 'Missing required parameter in guardrailConfig: "guardrailIdentifier"'


def _broken_rule(value: Any, shape: Any, member: str) -> str | None:
    limits = shape.metadata
    most, pattern = limits.get("max"), _PATTERNS.get(member, limits.get("pattern"))
    if "enum" in limits and value not in (*shape.enum, *_MORE_VALUES.get(shape.name, ())):
        return f"satisfy enum value set: [{', '.join(shape.enum)}]"
    if most is not None and (len(value) if isinstance(value, str) else value) > most:
        return f"have {'length' if isinstance(value, str) else 'value'} less than or equal to {most}"
    if pattern is not None and re.fullmatch(pattern, value) is None:
        return f"satisfy regular expression pattern: {pattern}"
    return None


def _check_messages(body: Mapping[str, Any], model: BedrockModel) -> None:
    messages = body["messages"]
    refuse_if(messages[0]["role"] != "user", "converse.first_role")
    for index, block in enumerate(body.get("system") or ()):
        if "text" in block and not block["text"].strip():
            raise refuse("converse.blank", block="SystemContentBlock", where=f"system.{index}")
    last_calls = [block["toolUse"]["toolUseId"] for block in messages[-1]["content"] if "toolUse" in block]
    refuse_if(messages[-1]["role"] == "assistant" and last_calls, "converse.unanswered", ids=", ".join(last_calls))
    called: list[str] = []
    names: set[str] = set()
    for number, message in enumerate(messages):
        refuse_if(number and message["role"] == messages[number - 1]["role"], "converse.alternate")
        _check_content(message["content"], number, model, names)
        _check_blocks(message["content"], number, model)
        called = _check_results(message["content"], number, called)
    if messages[-1]["role"] == "assistant":
        _check_prefill(model)


def _check_prefill(model: BedrockModel) -> None:
    refuse_if(model.claude is None, "converse.last_role")
    if model.claude is not None and not model.claude.prefill:
        raise refuse("converse.model", problem=refuse("messages.prefill"))


def _check_blocks(content: list[Mapping[str, Any]], number: int, model: BedrockModel) -> None:
    """Check what a message holds together: how many media, and which kinds beside each other."""
    kinds = [kind for block in content for kind in block]
    reasons = "reasoningContent" in kinds
    refuse_if(reasons and not model.reasoning_back, "converse.reasoning")
    if model.claude is not None and reasons and set(kinds) == {"reasoningContent"}:
        entry = "messages.last_thinking" if model.claude.prefill else "messages.prefill"
        raise refuse("converse.model", problem=refuse(entry, number=number))
    others = {"text", *_MEDIA} & set(kinds)
    refuse_if("toolResult" in kinds and others and model.results_alone, "converse.results_alone", number=number)
    images, documents = kinds.count("image"), kinds.count("document")
    refuse_if(images > _MOST_IMAGES, "converse.images", images=images, documents=documents, most=_MOST_IMAGES)
    refuse_if(documents > _MOST_DOCUMENTS, "converse.documents", most=_MOST_DOCUMENTS)
    refuse_if(documents and "text" not in kinds, "converse.document_alone")


def _check_content(content: list[Mapping[str, Any]], number: int, model: BedrockModel, names: set[str]) -> None:
    refuse_if(not content, "converse.empty", number=number)
    blank = all("text" in block and not block["text"].strip() for block in content)
    for index, block in enumerate(content):
        if "text" in block and (block["text"] == "" or blank):
            raise refuse("converse.blank", block="ContentBlock", where=f"messages.{number}.content.{index}")
        _check_media(block, model, names)
        for part in block["toolResult"]["content"] if "toolResult" in block else ():
            _check_media(part, model, names)
            if "document" in part and model.family == "nova":
                raise refuse("converse.nova_document", number=number, index=index)


def _check_media(block: Mapping[str, Any], model: BedrockModel, names: set[str]) -> None:
    kind = next((kind for kind in _MEDIA if kind in block), None)
    refuse_if(kind is not None and kind not in model.media, "converse.media", block=kind)
    if kind != "document":
        return
    name = block["document"]["name"]
    refuse_if(_DOCUMENT_NAME.fullmatch(name) is None, "converse.file_name")
    refuse_if(name in names, "converse.same_name")
    names.add(name)


def _check_results(content: list[Mapping[str, Any]], number: int, called: list[str]) -> list[str]:
    """Match tool results to the calls of the message before; what this message calls is returned."""
    uses = [block["toolUse"] for block in content if "toolUse" in block]
    server = {use["toolUseId"] for use in uses if use.get("type") == "server_tool_use"}
    results = [block["toolResult"]["toolUseId"] for block in content if "toolResult" in block]
    results = [identity for identity in results if identity not in server]
    if len(results) > len(called) or any(identity not in called for identity in results):
        raise refuse("converse.too_many_results", number=number)
    unanswered = [identity for identity in called if identity not in results]
    refuse_if(unanswered, "converse.unanswered", ids=", ".join(unanswered))
    return [use["toolUseId"] for use in uses if use["toolUseId"] not in server]


def _check_signatures(body: Mapping[str, Any], signatures: Signatures) -> None:
    """Refuse thinking that another service signed. What the emulator never saw passes: it may be Claude's own."""
    for number, message in enumerate(body["messages"]):
        for index, block in enumerate(message["content"]):
            reasoning = block.get("reasoningContent", {}).get("reasoningText")
            if reasoning is None:
                continue
            where = f"messages.{number}.content.{index}"
            refuse_if(reasoning.get("signature") is None, "converse.no_signature", where=where)
            if signatures.issuer(reasoning["signature"]) not in (None, "anthropic"):
                raise refuse("converse.wrong_signature", where=where)


def _check_tools(body: Mapping[str, Any], model: BedrockModel, *, stream: bool) -> None:
    config = body.get("toolConfig")
    if config is None:
        blocks = [block for message in body["messages"] for block in message["content"]]
        refuse_if(any("toolUse" in block or "toolResult" in block for block in blocks), "converse.no_tool_config")
        return
    refuse_if(not model.tools, "converse.no_tools")
    refuse_if(stream and not model.tool_streams, "converse.no_tool_streams")
    specs = [tool["toolSpec"] for tool in config["tools"] if "toolSpec" in tool]
    names: list[str] = []
    for index, spec in enumerate(specs):
        schema = spec["inputSchema"].get("json")
        if not isinstance(schema, Mapping) or schema.get("type") != "object":
            raise refuse("converse.no_object", index=index)
        refuse_if(schema_fault(schema) is not None, "converse.wrong_schema", index=index)
        if spec["name"] in names:
            raise refuse("converse.same_tool", name=spec["name"], index=names.index(spec["name"]))
        names.append(spec["name"])
        _check_spec(spec, schema, index, model)
    for choice, wanted in (config.get("toolChoice") or {}).items():
        refuse_if(choice not in model.tool_choice, "converse.tool_choice", choice=choice)
        refuse_if(choice == "tool" and wanted["name"] not in names, "converse.unknown_tool", name=wanted.get("name"))
    if model.family == "anthropic":
        _check_passed_choice(body)


def _check_spec(spec: Mapping[str, Any], schema: Mapping[str, Any], index: int, model: BedrockModel) -> None:
    """Check what a family adds: strict tools, and what a schema may have at its top."""
    claude = model.claude
    if "strict" in spec and (claude is None or not claude.converse_strict):
        raise refuse("converse.no_strict" if claude is None else "converse.no_strict_claude", index=index)
    if model.family == "nova":
        extra = next((name for name in schema if name not in _NOVA_SCHEMA), None)
        refuse_if(extra is not None, "converse.nova_schema", index=index, name=extra)
    if claude is not None:
        problem = tool_problem(schema)
        refuse_if(problem is not None, "converse.model", problem=f"tools.{index}.custom.input_schema: {problem}")
        problem = schema_problem(schema) if spec.get("strict") else None
        refuse_if(problem is not None, "converse.model", problem=f"tools.{index}.custom: {problem}")


def _check_passed_choice(body: Mapping[str, Any]) -> None:
    """A `tool_choice` that is passed to Claude as it is."""
    passed = extra_fields(body).get("tool_choice")
    if not isinstance(passed, Mapping):
        return
    chosen = next(iter(body["toolConfig"].get("toolChoice") or {}), None)
    refuse_if(chosen is not None and "type" in passed, "converse.two_choices", choice=chosen)
    refuse_if(chosen is None and "type" not in passed, "converse.no_choice")
