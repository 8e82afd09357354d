"""The SDKs' client classes as turnout uses them: arguments alone decide, and answers are checked.

Left to themselves they read further headers, organization, project and keys from variables that any other program may
have set, and send them to whichever server the settings name.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from turnout.transport.answers import completions, messages, responses
from turnout.transport.answers.checked import checked_class

if TYPE_CHECKING:
    from pydantic import SecretStr


@cache
def openai_class(base: Any) -> Any:
    """A client class of the openai SDK with its answers checked."""

    class Checked(_without_environment(base, "organization", "project", "admin_api_key", "webhook_secret")):  # type: ignore[misc] # the class comes when the SDK is first needed
        @cached_property
        def chat(self) -> Any:
            base: Any = type(super().chat)
            return completions.chat_class(base)(self)

        @cached_property
        def responses(self) -> Any:
            base: Any = type(super().responses)
            return checked_class(base, responses.read)(self)

    return _named(Checked, base)


@cache
def anthropic_class(base: Any) -> Any:
    """A client class of the anthropic SDK with its answers checked."""

    class Checked(_without_environment(base, "api_key", "auth_token", "webhook_key")):  # type: ignore[misc] # likewise
        @cached_property
        def messages(self) -> Any:
            base: Any = type(super().messages)
            return checked_class(base, messages.read)(self)

    return _named(Checked, base)


def _without_environment(base: Any, *looked_up: str) -> Any:
    """A client class that looks nothing up, copies of its clients included.

    Args:
        base: The SDK's class. Address and credential are always given, which keeps it from looking those up.
        looked_up: What else it would look up, as argument and attribute. None means none.
    """

    class Isolated(base):  # type: ignore[misc] # likewise
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            for name in looked_up:
                setattr(self, name, arguments.get(name))
            # OPENAI_CUSTOM_HEADERS or ANTHROPIC_CUSTOM_HEADERS are in these by now: there is no argument against that.
            self._custom_headers = dict(arguments.get("default_headers") or {})

    return Isolated


def _named(made: Any, base: Any) -> Any:
    made.__name__ = made.__qualname__ = base.__name__
    return made


def plain(secret: SecretStr | None) -> str | None:
    """A secret as an SDK takes it; called where it is passed, so that no variable holds it."""
    return None if secret is None else secret.get_secret_value()
