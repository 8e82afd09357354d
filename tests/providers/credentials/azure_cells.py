"""Azure's methods, for azure-identity's own code."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.providers.credentials.world import REFUSED_BY_SERVICE, Method, World
from turnout.errors import CredentialError
from turnout_emulator.accounts import CLIENT, ENTRA_SECRET, TENANT

if TYPE_CHECKING:
    from pathlib import Path

FEDERATED = "canary.federated.token"
USER_IDENTITY = "33333333-3333-4333-8333-333333333333"
NOBODY = "44444444-4444-4444-8444-444444444444"
PRINCIPAL = {"tenant_id": TENANT, "client_id": CLIENT}
SCOPE = "https://ai.azure.com/.default"


@cache
def certificate(_name: str) -> tuple[bytes, bytes]:
    """A certificate, and it with its key, as PEM; another one for each name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "turnout")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    public = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return public, key.private_bytes(serialization.Encoding.PEM, form, plain) + public


def authority(world: World) -> dict[str, str]:
    return {"authority_host": world.emulator.entra.https_url}


class ApiKey(Method):
    name = auth = seen = "api-key"
    unready = CredentialError, r"auth = 'api-key' needs api_key \(or AZURE_OPENAI_API_KEY\)"
    refused = REFUSED_BY_SERVICE, r"refused the credential of backend 'azure'.*api-key \(from the settings\)"

    def have(self, world: World) -> dict[str, Any]:
        return {"api_key": "turnout-emulator-azure-key"}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return {"api_key": "another"}


class ServicePrincipal(Method):
    name = auth = "service-principal"
    unready = CredentialError, r"auth = 'service-principal' needs tenant_id and client_secret too"
    refused = CredentialError, "AADSTS7000215"

    def have(self, world: World) -> dict[str, Any]:
        return {**PRINCIPAL, "client_secret": ENTRA_SECRET, **authority(world)}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "client_secret": "another"}

    def lack(self, world: World) -> dict[str, Any]:
        return {"client_id": CLIENT, "api_key": "not this"}


class Certificate(Method):
    name = auth = "certificate"
    unready = CredentialError, r"the certificate '.*app.pem' can't be used"
    refused = CredentialError, "AADSTS700027"

    def have(self, world: World) -> dict[str, Any]:
        return {**PRINCIPAL, "client_certificate": world.write("app.pem", certificate("ours")[1]), **authority(world)}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.write("app.pem", certificate("another")[1])
        return options

    def lack(self, world: World) -> dict[str, Any]:
        return {**PRINCIPAL, "client_certificate": str(world.folder / "app.pem")}


class WorkloadIdentity(Method):
    name = auth = "workload-identity"
    unready = CredentialError, "No such file or directory"
    refused = CredentialError, "AADSTS700027"

    def have(self, world: World) -> dict[str, Any]:
        return {**PRINCIPAL, "federated_token_file": world.write("token", FEDERATED), **authority(world)}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.write("token", "another issuer's")
        return options

    def lack(self, world: World) -> dict[str, Any]:
        return {**PRINCIPAL, "federated_token_file": str(world.folder / "token"), **authority(world)}


class Managed(Method):
    """A managed identity, the system's own."""

    auth = "managed-identity"
    target = ""
    unready = CredentialError, "No Azure credential for https://ai.azure.com/.default"

    def have(self, world: World) -> dict[str, Any]:
        world.set_all(self.target)
        return {"api_key": "not this"}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "client_id": NOBODY}

    def lack(self, world: World) -> dict[str, Any]:
        world.set(AZURE_POD_IDENTITY_AUTHORITY_HOST="http://127.0.0.1:9")  # a closed port
        return {"api_key": "not this"}


class AppService(Managed):
    name = "managed-identity (App Service)"
    target = "managed-identity"
    refused = CredentialError, "No User Assigned or Delegated Managed Identity found"


class Instance(Managed):
    name = "managed-identity (IMDS)"
    target = "azure-instance"
    refused = CredentialError, "Identity not found"


class InstanceUser(Instance):
    """An identity that a user assigned to the machine."""

    name = "managed-identity (IMDS, user-assigned)"

    def have(self, world: World) -> dict[str, Any]:
        return {**super().have(world), "client_id": USER_IDENTITY}


class Arc(Managed):
    """Azure Arc's agent, which asks for the content of a file.

    It is in a folder that only the machine's administrator makes, and azure-identity takes no other. MSAL's name of that
    folder is changed here; all else is its own code.
    """

    name = "managed-identity (Arc)"
    target = "azure-arc"
    steps = 2  # the challenge, and the answer to it
    refused = CredentialError, "The key in .* is needed"

    def have(self, world: World) -> dict[str, Any]:
        file = _arc_file(world)
        world.patch.setattr("msal.managed_identity._supported_arc_platforms_and_their_prefixes", _Anywhere(file.parent))
        return super().have(world)

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        other = world.write("other/agent.key", "not the agent's")
        folder = _Anywhere(_arc_file(world).parent / other.rpartition("/")[0])
        world.patch.setattr("msal.managed_identity._supported_arc_platforms_and_their_prefixes", folder)
        return options


class _Anywhere(dict[str, str]):
    def __init__(self, folder: Path) -> None:
        super().__init__(linux=str(folder), darwin=str(folder), win32=str(folder))


def _arc_file(world: World) -> Path:
    file = world.emulator.accounts.arc_key_file
    assert file is not None
    return file


class Kubernetes(Managed):
    """The variables that Kubernetes' webhook for workload identities sets."""

    name = "managed-identity (Kubernetes)"
    refused = CredentialError, "AADSTS700027"
    unready = CredentialError, "No such file or directory"

    def have(self, world: World) -> dict[str, Any]:
        world.set(AZURE_AUTHORITY_HOST=world.emulator.entra.https_url, AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID=CLIENT)
        world.set(AZURE_FEDERATED_TOKEN_FILE=world.write("token", FEDERATED))
        return {"api_key": "not this", **authority(world)}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.write("token", "another issuer's")
        return options

    def lack(self, world: World) -> dict[str, Any]:
        options = self.have(world)
        (world.folder / "token").unlink()
        return options


class AzureCli(Method):
    name = auth = "azure-cli"
    unready = CredentialError, "Azure CLI not found on path"
    refused = CredentialError, "az login"

    def have(self, world: World) -> dict[str, Any]:
        self.renew(world)
        world.set(PATH=f"{world.folder / 'bin'}:/usr/bin:/bin")
        return {"api_key": "not this"}

    def renew(self, world: World) -> None:
        ends = f"time.time() + {world.emulator.entra.tokens.lifetime}"
        answer = f"""'{{"accessToken": "{world.emulator.entra.issue(SCOPE)}", "expires_on": %d}}' % ({ends})"""
        world.program("bin/az", f"import time\nprint({answer})")

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        world.program("bin/az", "raise SystemExit(\"ERROR: Please run 'az login' to setup account.\")")
        return options

    def lack(self, world: World) -> dict[str, Any]:
        world.set(PATH=str(world.folder))
        return {"api_key": "not this"}

    def fetched(self, world: World) -> int:
        return world.runs()


class Default(Managed):
    """azure-identity's chain, which finds a managed identity here."""

    name = auth = "default"
    target = "managed-identity"
    refused = CredentialError, "No User Assigned or Delegated Managed Identity found"
    unready = CredentialError, "(?s)ManagedIdentityCredential.*AzureCliCredential"

    def have(self, world: World) -> dict[str, Any]:
        world.set(PATH=str(world.folder))
        return super().have(world)

    def lack(self, world: World) -> dict[str, Any]:
        world.set(PATH=str(world.folder))
        return super().lack(world)


class Own(Method):
    """An application's own credential."""

    name = "credential in code"
    unready = CredentialError, "returned no token"
    refused = CredentialError, "not today"

    def have(self, world: World) -> dict[str, Any]:
        return {"api_key": "not this", "credential": _Own(world)}

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        def refuse() -> str:
            raise ClientAuthenticationError(message="not today")

        return {**options, "credential": refuse}

    def lack(self, world: World) -> dict[str, Any]:
        return {"api_key": "not this", "credential": lambda: None}

    def fetched(self, world: World) -> int:
        return len(world.asked)


class _Own:
    def __init__(self, world: World) -> None:
        self._world = world

    def get_token(self, scope: str, **_: Any) -> AccessToken:
        self._world.asked.append(scope)
        return AccessToken(self._world.emulator.entra.issue(scope), int(time.time()) + 3600)


METHODS: tuple[Method, ...] = (
    ApiKey(),
    ServicePrincipal(),
    Certificate(),
    WorkloadIdentity(),
    AppService(),
    Instance(),
    InstanceUser(),
    Arc(),
    Kubernetes(),
    AzureCli(),
    Default(),
    Own(),
)
