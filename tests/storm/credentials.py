"""Calls while what gives credentials is silent, slow, a page or a 500: Entra, STS and the metadata endpoints."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.storm.calls import DEADLINE, LATE, PATIENCE, Call
from tests.storm.rule import TOKENS, right
from tests.storm.running import Models, run
from tests.support.frameworks import FRAMEWORKS, WAYS
from turnout import runtime
from turnout.errors import TurnoutError
from turnout_emulator.accounts import ROLE_ARN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storm.server import Server

_AZURE = """
[backends.azure]
provider = "azure"
endpoint = "{urls[azure]}"
{credential}
[chat.default]
azure = {{ deployment = "mini", model = "gpt-5-mini" }}
"""

_BEDROCK = """
[backends.bedrock]
provider = "bedrock"
region = "us-east-1"
endpoint = "{urls[bedrock]}"
{credential}
[chat.default]
bedrock = "amazon.nova-micro-v1:0"
"""

_CREDENTIALS = {
    "entra": """
tenant_id = "{variables[AZURE_TENANT_ID]}"
client_id = "{variables[AZURE_CLIENT_ID]}"
client_secret = "{variables[AZURE_CLIENT_SECRET]}"
authority_host = "{variables[AZURE_AUTHORITY_HOST]}"
ca_bundle = "{ca}"
""",
    "managed-identity": "",
    "sts": """
access_key_id = "{variables[AWS_ACCESS_KEY_ID]}"
secret_access_key = "{variables[AWS_SECRET_ACCESS_KEY]}"
auth = "assumed-role"
role_arn = "{role}"
sts_endpoint = "{urls[sts]}"
""",
    "container": "",
}
"""What gives credentials, and how settings name it; what they don't name is found by variables."""

_FROM_VARIABLES = {"managed-identity", "container"}


@dataclass
class _Call(Call):
    """A call that needs a credential first."""

    @property
    def target(self) -> tuple[str, str]:
        return self.wire, "default"

    @property
    def deadline(self) -> float:
        return DEADLINE if self.group == "silence" else PATIENCE

    def problem(self) -> str | None:
        what = f"{self.settings}: {self.group or 'nothing'}, {self.framework} {self.way}: "
        if self.took > self.deadline + LATE + self.lost:
            return f"{what}late by {self.took - self.deadline:.1f} s"
        if self.error is None:
            return None if self.got == self.expected else f"{what}answered {self.got!r:.100}"
        if not isinstance(self.error, TurnoutError):
            return f"{what}{type(self.error).__module__}.{type(self.error).__name__}: {self.error!s:.150}"
        if self.group in {"", "half a second's wait"}:
            return f"{what}could have been answered: {type(self.error).__name__}: {self.error!s:.200}"
        return None


def problems(server: Server, folder: Path) -> list[str]:
    """What is wrong with what became of calls with each fault of each endpoint, and of those after it."""
    found = []
    for number, (identity, credential) in enumerate(_CREDENTIALS.items()):
        wire = "azure" if "AZURE_TENANT_ID" in credential or identity == "managed-identity" else "bedrock"
        variables = server.variables[identity]
        given = {"urls": server.urls, "variables": variables, "ca": server.ca_file, "role": ROLE_ARN}
        template = _AZURE if wire == "azure" else _BEDROCK
        path = folder / f"{identity}.toml"
        path.write_text(template.format(**given, credential=credential.format(**given)), encoding="utf-8")
        more = variables if identity in _FROM_VARIABLES else {}
        os.environ |= more
        for place, fault in enumerate((*TOKENS, "")):
            runtime.close()
            server.tell(fault or "calm")
            if not fault:
                server.begin()
            first = 10_000_000 + 1_000 * number + 100 * place
            calls: list[Call] = [
                _Call(first + n, framework, "chat", wire, way, fault, identity)
                for n, (framework, way) in enumerate((framework, way) for framework in FRAMEWORKS for way in WAYS)
            ]
            for call in calls:
                call.expected = right(call.number)
            run(calls, Models({identity: path}))
            found += [problem for call in calls if (problem := call.problem()) is not None]
        for name in more:
            os.environ.pop(name, None)
    return found
