"""Each method of `turnout.providers.credentials.azure` as azure-identity's credential, and an application's own."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any, cast

from turnout.azure_transport import azure_transport
from turnout.errors import CredentialError
from turnout.redaction import without_secrets
from turnout.settings.environment import certificates, workload_identity
from turnout.settings.secrets import plain
from turnout.transport import background_loop

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

    from turnout.settings import AzureBackend

PRINCIPALS = {"service-principal": "secret", "certificate": "certificate", "workload-identity": "federated token"}
"""The methods of a service principal → what it proves itself with."""

_PATIENCE = 20.0  # seconds for Entra's next bytes; azure-identity's own is 300
_NEAR = 2.0  # seconds for a connection to what is on this machine or beside it, as azure-identity has it
_REPEATS = 2  # of a request to Entra that failed; azure-identity's own are 10, with growing waits
_FUNCTION_LIFETIME = 60  # seconds for which a function's token is taken to be good; half of it until it is asked again


def credential_of(method: str, backend: AzureBackend, authority: str | None) -> TokenCredential:
    """The credential of a method, whose settings are whole; `authority` is that of the endpoint's cloud."""
    import azure.identity

    limits: dict[str, Any] = {
        "connection_timeout": backend.connect_timeout,
        "read_timeout": min(backend.timeout, _PATIENCE),
    }
    options: dict[str, Any] = {"retry_total": _REPEATS}
    if backend.authority_host:
        options["authority"] = backend.authority_host
        # The instances of Microsoft's own clouds are known. Of any other, the public cloud would be asked, which a
        # private one can't reach.
        known = {value for name, value in vars(azure.identity.AzureAuthorityHosts).items() if name.startswith("AZURE_")}
        options["disable_instance_discovery"] = backend.authority_host.removeprefix("https://") not in known
    elif authority is not None:
        options["authority"] = getattr(azure.identity.AzureAuthorityHosts, authority)
    made: Any
    if method == "own":
        made = _Own(backend.credential.value)
    elif method == "managed-identity" and (federated := _federated(backend)) is not None:
        made = _service_principal("workload-identity", federated, limits, options)
    elif method in PRINCIPALS:
        made = _service_principal(method, backend, limits, options)
    elif method == "azure-cli":
        made = azure.identity.AzureCliCredential(tenant_id=backend.tenant_id or "")
    elif method == "managed-identity":
        limits["connection_timeout"] = min(backend.connect_timeout, _NEAR)
        # The environment's proxy is for what is elsewhere: it would read the token, which comes over plain http.
        directly: dict[str, Any] = {"retry_total": _REPEATS, "use_env_settings": False}
        made = azure.identity.ManagedIdentityCredential(client_id=backend.client_id, **directly, **limits)
    else:
        options["transport"] = _transport(backend, limits)
        if backend.client_id is not None and backend.client_secret is None:
            options["managed_identity_client_id"] = backend.client_id
        made = azure.identity.DefaultAzureCredential(**options, **limits)
    return cast("TokenCredential", made)


def _transport(backend: AzureBackend, limits: dict[str, float]) -> Any:
    """What Entra is asked by: the settings' proxy and certificates."""
    return azure_transport(
        connect=limits["connection_timeout"],
        read=limits["read_timeout"],
        trusted=backend.ca_bundle or certificates("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        certificate=backend.tls_certificate,
        proxy=plain(backend.proxy),
    )


def _federated(backend: AzureBackend) -> AzureBackend | None:
    """The settings of Kubernetes' form of a managed identity, where its webhook set the variables of one.

    The token goes by the settings then, like that of a service principal: to their authority and proxy, and by their
    certificates.
    """
    found = workload_identity()
    if found is None:
        return None
    if backend.client_id is not None:
        found["client_id"] = backend.client_id
    if "client_id" not in found:
        msg = "the workload identity of this pod has no client id: name it as client_id, or on its service account"
        raise CredentialError(msg, tried=("managed identity: lacks client_id",))
    return backend.model_copy(update=found)


class _Own:
    """An application's own credential, in azure-core's form: a synchronous one, an asynchronous one, or a function.

    A function is asked again for each minute; it keeps its tokens itself, as azure-identity's
    `get_bearer_token_provider` does.
    """

    def __init__(self, given: Any) -> None:
        self._given = given

    def get_token(self, scope: str) -> AccessToken:
        """A token, fetched on the calling thread."""
        from azure.core.credentials import AccessToken

        get = getattr(self._given, "get_token", None)
        found = self._given() if get is None else get(scope)
        if inspect.isawaitable(found):
            found = background_loop.submit(_awaited(found)).result()
        if isinstance(found, str):
            return AccessToken(found, int(time.time()) + _FUNCTION_LIFETIME)
        if not isinstance(getattr(found, "token", None), str):
            raise CredentialError("the credential given in code returned no token", tried=("own credential",))
        return cast("AccessToken", found)


async def _awaited(found: Any) -> Any:
    return await found


def _service_principal(
    method: str, backend: AzureBackend, limits: dict[str, float], options: dict[str, Any]
) -> TokenCredential:
    """The settings' service principal, for which nothing but the settings decides where its secret goes."""
    import azure.identity

    public = azure.identity.AzureAuthorityHosts.AZURE_PUBLIC_CLOUD
    options = {"authority": public, "transport": _transport(backend, limits), **options}
    made: Any
    if method == "certificate":
        password = plain(backend.client_certificate_password)
        try:
            made = azure.identity.CertificateCredential(
                backend.tenant_id or "",
                backend.client_id or "",
                backend.client_certificate,
                password=password,
                **options,
            )
        except (OSError, ValueError) as error:
            msg = f"the certificate {backend.client_certificate!r} can't be used: {without_secrets(error)}"
            raise CredentialError(msg, tried=("certificate: can't be read",)) from error
    elif method == "workload-identity":
        made = azure.identity.WorkloadIdentityCredential(
            tenant_id=backend.tenant_id,
            client_id=backend.client_id,
            token_file_path=backend.federated_token_file,
            **options,
        )
    else:
        secret: Any = plain(backend.client_secret)
        made = azure.identity.ClientSecretCredential(
            backend.tenant_id or "", backend.client_id or "", secret, **options
        )
    # There is no argument against AZURE_REGIONAL_AUTHORITY_NAME and MSAL_FORCE_REGION, which put a name before the
    # authority's.
    inner: Any = getattr(made, "_credential", made)  # of a federated token's
    inner._regional_authority = False  # noqa: SLF001
    return cast("TokenCredential", made)
