"""What was rotated is picked up: by the next call, or by the one after a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.providers.credentials import aws_cells, aws_sign_in_cells, azure_cells
from tests.providers.credentials.test_matrix import made
from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from turnout.errors import AuthenticationError, CredentialError, PermissionDeniedError
from turnout_emulator import Failure
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, ROLE_ARN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.providers.credentials.world import World

NEW = {"access_key_id": "AKIAROTATEDEMULATOR0", "secret_access_key": "rotated-secret-key"}
MODELS = {"converse": "amazon.nova-micro-v1:0", "mantle": "openai.gpt-5.4", "runtime": "us.anthropic.claude-sonnet-4-6"}


@pytest.fixture
def rotated(world: World) -> Iterator[None]:
    """The emulator takes another key in the place of its own."""
    accounts = world.emulator.accounts
    yield
    accounts.forget_aws_key(NEW["access_key_id"])
    accounts.add_aws_key(AWS_ACCESS_KEY, AWS_SECRET_KEY)


def rotate(world: World) -> None:
    world.emulator.accounts.add_aws_key(*NEW.values())
    world.emulator.accounts.forget_aws_key(AWS_ACCESS_KEY)


@pytest.mark.usefixtures("rotated")
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("way", WAYS)
def test_a_profile_that_was_rewritten(world: World, framework: str, model: str, way: str) -> None:
    options: dict[str, Any] = {"chat": MODELS[model]}
    if model == "runtime":
        options["chat"] = {"model": MODELS[model], "wire": "anthropic-messages"}
    method = aws_cells.Profile()
    chat = made(world, method, framework, {**method.have(world), **options})
    assert chat.ask(way).text
    rotate(world)
    with pytest.raises(AuthenticationError):
        chat.ask(way)
    text = f"[profile team]\naws_access_key_id = {NEW['access_key_id']}\n"
    aws_cells.configure(world, f"{text}aws_secret_access_key = {NEW['secret_access_key']}\n")
    assert chat.ask(way).text


@pytest.mark.usefixtures("rotated")
def test_a_program_without_an_expiry(world: World) -> None:
    def prints(access_key: str, secret_key: str) -> None:
        made = f'{{"Version": 1, "AccessKeyId": "{access_key}", "SecretAccessKey": "{secret_key}"}}'
        world.program("program", f"print({made!r})")

    method = aws_sign_in_cells.Process()
    options = method.have(world)
    prints(AWS_ACCESS_KEY, AWS_SECRET_KEY)
    chat = made(world, method, "langchain", options)
    assert chat.ask("whole").text
    assert chat.ask("async").text
    assert world.runs() == 1
    rotate(world)
    prints(*NEW.values())
    with pytest.raises(AuthenticationError):
        chat.ask("whole")
    assert chat.ask("async").text
    assert world.runs() == 2


@pytest.mark.usefixtures("rotated")
def test_the_keys_with_which_a_role_is_assumed(world: World) -> None:
    text = f"[profile team]\nrole_arn = {ROLE_ARN}\nsource_profile = keys\n[profile keys]\n"
    options = aws_cells.configure(world, text + aws_cells.STATIC)
    chat = made(world, aws_cells.Profile(), "llama_index", options)
    rotate(world)
    with pytest.raises(CredentialError, match="The security token included in the request is invalid"):
        chat.ask("whole")
    keys = f"aws_access_key_id = {NEW['access_key_id']}\naws_secret_access_key = {NEW['secret_access_key']}\n"
    aws_cells.configure(world, text + keys)
    assert chat.ask("whole").text


@pytest.mark.parametrize("model", ["converse", "runtime"])
def test_what_may_not_be_used_is_no_reason_for_another_credential(world: World, model: str) -> None:
    method = aws_cells.AssumedRole()
    chat_of = {"converse": MODELS["converse"], "runtime": {"model": MODELS["runtime"], "wire": "anthropic-messages"}}
    chat = made(world, method, "langchain", {**method.have(world), "chat": chat_of[model]})
    for _ in range(2):
        world.emulator.queue(Failure.permission(), service="bedrock")
        with pytest.raises(PermissionDeniedError):
            chat.ask("whole")
    assert chat.ask("async").text
    assert world.tokens() == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wire", ["v1", "dated", "claude"])
def test_a_token_that_entra_took_back(world: World, wire: str, way: str) -> None:
    options: dict[str, Any] = {"dated": {"api_version": "2024-10-21"}}.get(wire, {})
    if wire == "claude":
        options["chat"] = {"deployment": "claude-prod", "model": "claude-sonnet-4-6"}
    method = azure_cells.ServicePrincipal()
    chat = made(world, method, FRAMEWORKS[len(way) % 2], {**method.have(world), **options})
    assert chat.ask(way).text
    world.emulator.entra.revoke_all()
    with pytest.raises(AuthenticationError):
        chat.ask(way)
    assert chat.ask(way).text
    assert world.tokens() == 2


def test_a_certificate_that_was_rewritten(world: World) -> None:
    method = azure_cells.Certificate()
    chat = made(world, method, "llama_index", method.spoil(world, method.have(world)))
    with pytest.raises(CredentialError, match="AADSTS700027"):
        chat.ask("whole")
    method.have(world)
    assert chat.ask("whole").text


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_file_that_a_key_refers_to(world: World, framework: str) -> None:
    world.write("key", "another")
    text = f'[backends.azure]\nendpoint = "{world.emulator.azure.url}"\napi_key = "file:key"\n'
    text += '[chat.default]\nazure = { deployment = "mini", model = "gpt-5-mini" }\n'
    world.set(TURNOUT_CONFIG=world.write("turnout.toml", text))
    chat = Chat(framework)
    with pytest.raises(AuthenticationError):
        chat.ask("whole")
    world.write("key", "turnout-emulator-azure-key\n")
    for way in WAYS:
        assert chat.ask(way).text
