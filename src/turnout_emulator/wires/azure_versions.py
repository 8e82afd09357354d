"""What the dated versions of Azure's API don't know yet.

Source: learn.microsoft.com/azure/ai-services/openai/api-version-deprecation and the specifications of the versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout_emulator.refusals import refuse_if

_SINCE = {
    "stream_options": "2024-09-01",
    "parallel_tool_calls": "2024-09-01",
    "max_completion_tokens": "2024-09-01",
    "reasoning_effort": "2024-12-01",
}
_JSON_SCHEMA_SINCE = "2024-08-01"


def check_version(body: Mapping[str, Any], version: str) -> None:
    """Refuse the parameters that are newer than an `api-version`, a preview or not."""
    day = version.removesuffix("-preview")
    for name, since in _SINCE.items():
        refuse_if(name in body and day < since, "chat.unknown", name=name)
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    refuse_if(kind == "json_schema" and day < _JSON_SCHEMA_SINCE, "chat.no_json_schema", param="response_format")
