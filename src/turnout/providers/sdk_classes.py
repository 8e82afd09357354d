"""The SDKs' client classes as turnout uses them: arguments alone decide, and answers are checked.

Left to themselves they read further headers, organization, project and keys from variables that any other program may
have set, and send them to whichever server the settings name.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from turnout.transport.answers.checked import checked_class
from turnout.transport.answers.completions import completions_class
from turnout.transport.answers.responses import ResponseEvents, response
from turnout.transport.answers.validation import MessageEvents, message
from turnout.transport.http_clients import async_transport, sync_transport

if TYPE_CHECKING:
    from turnout.settings import BackendSettings


@cache
def openai_class(base: Any) -> Any:
    """A client class of the openai SDK with its answers checked."""
    import openai

    class Checked(_without_environment(base, "organization", "project", "admin_api_key", "webhook_secret")):  # type: ignore[misc] # the class comes when the SDK is first needed
        @cached_property
        def chat(self) -> Any:
            chat: Any = super().chat
            base: Any = type(chat.completions)
            chat.completions = completions_class(base)(self)
            return chat

        @cached_property
        def responses(self) -> Any:
            base: Any = type(super().responses)
            return checked_class(base, openai, response, ResponseEvents)(self)

    return _renamed(Checked, base)


@cache
def anthropic_class(base: Any) -> Any:
    """A client class of the anthropic SDK with its answers checked."""
    import anthropic

    class Checked(_without_environment(base, "api_key", "auth_token", "webhook_key")):  # type: ignore[misc] # likewise
        @cached_property
        def messages(self) -> Any:
            base: Any = type(super().messages)
            return checked_class(base, anthropic, message, MessageEvents)(self)

    return _renamed(Checked, base)


def _without_environment(base: Any, *looked_up: str) -> Any:
    """A client class that looks nothing up, as its copies don't either.

    Address and credential are always passed. `looked_up` is what else it would look up, as argument and attribute.
    """

    class Isolated(base):  # type: ignore[misc] # likewise
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            for name in looked_up:
                setattr(self, name, arguments.get(name))
            # OPENAI_CUSTOM_HEADERS or ANTHROPIC_CUSTOM_HEADERS are in these by now: there is no argument against that.
            self._custom_headers = dict(arguments.get("default_headers") or {})
            if getattr(self, "_platform", "") is None:
                # An async client finds its platform out on a thread of the event loop's, with its first request. The
                # interpreter gives none once its main thread has ended, though others still work.
                self._platform = self.platform_headers()["X-Stainless-OS"]

    return Isolated


def _renamed(made: Any, base: Any) -> Any:
    made.__name__ = made.__qualname__ = base.__name__
    return made


def http_clients(sdk: Any, backend: BackendSettings, **options: Any) -> tuple[Any, Any]:
    """An SDK's HTTP clients for threads and for coroutines, over turnout's transports."""
    sync, aio = sync_transport(backend, sdk.__name__), async_transport(backend, sdk.__name__)
    return (
        sdk.DefaultHttpxClient(transport=sync, trust_env=False, **options),
        sdk.DefaultAsyncHttpxClient(transport=aio, trust_env=False, **options),
    )
