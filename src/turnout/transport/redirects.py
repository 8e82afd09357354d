"""A call goes to the origin that was asked: a redirect to another one is an error, and nothing is sent there.

Whoever follows a redirect takes the prompt along, and whichever headers it doesn't know for credentials: httpx leaves
out `Authorization` only, not `api-key` and `x-api-key`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from turnout.errors import RedirectError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FOLLOWED = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": "80", "https": "443"}

# Libraries differ in what they make of an address that isn't quite one. So only what can be read in one way is read:
# no space, no backslash, nothing that isn't ASCII, and between the slashes a host and a port alone.
_PLAIN = re.compile(r"[!-\[\]-~]*")
_ABSOLUTE = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*):)?//(?P<login>[^/?#@]*@)?"
    r"(?P<host>[a-z0-9._-]+|\[[0-9a-f:.%]+\])(?::(?P<port>[0-9]*))?(?=[/?#]|$)",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"$|/(?!/)|[?#]|[^:/?#]+(?=[/?#]|$)")


def refuse(status: int, headers: Mapping[str, str], asked: object, close: Callable[[], object]) -> None:
    """Raise `RedirectError` for an answer that sends a call to another origin than it asked, or to no readable address.

    It is closed before: nothing of it is read. Its headers are found in whatever case.
    """
    if status not in _FOLLOWED or "location" not in headers:
        return
    location = headers["location"]
    here = _ABSOLUTE.match(str(asked))
    origin = _origin(here, "") if here is not None else "the endpoint"
    there = _ABSOLUTE.match(location) if _PLAIN.fullmatch(location) else None
    if there is None:
        if _PLAIN.fullmatch(location) and _RELATIVE.match(location):
            return
        target = "an address that can't be read"
    else:
        target = _origin(there, origin.partition(":")[0])
        if target == origin:
            if there["login"] is None:
                return
            target = f"{target} with a login"
    close()
    msg = (
        f"{origin} redirected the call to {target}, with status {status}. Nothing was sent there: credentials and "
        "prompts go to the endpoint of the settings alone. If the service has moved, set its new endpoint"
    )
    raise RedirectError(msg, status=status)


def _origin(address: re.Match[str], scheme: str) -> str:
    scheme, host = (address["scheme"] or scheme).lower(), address["host"].lower()
    port = (address["port"] or "").lstrip("0")
    return f"{scheme}://{host}" if port in {"", _PORTS.get(scheme)} else f"{scheme}://{host}:{port}"
