"""The SDKs' clients without the environment: what they aren't given they do without, and don't look up.

Left to themselves they read further headers, organization, project and keys from variables that any other program may
have set, and send them to whichever server the settings name.
"""

from __future__ import annotations

from functools import cache
from typing import Any

# What a client of one of the two SDKs would otherwise look up, as argument and attribute. None means none.
_LOOKED_UP = {
    "openai": ("organization", "project", "admin_api_key", "webhook_secret"),
    "anthropic": ("api_key", "auth_token", "webhook_key"),
}


@cache
def explicit(kind: Any) -> Any:
    """A client class of the openai or anthropic SDK for which arguments alone decide; in copies of its clients too.

    Address and credential are always given, which keeps the SDK from looking them up.
    """
    homes = (base.__module__.partition(".")[0] for base in kind.__mro__)
    looked_up = _LOOKED_UP[next(home for home in homes if home in _LOOKED_UP)]

    class Explicit(kind):  # type: ignore[misc] # the class comes when the SDK is first needed
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            for name in looked_up:
                setattr(self, name, given.get(name))
            # OPENAI_CUSTOM_HEADERS or ANTHROPIC_CUSTOM_HEADERS are in these by now: there is no argument against that.
            self._custom_headers = dict(given.get("default_headers") or {})

    Explicit.__name__ = Explicit.__qualname__ = kind.__name__
    return Explicit
