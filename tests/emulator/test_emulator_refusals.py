"""The tables of what the services say: every entry that a check names is there, and none is left over."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import turnout_emulator
from turnout_emulator.refusals import refuse

SOURCE = Path(turnout_emulator.__file__).parent
CODE = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")).replace(
    "from __future__ import annotations\n", ""
)
REFUSALS = tomllib.loads((SOURCE / "refusals.toml").read_text(encoding="utf-8"))
ERRORS = tomllib.loads((SOURCE / "services" / "errors.toml").read_text(encoding="utf-8"))
KINDS = {"authentication", "permission", "not_found", "rate_limited", "context_overflow", "content_filter"} | {
    *("overloaded", "timeout", "server_error", "invalid_request")
}


def placeholders(entry: Any) -> dict[str, Any]:
    text = entry if isinstance(entry, str) else entry[0]
    return dict.fromkeys(re.findall(r"(?<!{){(\w+)", text), 1)


def test_every_refusal_is_there_and_used() -> None:
    named = set(re.findall(r'"(\w+\.\w+)"', CODE)) | {"openai.string_too_long", "openai.array_too_long"}
    entries = {f"{wire}.{name}": entry for wire, table in REFUSALS.items() for name, entry in table.items()}
    calls = [node for node in ast.walk(ast.parse(CODE)) if isinstance(node, ast.Call)]
    refusals = [call for call in calls if getattr(call.func, "id", "") in ("refuse", "refuse_if")]
    literals = {arg.value for call in refusals for arg in call.args[:2] if isinstance(arg, ast.Constant)}
    assert len(refusals) > 100
    assert literals <= set(entries) <= named
    for name, entry in entries.items():
        facts = placeholders(entry)
        facts.pop("param", None)
        assert "{" not in str(refuse(name, param="x", **facts))


@pytest.mark.parametrize(
    "service",
    ["openai", "bedrock", "foundry", "sts", "sso", "metadata", "entra", "keyvault", "secretsmanager"],
)
def test_every_service_has_an_error_of_each_kind(service: str) -> None:
    assert set(ERRORS[service]) >= KINDS


def test_the_emulator_shares_no_code_with_what_it_judges() -> None:
    assert not re.findall(r"^\s*(?:from|import) turnout(?:\.\S+)?\s", CODE, re.MULTILINE)


def test_every_error_is_used() -> None:
    named = set(re.findall(r'"(\w+)"', "\n".join(re.findall(r"(?:refusal\(|Refused\(|kind = ).*", CODE))))
    assert {name for table in ERRORS.values() for name in table} - KINDS <= named | {"unreadable"}
