"""The proxy of a backend: its address, and apart from that its password."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from turnout.errors import SettingsError
from turnout.redaction import redact
from turnout.settings import Secret

if TYPE_CHECKING:
    from pydantic import SecretStr

    from turnout.settings import BackendSettings


class Proxy(NamedTuple):
    """A proxy; `url` is its address, without a user's name or password."""

    url: str
    login: Secret | None

    def headers(self) -> dict[str, str]:
        """What it is sent besides the request."""
        return {} if self.login is None else {"Proxy-Authorization": self.login.get_secret_value()}

    def refused(self, error: BaseException) -> str:
        """What to say of an error that came of it."""
        status, original = getattr(error, "status", None), getattr(error, "original_error", error)
        why = f"{status} {getattr(error, 'message', '')}" if status else redact(str(original))
        return f"no way through the proxy {self.url}: {why}"


def proxy_of(backend: BackendSettings) -> Proxy | None:
    """The proxy of a backend, if it has one."""
    if backend.proxy is None:
        return None
    made = _parsed(backend.proxy)
    if made is None:  # raised from here, where no variable holds the password
        msg = "the proxy is not a URL of an HTTP proxy; write it with its scheme, like 'http://proxy.example:3128'"
        raise SettingsError(msg)
    return made


def _parsed(secret: SecretStr) -> Proxy | None:
    try:
        address = urlsplit(secret.get_secret_value())
        host, port = address.hostname, address.port
    except ValueError:
        return None
    if not host or address.scheme not in {"http", "https"}:
        return None
    host = f"[{host}]" if ":" in host else host
    login = None
    if address.username or address.password:
        pair = f"{unquote(address.username or '')}:{unquote(address.password or '')}"
        login = Secret("Basic " + b64encode(pair.encode()).decode())
    return Proxy(f"{address.scheme}://{host}" + ("" if port is None else f":{port}"), login)
