"""One emulator for this folder's tests, with roles, identities and files of its own, and a home with nobody's files."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

import pytest

from tests.providers.credentials.aws_cells import EXTERNAL_ROLE, SECOND_ROLE
from tests.providers.credentials.azure_cells import FEDERATED, USER_IDENTITY, certificate
from tests.providers.credentials.world import LIFE, World
from turnout import runtime
from turnout_emulator import Emulator
from turnout_emulator import accounts as known
from turnout_emulator.accounts import ROLE_ARN, Accounts, EntraClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRETS = (
    *(known.AZURE_KEY, known.AWS_SECRET_KEY, known.AWS_BEARER, known.ENTRA_SECRET, known.WEB_IDENTITY_TOKEN, FEDERATED),
    *(known.SSO_ACCESS_TOKEN, known.SSO_REFRESH_TOKEN, known.SSO_CLIENT_SECRET, known.LOGIN_REFRESH_TOKEN),
    *(known.CONTAINER_TOKEN, known.IDENTITY_HEADER),
)


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


@pytest.fixture(autouse=True)
def _nothing_logged(giver: Emulator) -> Iterator[None]:
    """No log has a credential, with every logger at level DEBUG."""
    text, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield
    root.removeHandler(handler)
    root.setLevel(level)
    issued = [secret for key in giver.accounts.aws_keys for secret in (key.secret_key, key.session_token)]
    logged = text.getvalue()
    assert [secret for secret in (*SECRETS, *issued) if secret and secret in logged] == []
    assert re.findall(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}", logged) == []  # tokens of Entra


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
