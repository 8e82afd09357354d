"""botocore's session, whose clients for credentials go by the settings: STS's address, the proxy, the authorities.

botocore makes them itself, for a profile's role, a web identity and SSO, and all of them by `create_client`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from turnout.settings.secrets import plain

if TYPE_CHECKING:
    from turnout.settings import BedrockBackend

_FOR_CREDENTIALS = frozenset({"sts", "sso", "sso-oidc", "signin"})


@cache
def session_class() -> Any:
    """The class; botocore is imported when it is first needed."""
    import botocore.session
    from botocore.config import Config

    class Session(botocore.session.Session):  # type: ignore[misc] # botocore has no types
        def __init__(self, backend: BedrockBackend, **options: Any) -> None:
            super().__init__(**options)
            self._backend = backend

        def create_client(self, service_name: str, *arguments: Any, **options: Any) -> Any:
            if service_name in _FOR_CREDENTIALS:
                options = self._by_settings(service_name, options)
            return super().create_client(service_name, *arguments, **options)

        def _by_settings(self, service: str, options: dict[str, Any]) -> dict[str, Any]:
            backend = self._backend
            own: dict[str, Any] = {}
            made = {name: value for name, value in options.items() if value is not None}
            if service == "sts" and backend.sts_endpoint:
                made.setdefault("endpoint_url", backend.sts_endpoint)
                own = {"use_fips_endpoint": False, "use_dualstack_endpoint": False}  # which an address can't be
            if backend.ca_bundle:
                made.setdefault("verify", backend.ca_bundle)
            if backend.tls_certificate is not None:
                own["client_cert"] = backend.tls_certificate
            if backend.proxy is not None:
                own["proxies"] = dict.fromkeys(("http", "https"), plain(backend.proxy))
            if own:
                config = Config(**own)
                made["config"] = config.merge(made["config"]) if "config" in made else config
            return made

    return Session
