"""What azure-identity and Key Vault's client send their requests with, for which the environment has no login."""

from __future__ import annotations

from typing import Any


def azure_transport(
    *, connect: float, read: float, trusted: str | None = None, certificate: str | None = None, proxy: str | None = None
) -> Any:
    """azure-core's transport.

    A managed identity's token comes over plain http, from the machine or beside it. No proxy leads there, and one would
    read the token.

    Args:
        connect: Seconds to make a connection.
        read: Seconds for the next bytes.
        trusted: The authorities to trust, a PEM file or a folder; left out, certifi's.
        certificate: A PEM file with the client's certificate and its key.
        proxy: The proxy for https; left out, the environment's.
    """
    import certifi
    from azure.core.pipeline.transport import RequestsTransport

    class Transport(RequestsTransport):  # type: ignore[misc] # seen as Any
        def send(self, request: Any, **options: Any) -> Any:
            if request.url.startswith("http://"):
                options["proxies"] = {"http": None, "all": None}
            elif proxy is not None:
                options["proxies"] = {"https": proxy}
            return super().send(request, **options)

    made = Transport(
        connection_verify=trusted or certifi.where(),
        connection_cert=certificate,
        connection_timeout=connect,
        read_timeout=read,
    )
    made.open()
    made.session.auth = lambda request: request  # so that requests doesn't look for a login in `.netrc`
    return made
