"""Who gives a credential answers with a page, half of an answer, or another's: a CredentialError, at once."""

from __future__ import annotations

import pytest

from tests.providers.credentials import aws_cells, azure_cells
from tests.providers.credentials.test_matrix import made
from tests.providers.credentials.world import FIRST_LIFE, Method, World
from tests.support.frameworks import FRAMEWORKS
from turnout.errors import CredentialError
from turnout_emulator import Raw

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
    aws_cells.WebIdentity(),
    aws_cells.Sso(),
    aws_cells.SsoRefreshed(),
    aws_cells.Login(),
    aws_cells.Container(),
    aws_cells.InstanceMetadata(),
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
    method = aws_cells.Process()
    options = method.have(world)
    chat = made(world, method, "langchain", options)
    if later:  # when the first has expired
        method.renew(world, FIRST_LIFE)
        assert chat.ask("whole").text
    world.program("program", f"print({output!r})")
    for way in ("whole", "async"):
        with pytest.raises(CredentialError) as caught:
            chat.ask(way)
        assert caught.value.tried
    method.renew(world)
    assert chat.ask("whole").text


@pytest.mark.parametrize("token", [*ANSWERS.values(), '{"accessToken": "t"}', '{"accessToken": "t", "expiresAt": "x"}'])
def test_a_session_file_that_cannot_be_read(world: World, token: str) -> None:
    for method, folder in ((aws_cells.Sso(), "sso"), (aws_cells.Login(), "login")):
        chat = made(world, method, "llama_index", method.have(world))
        file = next((world.folder / folder).iterdir())
        file.write_text(token)
        with pytest.raises(CredentialError) as caught:
            chat.ask("whole")
        assert caught.value.tried
