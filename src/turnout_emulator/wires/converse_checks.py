"""What Bedrock refuses in a Converse request: what botocore's service model rules out, and what the service adds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from turnout_emulator.catalogue import BedrockModel
from turnout_emulator.refusals import RequestInvalid
from turnout_emulator.seals import Seals
from turnout_emulator.wires.anthropic_checks import LEAST_TOP_P, TOP_P_WHILE_THINKING, unheld

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DOCUMENT_NAME = re.compile(r"[a-zA-Z0-9\-()\[\]]+(?: [a-zA-Z0-9\-()\[\]]+)*")
_MEDIA = ("image", "document", "video", "audio")


@lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    """Botocore's description of the Bedrock Runtime service."""
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")


@lru_cache(maxsize=4)
def _shape(operation: str) -> Shape:
    return service_model().operation_model(operation).input_shape


def check(body: Mapping[str, Any], model: BedrockModel, model_id: str) -> None:
    """Check a request.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    if "messages" not in body:
        raise RequestInvalid("A conversation must have at least one message. Try your request again.")
    errors = ParamValidator().validate({**body, "modelId": model_id}, _shape("Converse"))
    if errors.has_errors():
        raise RequestInvalid(_validation(errors.generate_report()))
    enums = list(_enum_errors(body, _shape("Converse"), ""))
    if enums:
        raise RequestInvalid(_validation(*enums))
    _check_inference(body)
    if model.family == "anthropic" and _thinks(body):
        _check_thinking(body)
    _check_messages(body, model)
    _check_tools(body, model)
    _check_output(body, model)


def _validation(*problems: str) -> str:
    lines = "; ".join(line for problem in problems for line in problem.split("\n"))
    count = sum(len(problem.split("\n")) for problem in problems)
    return f"{count} validation error{'s' if count > 1 else ''} detected: {lines}"


def _enum_errors(value: Any, shape: Any, name: str) -> Iterator[str]:
    """Values outside an enumeration, which botocore's validator doesn't look at."""
    if shape.type_name == "structure" and isinstance(value, Mapping) and not shape.is_document_type:
        for member, inner in value.items():
            if member in shape.members:
                yield from _enum_errors(inner, shape.members[member], f"{name}.{member}" if name else member)
    elif shape.type_name == "list" and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _enum_errors(inner, shape.member, f"{name}.{index + 1}.member")
    elif shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        # Claude's own tool use carries `tool_use`, which the service sends and takes though its model doesn't list it.
        if shape.name == "ToolUseType" and value == "tool_use":
            return
        yield (
            f"Value '{value}' at '{name}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        )


def _check_inference(body: Mapping[str, Any]) -> None:
    inference = body.get("inferenceConfig") or {}
    for name, low, high in (("temperature", 0, 1), ("topP", 0, 1), ("maxTokens", 1, None)):
        value = inference.get(name)
        if value is None:
            continue
        if value < low or (high is not None and value > high):
            word = f"greater than or equal to {low}" if value < low else f"less than or equal to {high}"
            raise RequestInvalid(
                f"1 validation error detected: Value '{value}' at 'inferenceConfig.{name}' failed to satisfy "
                f"constraint: Member must have value {word}"
            )


def _check_thinking(body: Mapping[str, Any]) -> None:
    """What Claude takes no longer when it thinks.

    Source: https://github.com/langchain-ai/langchain-aws/issues/925, https://github.com/n8n-io/n8n/issues/14288
    """
    inference = body.get("inferenceConfig") or {}
    if inference.get("temperature") not in (None, 1):
        raise _from_model(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our "
            "documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        )
    if inference.get("topP", 1) < LEAST_TOP_P:
        raise _from_model(TOP_P_WHILE_THINKING)


def _check_messages(body: Mapping[str, Any], model: BedrockModel) -> None:
    messages = body["messages"]
    if not messages:
        raise RequestInvalid("A conversation must have at least one message. Try your request again.")
    if messages[0]["role"] != "user":
        raise RequestInvalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message."
        )
    for index, block in enumerate(body.get("system") or ()):
        if "text" in block and not block["text"].strip():
            raise RequestInvalid(
                f"The text field in the SystemContentBlock object at system.{index} is blank. "
                "Add text to the text field, and try again."
            )
    if messages[-1]["role"] == "assistant" and any("toolUse" in block for block in messages[-1]["content"]):
        raise _unanswered([block["toolUse"]["toolUseId"] for block in messages[-1]["content"] if "toolUse" in block])
    called: list[str] = []
    for number, message in enumerate(messages):
        if number and message["role"] == messages[number - 1]["role"]:
            raise RequestInvalid(
                "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
                "between user and assistant roles and try again."
            )
        _check_content(message, number, model)
        called = _check_results(message, number, called)


def check_signatures(body: Mapping[str, Any], seals: Seals) -> None:
    """Refuse thinking that another service sealed. What the emulator never saw passes: it may be Claude's own.

    Raises:
        RequestInvalid: The model would not read it.
    """
    for number, message in enumerate(body["messages"]):
        for index, block in enumerate(message["content"]):
            reasoning = block.get("reasoningContent", {}).get("reasoningText")
            if reasoning is None:
                continue
            where = f"messages.{number}.content.{index}"
            signature = reasoning.get("signature")
            if signature is None:
                raise _from_model(f"{where}.thinking.signature: Field required")
            if seals.issuer(signature) not in (None, "anthropic"):
                raise _from_model(f"{where}: Invalid `signature` in `thinking` block")


def _from_model(problem: str) -> RequestInvalid:
    return RequestInvalid(f"The model returned the following errors: {problem}")


def _check_content(message: Mapping[str, Any], number: int, model: BedrockModel) -> None:
    content = message["content"]
    if not content:
        raise RequestInvalid(
            f"The content field in the Message object at messages.{number} is empty. Add a ContentBlock object to the "
            "content field and try again."
        )
    some = any("text" not in block or block["text"].strip() for block in content)
    names: set[str] = set()
    for index, block in enumerate(content):
        where = f"messages.{number}.content.{index}"
        if "text" in block and (block["text"] == "" or (not some and not block["text"].strip())):
            raise RequestInvalid(
                f"The text field in the ContentBlock object at {where} is blank. "
                "Add text to the text field, and try again."
            )
        if "toolUse" in block and _ID.fullmatch(block["toolUse"]["toolUseId"]) is None:
            raise _bad_id(
                block["toolUse"]["toolUseId"], f"messages.{number + 1}.member.content.{index + 1}.member.toolUse"
            )
        inner = block["toolResult"]["content"] if "toolResult" in block else ()
        for part in (block, *inner):
            _check_media(part, where, model, names, in_result=part is not block, number=number, index=index)


def _check_media(
    block: Mapping[str, Any],
    where: str,
    model: BedrockModel,
    names: set[str],
    *,
    in_result: bool,
    number: int,
    index: int,
) -> None:
    kind = next((kind for kind in _MEDIA if kind in block), None)
    if kind is None:
        return
    if kind not in model.media:
        raise RequestInvalid(
            f"This model doesn't support the {kind} content block that you provided. Remove the {kind} content block "
            "and try again."
        )
    if kind == "document":
        name = block["document"]["name"]
        if _DOCUMENT_NAME.fullmatch(name) is None:
            raise RequestInvalid(
                "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
                "parentheses, and square brackets. The name can't contain more than one consecutive whitespace "
                "character."
            )
        if name in names:
            raise RequestInvalid(
                f"The file names of documents in a message must be unique. The name {name} at {where} is used twice."
            )
        names.add(name)
        if in_result and model.family == "nova":
            raise RequestInvalid(
                "The model returned the following errors: Malformed input request: "
                f"#/messages/{number}/content/{index}: extraneous key [toolResult] is not permitted, please reformat "
                "your input and try again."
            )


def _check_results(message: Mapping[str, Any], number: int, called: list[str]) -> list[str]:
    """Match tool results to the calls of the message before; what this message calls is returned."""
    server = {
        block["toolUse"]["toolUseId"]
        for block in message["content"]
        if "toolUse" in block and block["toolUse"].get("type") == "server_tool_use"
    }
    results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
    for index, identity in enumerate(results):
        if _ID.fullmatch(identity) is None:
            raise _bad_id(identity, f"messages.{number + 1}.member.content.{index + 1}.member.toolResult")
    own = [identity for identity in results if identity not in server]
    if len(own) > len(called) or any(identity not in called for identity in own):
        raise RequestInvalid(
            f"The number of toolResult blocks at messages.{number}.content exceeds the number of toolUse blocks of "
            "previous turn."
        )
    missing = [identity for identity in called if identity not in own]
    if missing:
        raise _unanswered(missing)
    return [
        block["toolUse"]["toolUseId"]
        for block in message["content"]
        if "toolUse" in block and block["toolUse"]["toolUseId"] not in server
    ]


def _unanswered(identities: list[str]) -> RequestInvalid:
    return RequestInvalid(
        f"Expected toolResult blocks at messages.2.content for the following Ids: {', '.join(identities)}"
    )


def _bad_id(value: str, where: str) -> RequestInvalid:
    rule = (
        "have length less than or equal to 64"
        if len(value) > 64
        else "satisfy regular expression pattern: [a-zA-Z0-9_-]+"
    )
    return RequestInvalid(
        f"1 validation error detected: Value '{value}' at '{where}.toolUseId' failed to satisfy constraint: "
        f"Member must {rule}"
    )


def _check_tools(body: Mapping[str, Any], model: BedrockModel) -> None:
    config = body.get("toolConfig")
    blocks = [block for message in body["messages"] for block in message["content"]]
    if config is None:
        if any("toolUse" in block or "toolResult" in block for block in blocks):
            raise RequestInvalid(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks."
            )
        return
    if not model.tools:
        raise RequestInvalid("This model doesn't support tool use.")
    specs = [tool["toolSpec"] for tool in config["tools"] if "toolSpec" in tool]
    for index, spec in enumerate(specs):
        if _TOOL_NAME.fullmatch(spec["name"]) is None:
            raise RequestInvalid(
                f"1 validation error detected: Value '{spec['name']}' at "
                f"'toolConfig.tools.{index + 1}.member.toolSpec.name' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
            )
        schema = spec["inputSchema"].get("json")
        if not isinstance(schema, Mapping) or schema.get("type") != "object":
            raise RequestInvalid(
                f"The value at toolConfig.tools.{index}.toolSpec.inputSchema.json.type must be one of the following: "
                "object."
            )
    names = [spec["name"] for spec in specs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RequestInvalid(f"The tool {twice} is already defined at toolConfig.tools.{names.index(twice)}.")
    for choice, wanted in (config.get("toolChoice") or {}).items():
        if choice not in model.tool_choice:
            raise RequestInvalid(
                f"This model doesn't support the toolConfig.toolChoice.{choice} field. "
                f"Remove toolConfig.toolChoice.{choice} and try again."
            )
        if choice == "tool" and wanted["name"] not in names:
            raise RequestInvalid(
                f"The tool {wanted['name']} in toolConfig.toolChoice.tool isn't defined in toolConfig.tools."
            )
        if choice != "auto" and model.family == "anthropic" and _thinks(body):
            raise RequestInvalid(
                "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use."
            )

    if model.family == "anthropic":
        _check_passed_choice(body)


def _check_passed_choice(body: Mapping[str, Any]) -> None:
    """A `tool_choice` that is passed to Claude as it is.

    Source: https://github.com/BerriAI/litellm/issues/36536, https://github.com/BerriAI/litellm/pull/34347
    """
    passed = (body.get("additionalModelRequestFields") or {}).get("tool_choice")
    if not isinstance(passed, Mapping):
        return
    chosen = next(iter(body["toolConfig"].get("toolChoice") or {}), None)
    if chosen is not None and "type" in passed:
        raise RequestInvalid(
            f"The additional field tool_choice/type conflicts with the existing field toolConfig.toolChoice.{chosen}. "
            "Remove tool_choice/type and try again."
        )
    if chosen is None and "type" not in passed:
        raise RequestInvalid("The model returned the following errors: missing field `type`")


def _thinks(body: Mapping[str, Any]) -> bool:
    thinking = (body.get("additionalModelRequestFields") or {}).get("thinking") or {}
    return isinstance(thinking, Mapping) and thinking.get("type") in ("enabled", "adaptive")


def _check_output(body: Mapping[str, Any], model: BedrockModel) -> None:
    form = (body.get("outputConfig") or {}).get("textFormat")
    if form is None:
        return
    if model.family in ("nova", "llama") or "claude-3" in model.id or "claude-v2" in model.id:
        raise RequestInvalid(
            "This model doesn't support the outputConfig.textFormat field. Remove outputConfig.textFormat and try "
            "again."
        )
    try:
        schema = json.loads(form["structure"]["jsonSchema"]["schema"])
    except (KeyError, ValueError):
        schema = None
    if not isinstance(schema, Mapping):
        raise RequestInvalid(
            "The value at outputConfig.textFormat.structure.jsonSchema.schema must be a valid JSON schema."
        )
    problem = unheld(schema) if model.family == "anthropic" else None
    if problem is not None:
        raise _from_model(f"output_config.format.schema: {problem}")
