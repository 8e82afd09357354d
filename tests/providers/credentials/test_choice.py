"""What is chosen, and said of it: never a credential that the user didn't mean, and never a question to anybody."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from tests.cli.conftest import turnout
from tests.providers.credentials import aws_cells, aws_machine_cells, aws_sign_in_cells, azure_cells
from tests.providers.credentials.test_matrix import METHODS, made
from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from turnout.errors import CredentialError
from turnout.providers.clients import provider_of
from turnout.settings import AzureBackend, BedrockBackend, load_settings
from turnout_emulator.accounts import CLIENT, CONTAINER_TOKEN, ROLE_ARN

if TYPE_CHECKING:
    from tests.providers.credentials.world import Method, World

ROWS = re.findall(
    r"^\| `?([^|`]+)`?([^|`]*) \| [^|]* \| [^|]+ \|$", Path("docs/credentials.md").read_text("utf-8"), re.MULTILINE
)
STRAYS = {
    "AWS_BEARER_TOKEN_BEDROCK": "stray",
    "AWS_ACCESS_KEY_ID": "stray",
    "AWS_SECRET_ACCESS_KEY": "stray",
    "AWS_PROFILE": "stray",
    "AZURE_OPENAI_API_KEY": "stray",
    "AZURE_CLIENT_SECRET": "stray",
    "AZURE_TOKEN_CREDENTIALS": "dev",
}
"""Variables of other methods than the one that `auth` names."""
OWN = {
    "profile (credential_source)": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
    "default": {"AZURE_TOKEN_CREDENTIALS"},
}
"""Those that belong to a method."""


def test_the_table_of_the_documents_is_this_matrix() -> None:
    assert sorted(name.strip() + more.rstrip() for name, more in ROWS if name != "auth") == sorted(
        method.name for method in METHODS
    )


@pytest.mark.parametrize("kind", [AzureBackend, BedrockBackend])
def test_each_method_that_auth_names_is_in_the_matrix(kind: type[Any]) -> None:
    named = set(get_args(kind.model_fields["auth"].annotation))
    provider = get_args(kind.model_fields["provider"].annotation)[0]
    assert named - {"auto"} == {method.auth for method in METHODS if method.provider == provider and method.auth}


def configure(world: World, method: Method, options: dict[str, Any]) -> None:
    """Write a settings file, which unlike settings in code is completed by variables."""
    made = {"provider": method.provider, "auth": method.auth}
    if method.provider == "azure":
        made |= {"endpoint": world.emulator.azure.url, "ca_bundle": world.emulator.ca_file}
    else:
        where = {"endpoint": world.emulator.bedrock.url, "mantle_endpoint": world.emulator.mantle.url}
        made |= {"region": "us-east-1", **where}
    chat = options.pop("chat", None) or {"azure": "mini", "bedrock": "amazon.nova-micro-v1:0"}[method.provider]
    target = f'{{ deployment = "{chat}", model = "gpt-5-mini" }}' if method.provider == "azure" else f'"{chat}"'
    keys = "".join(f'{name} = "{value}"\n' for name, value in {**made, **options}.items())
    text = f"[backends.cloud]\n{keys}[chat.default]\ncloud = {target}\n"
    world.set(TURNOUT_CONFIG=world.write("turnout.toml", text))


def answered(world: World) -> list[tuple[str | None, str | None]]:
    """How and as whom the service was called, after a call that went well."""
    world.emulator.clear()
    assert Chat("langchain").ask("whole").text
    return [(one.auth, one.identity) for one in world.emulator.requests if one.operation == "chat"]


@pytest.mark.parametrize(
    "method", [aws_machine_cells.Container(), aws_machine_cells.WebIdentity(), aws_machine_cells.InstanceMetadata()]
)
def test_a_profile_that_is_meant_for_others_is_not_looked_for(world: World, method: Method) -> None:
    options = method.have(world)
    world.set(AWS_PROFILE="stray")
    configure(world, method, options)
    assert answered(world) == [("sigv4", ROLE_ARN)]


def test_a_method_that_auth_names_has_its_variable_beside_other_settings(world: World) -> None:
    method = aws_cells.BearerToken()
    token = method.have(world).pop("bearer_token")
    where = {"endpoint": world.emulator.bedrock.https_url, "ca_bundle": world.emulator.ca_file}
    configure(world, method, {**where, **aws_cells.KEYS})
    world.set(AWS_BEARER_TOKEN_BEDROCK=token)
    assert answered(world) == [("bearer", "key1")]


def test_kubernetes_variables_are_those_of_a_workload_identity(world: World) -> None:
    azure_cells.Kubernetes().have(world)
    configure(world, azure_cells.WorkloadIdentity(), {})
    assert answered(world) == [("entra", CLIENT)]


def test_a_service_principals_id_is_no_managed_identitys(world: World) -> None:
    method = azure_cells.Instance()
    method.have(world)
    configure(world, method, {})
    world.set(AZURE_CLIENT_ID=azure_cells.USER_IDENTITY)
    assert answered(world) == [("entra", azure_cells.USER_IDENTITY)]
    backend = load_settings().backends["cloud"]
    said = f"managed-identity (managed identity {azure_cells.USER_IDENTITY} from AZURE_CLIENT_ID in the environment)"
    assert str(provider_of(backend).credential(backend)) == said
    world.set(AZURE_CLIENT_SECRET="a service principal's")
    assert answered(world) == [("entra", CLIENT)]  # the system's own


@pytest.mark.parametrize(
    "method", [one for one in METHODS if one.auth and one.auth != "default-chain"], ids=lambda m: m.name
)
def test_a_stray_variable_is_not_used_beside_auth(world: World, method: Method) -> None:
    options = method.have(world)
    if method.auth != "api-key":
        options.pop("api_key", None)
    configure(world, method, options)
    world.set(**{name: value for name, value in STRAYS.items() if name not in OWN.get(method.name, ())})
    chosen = provider_of(load_settings().backends["cloud"]).credential(load_settings().backends["cloud"])
    assert chosen.method == {"default": "default-chain"}.get(method.auth, method.auth)
    assert "stray" not in str(chosen)
    assert str(chosen) in turnout("routes").out
    assert Chat("langchain").ask("whole").text
    called = [one for one in world.emulator.requests if one.operation == "chat"]
    assert [(one.auth, one.status) for one in called] == [(method.seen, 200)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("through", [False, True])
def test_nobody_is_asked_for_an_mfa_code(world: World, framework: str, through: bool) -> None:
    class Asked:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError("standard input was read")

    world.patch.setattr(sys, "stdin", Asked())
    world.patch.setattr("getpass.getpass", lambda *_: pytest.fail("a code was asked for"))
    mfa = f"role_arn = {ROLE_ARN}\nsource_profile = keys\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n"
    last = f"[profile team]\nrole_arn = {ROLE_ARN}-second\nsource_profile = mfa\n[profile mfa]\n{mfa}"
    text = f"{last if through else f'[profile team]{chr(10)}{mfa}'}[profile keys]\n{aws_cells.STATIC}"
    for more in ({}, {"auth": "assumed-role", "role_arn": ROLE_ARN}):
        chat = made(world, aws_cells.Profile(), framework, {**aws_cells.configure(world, text), **more})
        for way in WAYS:
            with pytest.raises(CredentialError, match=r"needs an MFA code .*get-session-token"):
                chat.ask(way)
    assert not world.emulator.requests


def test_who_signed_in_by_another_profile_is_told_that_one(world: World) -> None:
    method = aws_sign_in_cells.Sso()
    method.lack(world)
    path = world.folder / ".aws" / "config"
    role = f"[profile admin]\nrole_arn = {ROLE_ARN}\nsource_profile = team\n"
    path.write_text(path.read_text() + role)
    for options in ({"profile": "admin"}, {"auth": "assumed-role", "role_arn": ROLE_ARN, "profile": "team"}):
        chat = made(world, aws_cells.Profile(), "langchain", {"sts_endpoint": world.emulator.sts.url, **options})
        with pytest.raises(CredentialError, match="`aws sso login --profile team`"):
            chat.ask("whole")


def test_a_profile_without_a_credential_does_not_fall_back_to_the_machines(world: World) -> None:
    """Neither to a container nor to an instance, which both would answer."""
    world.patch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    world.set_all("instance")
    world.set(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{world.emulator.sts.url}/credentials")
    world.set(AWS_CONTAINER_AUTHORIZATION_TOKEN=CONTAINER_TOKEN)
    options = aws_cells.configure(world, "[profile team]\nregion = us-east-1\n")
    for auth in ("profile", "sso", "login", "process"):
        with pytest.raises(CredentialError, match=f"No AWS credential from '{auth}'"):
            made(world, aws_cells.Profile(), "langchain", {**options, "auth": auth}).ask("whole")
    assert not world.emulator.requests
    assert made(world, aws_cells.Profile(), "langchain", {**options, "auth": "default-chain"}).ask("whole").text


def test_an_identity_that_was_not_assigned_is_no_other(world: World) -> None:
    """Not the system's own in its place."""
    method = azure_cells.Arc()
    chat = made(world, method, "langchain", {**method.have(world), "client_id": azure_cells.NOBODY})
    with pytest.raises(CredentialError, match="Identity not found"):
        chat.ask("whole")
    assert azure_cells.USER_IDENTITY not in {one.identity for one in world.emulator.requests}
    user = made(world, method, "langchain", {**method.have(world), "client_id": azure_cells.USER_IDENTITY})
    assert user.ask("whole").text
    assert [one.identity for one in world.emulator.requests if one.operation == "chat"] == [azure_cells.USER_IDENTITY]


def test_arcs_file_may_not_be_anywhere(world: World) -> None:
    """Without the change of its folder, which needs an administrator, azure-identity reads no file of the agent's."""
    world.set_all("azure-arc")
    with pytest.raises(CredentialError, match="No Azure credential"):
        made(world, azure_cells.Arc(), "langchain", {}).ask("whole")
    assert not [one for one in world.emulator.requests if "authorization" in one.headers]


@pytest.mark.parametrize("method", [azure_cells.AppService(), azure_cells.Instance(), azure_cells.Arc()])
def test_the_environments_proxy_does_not_read_a_managed_identitys_token(world: World, method: Method) -> None:
    world.patch.delenv("NO_PROXY")
    world.set(HTTP_PROXY="http://127.0.0.1:9")  # a closed port
    assert made(world, method, "langchain", method.have(world)).ask("whole").text
