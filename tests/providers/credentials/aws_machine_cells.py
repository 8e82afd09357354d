"""AWS's methods for machines: a token in a file, a container's agent, and instance metadata."""

from __future__ import annotations

from typing import Any

from botocore.utils import ContainerMetadataFetcher

from tests.providers.credentials.aws_cells import Aws, configure
from tests.providers.credentials.world import Method, World
from turnout.errors import CredentialError
from turnout_emulator.accounts import (
    CONTAINER_TOKEN,
    ROLE_ARN,
    WEB_IDENTITY_TOKEN,
)


class WebIdentity(Aws):
    """A token of another issuer, in a file that the environment names."""

    name = auth = "web-identity"
    unready = (
        CredentialError,
        r"'web-identity' \(AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN\): those variables aren't",
    )
    refused = CredentialError, "InvalidIdentityToken"

    def have(self, world: World) -> dict[str, Any]:
        token = world.write("token", WEB_IDENTITY_TOKEN)
        world.set(AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN=ROLE_ARN)
        return {"sts_endpoint": world.emulator.sts.url}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.write("token", "another issuer's")
        return options


class WebIdentityProfile(WebIdentity):
    """Likewise, of a profile."""

    name = "web-identity (profile)"
    unready = CredentialError, "/nowhere/token.*must be there and readable"

    def have(self, world: World) -> dict[str, Any]:
        token = world.write("token", WEB_IDENTITY_TOKEN)
        return configure(world, f"[profile team]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {token}\n")

    def lack(self, world: World) -> dict[str, Any]:
        profile = f"[profile team]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = /nowhere/token\n"
        return configure(world, profile)


class Container(Aws):
    """The agent of a container, which asks for the content of a file."""

    name = auth = "container"
    unready = CredentialError, r"'container' \(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI\): those variables"
    refused = CredentialError, "The authorization token is missing or wrong"

    def have(self, world: World) -> dict[str, Any]:
        world.set(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{world.emulator.sts.url}/credentials")
        world.set(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=world.write("token", CONTAINER_TOKEN))
        world.set(AWS_PROFILE="stray", AWS_ACCESS_KEY_ID="stray", AWS_SECRET_ACCESS_KEY="stray")
        return {}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.patch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
        world.write("token", "another")
        return options


class RelativeContainer(Container):
    """The agent at its own address, 169.254.170.2, in whose place is loopback."""

    name = "container (relative URI)"

    def have(self, world: World) -> dict[str, Any]:
        options = super().have(world)
        world.patch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        world.patch.setattr(ContainerMetadataFetcher, "IP_ADDRESS", world.emulator.sts.url.removeprefix("http://"))
        world.set(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/credentials")
        return options


class InstanceMetadata(Aws):
    """EC2's instance metadata, version 2."""

    name = auth = "instance-metadata"
    unready = CredentialError, r"'instance-metadata' \(the role of the EC2 instance\): no role answered"
    refused = unready

    def have(self, world: World) -> dict[str, Any]:
        world.patch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        world.set_all("instance")
        world.set(AWS_PROFILE="stray", AWS_ACCESS_KEY_ID="stray", AWS_SECRET_ACCESS_KEY="stray")
        return {}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.emulator.rule(lambda received: world.failure() if received.service == "metadata" else None)
        return options

    def lack(self, world: World) -> dict[str, Any]:
        world.patch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        world.set(AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9")  # a closed port
        return {}


class DefaultChain(Container):
    """boto3's chain, which finds a container's credential here."""

    name = auth = "default-chain"
    unready = CredentialError, "(?s)No AWS credential. Tried.*environment.*container.*EC2 instance metadata"

    def have(self, world: World) -> dict[str, Any]:
        options = super().have(world)
        for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            world.patch.delenv(name)
        return options


METHODS: tuple[Method, ...] = (
    WebIdentity(),
    WebIdentityProfile(),
    Container(),
    RelativeContainer(),
    InstanceMetadata(),
    DefaultChain(),
)
