"""Azure Key Vault: `keyvault:https://VAULT.vault.azure.net/NAME`, the newest version of a secret.

azure-keyvault-secrets is asked, because pydantic-settings' source lists all secrets of a vault, which takes another
permission than reading one.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import SecretStr

from turnout.azure_transport import azure_transport
from turnout.errors import MissingExtraError
from turnout.redaction import redact, shown
from turnout.runtime import Cache
from turnout.sdk_logs import redact_logs
from turnout.settings.environment import certificates, variable
from turnout.settings.secret_stores.kept import StoreRefusesError, StoreUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PREFIX = "keyvault:"

_PLACE = re.compile(
    r"https://(?P<host>(?:[a-z][a-z0-9-]{1,22}[a-z0-9])\.vault\.(?P<cloud>azure\.net|azure\.cn|usgovcloudapi\.net))"
    r"/(?:secrets/)?(?P<name>[a-z0-9-]{1,127})/?",
    re.IGNORECASE,
)
_AUTHORITIES = {"azure.cn": "AZURE_CHINA", "usgovcloudapi.net": "AZURE_GOVERNMENT"}
"""The end of a vault's host → the authority of its cloud, if that isn't the public one."""

_CONNECT = 5.0  # seconds
_PATIENCE = 10.0  # seconds for the next bytes
_REPEATS = 2
_SIGN_IN = (
    "It is read with azure-identity's DefaultAzureCredential: sign in with `az login`, or give the machine a managed "
    "identity, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
)
_PERMISSION = (
    "The identity needs the role Key Vault Secrets User, or the permission `get` of the vault's access policies"
)


class Place(NamedTuple):
    """Where a secret is."""

    host: str
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}https://{self.host}/{self.secret.lower()}"

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return f"the secret {shown(self.secret)} of the Key Vault {shown(self.host)}"


def place(text: str) -> Place:
    """The secret that a text names; its host is a Key Vault's, because a token is sent there."""
    found = _PLACE.fullmatch(text.removeprefix(PREFIX))
    if found is None:
        raise ValueError(
            "this names no secret of a Key Vault; write it like 'keyvault:https://team.vault.azure.net/openai-key', "
            "with https, a host of vault.azure.net, vault.azure.cn or vault.usgovcloudapi.net, and no version"
        )
    return Place(found["host"].lower(), found["name"])


def asked(where: Place, known: Callable[[], Iterable[str]]) -> tuple[SecretStr | None, Exception | None]:
    """The current version of a secret, None if it is empty; or what went wrong, which isn't raised from here.

    `known` has the secrets that the SDKs' logs are searched for.
    """
    redact_logs(known)
    try:
        client, _ = _clients.get_or_make(where.host, partial(_client, where.host))
        redact_logs(known)  # the SDK came with the client
        text = (client.get_secret(where.secret).value or "").strip()
    except MissingExtraError as error:
        return None, error
    except Exception as error:  # noqa: BLE001 - told in words below
        return None, _failure(where, error)
    return (SecretStr(text) if text else None), None


def _client(host: str) -> tuple[Any, Any]:
    """A vault's client, and its credential."""
    try:
        import azure.identity
        from azure.keyvault.secrets import SecretClient
    except ImportError as error:
        msg = f"a reference to a Key Vault needs {error.name}: pip install 'turnout[keyvault]'"
        raise MissingExtraError(msg) from error
    options: dict[str, Any] = {"transport": _transport(), "retry_total": _REPEATS}
    named = _AUTHORITIES.get(host.partition(".vault.")[2])
    if named is not None and not variable("AZURE_AUTHORITY_HOST"):
        options["authority"] = getattr(azure.identity.AzureAuthorityHosts, named)
    credential = azure.identity.DefaultAzureCredential(**options)
    client = SecretClient(
        f"https://{host}",
        credential,
        transport=_transport(),
        retry_total=_REPEATS,
        permit_redirects=False,  # another host's answer isn't the vault's
    )
    return client, credential


def _transport() -> Any:
    """What requests go by: the environment's proxy and certificates."""
    trusted = certificates("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return azure_transport(connect=_CONNECT, read=_PATIENCE, trusted=trusted)


def _close(made: tuple[Any, Any]) -> None:
    for one in made:
        one.close()


_clients: Cache[str, tuple[Any, Any]] = Cache(close=_close)


def _failure(where: Place, error: Exception) -> Exception:
    """What is wrong, in words, and what to do."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError

    said = " ".join(redact(str(getattr(error, "message", "") or error)).split()).rstrip(".")
    status = getattr(error, "status_code", None)
    what = f"{where.name} that it refers to"
    if status == 404:
        return StoreRefusesError(f"{what} is not there; check the names of the secret and of the vault")
    if status == 403:
        return StoreRefusesError(f"{what} may not be read: {said}. {_PERMISSION}")
    if isinstance(error, ClientAuthenticationError):
        return StoreUnreachableError(f"{what} can't be read without a credential: {said}. {_SIGN_IN}")
    if isinstance(error, AzureError):
        return StoreUnreachableError(f"{what} can't be read: {said or type(error).__name__}. Is the vault reachable?")
    if isinstance(error, ValueError):  # of the challenge, which says for what a token is
        answers = f"what answers as {shown(where.host)} asks for a token of another service"
        return StoreRefusesError(f"{what} can't be read: {answers}, and gets none")
    return StoreRefusesError(f"{what} can't be read ({type(error).__name__}): {said}")
