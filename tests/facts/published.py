"""The tables of models that other packages publish, beside `models.toml`: `make facts`.

What differs and what is missing is printed, so that whoever maintains the facts sees what has to be looked up. A
difference that was looked up stands in disputed.toml with its reason.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.facts.models import base_id, facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROFILES = ("langchain_aws", "langchain_openai", "langchain_anthropic")
DISPUTED: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("disputed.toml").read_text(encoding="utf-8")
)
"""A pattern of model ids → fact → why it differs."""

_NOT_CHAT = re.compile(r"image|realtime|embedding|audio|transcribe|tts|daybreak|search|spark|^ft:|whisper|sora")


@dataclass(frozen=True, slots=True)
class Published:
    """What one table says of one model.

    Attributes:
        table: The package.
        model: The model's id there.
        provider: `azure`, `bedrock` or `openai`.
        says: Fact → value, under the names of `ModelFacts`.
    """

    table: str
    model: str
    provider: str
    says: dict[str, Any]


def profiles(package: str) -> list[Published]:
    """The chat models that one of LangChain's integrations has a profile of."""
    table: dict[str, dict[str, Any]] = import_module(f"{package}.data._profiles")._PROFILES
    provider = "bedrock" if package == "langchain_aws" else "openai"
    names = {
        "context": "max_input_tokens",
        "output": "max_output_tokens",
        "images": "image_inputs",
        "reasoning": "reasoning_output",
        "tools": "tool_calling",
        "efforts": "reasoning_effort_levels",
    }
    return [
        Published(package, model, provider, {ours: row.get(theirs) for ours, theirs in names.items()})
        for model, row in table.items()
        if row.get("max_output_tokens") and row.get("text_outputs") and not _NOT_CHAT.search(model)
    ]


def litellm() -> list[Published]:
    """The chat models of Azure and Bedrock in litellm's table."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.submodule_search_locations
    table = Path(spec.submodule_search_locations[0]) / "model_prices_and_context_window_backup.json"
    found: dict[tuple[str, str], Published] = {}
    for name, row in json.loads(table.read_text(encoding="utf-8")).items():
        service = str(row.get("litellm_provider")) if isinstance(row, dict) else ""
        if service not in _SERVICES or row.get("mode") not in {"chat", "responses"} or _NOT_CHAT.search(name):
            continue
        model = re.sub(r"^(azure_ai|azure|bedrock_mantle|bedrock)/", "", name)
        model = base_id(re.sub(r"^(eu|us|apac|global|global-standard|us-gov-\w+-\d|[a-z]{2}-[a-z]+-\d)/", "", model))
        if "/" in model or row.get("max_output_tokens") is None:
            continue
        says = {
            "context": row.get("max_input_tokens"),
            "output": row.get("max_output_tokens"),
            "images": row.get("supports_vision"),
            "reasoning": row.get("supports_reasoning"),
            "retires": row.get("deprecation_date"),
            "prefill": row.get("supports_assistant_prefill"),
        }
        found.setdefault((service, model), Published("litellm", model, _SERVICES[service], says))
    return list(found.values())


_SERVICES = {
    "azure": "azure",
    "azure_ai": "azure",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "bedrock_mantle": "bedrock",
}


def differences(published: list[Published]) -> Iterator[str]:
    """A line for each fact that differs and each model that no entry fits, but for those that are disputed."""
    seen: set[str] = set()
    for one in published:
        known, name = facts(one.model), base_id(one.model)
        disputed = {fact for pattern, why in DISPUTED.items() if re.search(pattern, name.lower()) for fact in why}
        if not known.known:
            lines = [] if "missing" in disputed else [f"{name} ({one.provider}): no facts; {one.table} has it"]
        else:
            lines = [
                f"{name} ({one.provider}): {fact} is {ours}, {one.table} says {theirs}"
                for fact, theirs in one.says.items()
                if theirs is not None and fact not in disputed
                for ours in [_ours(known, fact, one.provider)]
                if ours is not None and not _agree(ours, theirs)
            ]
        yield from (line for line in lines if line not in seen)
        seen.update(lines)


def _ours(known: Any, fact: str, provider: str) -> Any:
    if fact == "retires":
        return known.retires.get(provider, "not known")
    value = getattr(known, fact)
    return value or None if fact == "efforts" else value  # a family without efforts is asked in other words


def _agree(ours: Any, theirs: Any) -> bool:
    """Limits agree within 3 %: 65,535 and 64,000 tokens are one limit, told by two."""
    if isinstance(ours, int) and isinstance(theirs, int) and not isinstance(ours, bool):
        return abs(ours - theirs) <= 0.03 * max(ours, theirs)
    return bool(list(ours) == list(theirs)) if isinstance(ours, tuple) else bool(ours == theirs)


def main() -> int:
    """Print what differs; 0, because a difference is a question, not a fault."""
    tables: dict[str, Callable[[], list[Published]]] = {
        **{package: lambda package=package: profiles(package) for package in PROFILES},  # type: ignore[misc] # mypy#12557
        "litellm": litellm,
    }
    for name, table in tables.items():
        if find_spec(name) is None:
            print(f"{name}: not installed, left out")  # noqa: T201 - this is a command
            continue
        lines = list(differences(table()))
        print(f"{name}: {len(lines)} to look up", *sorted(lines), sep="\n  ")  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    sys.exit(main())
