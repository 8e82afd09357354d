"""One emulator for this folder's tests, with roles, identities and files of its own, and a home with nobody's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.providers.credentials.aws_cells import EXTERNAL_ROLE, SECOND_ROLE
from tests.providers.credentials.azure_cells import FEDERATED, USER_IDENTITY, certificate
from tests.providers.credentials.world import LIFE, World
from turnout import runtime
from turnout_emulator import Emulator
from turnout_emulator.accounts import ROLE_ARN, Accounts, EntraClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def giver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator."""
    key_file = tmp_path_factory.mktemp("arc") / "agent.key"
    key_file.write_text("arcs.own.key")
    accounts = Accounts(
        entra_clients=(EntraClient(certificate=certificate("ours")[0], federated_token=FEDERATED),),
        roles=(ROLE_ARN, SECOND_ROLE, EXTERNAL_ROLE),
        external_ids={EXTERNAL_ROLE: "ours"},
        user_identities=(USER_IDENTITY,),
        arc_key_file=key_file,
    )
    with Emulator(accounts=accounts) as emulator:
        yield emulator


@pytest.fixture
def world(giver: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A test's surroundings; what was got for another test is forgotten."""
    giver.clear()
    giver.entra.tokens.lifetime = LIFE
    runtime.close()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / ".aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / ".aws" / "credentials"))
    yield World(giver, tmp_path, monkeypatch)
    giver.clear()
