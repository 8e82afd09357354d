"""Who gives a credential answers with a page, half of an answer, or another's: a CredentialError, at once."""

from __future__ import annotations

import pytest

from tests.providers.credentials import aws_cells, aws_machine_cells, aws_sign_in_cells, azure_cells
from tests.providers.credentials.test_matrix import made, pass_time
from tests.providers.credentials.world import FIRST_LIFE, Method, World
from tests.support.frameworks import FRAMEWORKS
from turnout.errors import CredentialError
from turnout_emulator import Raw
from turnout_emulator.accounts import SSO_START_URL

pytestmark = pytest.mark.slow

ANSWERS = {
    "a page": "<html><body>Sign in to the network</body></html>",
    "half of an answer": '{"AccessKeyId": "ASIA',
    "another's": '{"a": 1}',
    "a list": "[1]",
    "nothing": "",
}
METHODS: tuple[Method, ...] = (
    azure_cells.ServicePrincipal(),
    azure_cells.AppService(),
    azure_cells.Instance(),
    azure_cells.Kubernetes(),
    aws_cells.AssumedRole(),
    aws_cells.ProfileRole(),
    aws_machine_cells.WebIdentity(),
    aws_sign_in_cells.Sso(),
    aws_sign_in_cells.SsoRefreshed(),
    aws_sign_in_cells.Login(),
    aws_machine_cells.Container(),
    aws_machine_cells.InstanceMetadata(),
)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_an_answer_that_cannot_be_read(world: World, method: Method, answer: str) -> None:
    world.patch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    chat = made(world, method, FRAMEWORKS[len(answer) % 2], method.have(world))
    page = Raw(200, {"content-type": "text/html"}, ANSWERS[answer])
    world.emulator.rule(lambda received: page if received.operation == "token" else None)
    for way in ("whole", "async"):
        with pytest.raises(CredentialError) as caught:
            chat.ask(way)
        assert caught.value.tried
    world.emulator.clear()
    method.renew(world)
    assert chat.ask("whole").text


@pytest.mark.parametrize("output", [*ANSWERS.values(), '{"Version": 1}', '{"Version": 2}'])
@pytest.mark.parametrize("later", [False, True])
def test_a_programs_output_that_cannot_be_read(world: World, output: str, later: bool) -> None:
    method = aws_sign_in_cells.Process()
    options = method.have(world)
    chat = made(world, method, "langchain", options)
    if later:
        method.renew(world, FIRST_LIFE)
        assert chat.ask("whole").text
        pass_time(world, FIRST_LIFE + 1)
    world.program("program", f"print({output!r})")
    for way in ("whole", "async"):
        with pytest.raises(CredentialError) as caught:
            chat.ask(way)
        assert caught.value.tried
    method.renew(world)
    assert chat.ask("whole").text


@pytest.mark.parametrize("token", [*ANSWERS.values(), '{"accessToken": "t"}', '{"accessToken": "t", "expiresAt": "x"}'])
def test_a_session_file_that_cannot_be_read(world: World, token: str) -> None:
    for method, folder in ((aws_sign_in_cells.Sso(), "sso"), (aws_sign_in_cells.Login(), "login")):
        chat = made(world, method, "llama_index", method.have(world))
        file = next((world.folder / folder).iterdir())
        file.write_text(token)
        with pytest.raises(CredentialError) as caught:
            chat.ask("whole")
        assert caught.value.tried


def test_a_credential_that_is_over_already(world: World) -> None:
    method = aws_sign_in_cells.Process()
    options = method.have(world)
    method.renew(world, FIRST_LIFE)
    chat = made(world, method, "langchain", options)
    method.renew(world, -60)
    for way in ("whole", "async"):
        with pytest.raises(CredentialError, match="hands out credentials that are over: check its clock"):
            chat.ask(way)


def test_a_login_without_what_signs_its_refresh(world: World) -> None:
    method = aws_sign_in_cells.Login()
    options = method.have(world)
    world.patch.setattr("botocore.credentials.EC", None)  # as botocore alone has it
    with pytest.raises(CredentialError, match=r"pip install .botocore\[crt\]"):
        made(world, method, "langchain", options).ask("whole")


def test_an_sso_session_in_the_older_form(world: World) -> None:
    method = aws_sign_in_cells.Sso()
    method.lack(world)
    told = f"sso_start_url = {SSO_START_URL}\nsso_region = us-east-1\n"
    profile = f"[profile team]\n{told}sso_account_id = 123456789012\nsso_role_name = turnout-emulator\n"
    chat = made(world, method, "langchain", aws_cells.configure(world, profile))
    for seconds in (None, -10):
        if seconds is not None:
            method.sign_in(world, SSO_START_URL, expiresAt=aws_cells.stamp(seconds))
        with pytest.raises(CredentialError, match="Sign in anew: `aws sso login --profile team`"):
            chat.ask("whole")
    method.sign_in(world, SSO_START_URL)
    assert chat.ask("whole").text
