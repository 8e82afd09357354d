"""What turnout's own packages take of others that is not public: each of these fails when upstream moves it."""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import Any

import aiohttp
import anthropic
import azure.identity
import httpx
import openai
import pytest

from turnout import runtime

CLIENTS: dict[str, Any] = {
    "openai": lambda: openai.OpenAI(api_key="k"),
    "openai, async": lambda: openai.AsyncOpenAI(api_key="k"),
    "foundry": lambda: anthropic.AnthropicFoundry(api_key="k", resource="r"),
    "foundry, async": lambda: anthropic.AsyncAnthropicFoundry(api_key="k", resource="r"),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_clients_headers_of_the_environment(name: str) -> None:
    """`providers/sdk_classes.py` replaces them."""
    assert "_custom_headers" in vars(CLIENTS[name]())


@pytest.mark.parametrize("name", ["openai, async", "foundry, async"])
def test_an_async_clients_platform(name: str) -> None:
    """`providers/sdk_classes.py` finds it out beforehand."""
    made = CLIENTS[name]()
    assert vars(made)["_platform"] is None
    assert made.platform_headers()["X-Stainless-OS"]


@pytest.mark.parametrize("name", ["foundry", "foundry, async"])
def test_a_foundry_clients_token_provider(name: str) -> None:
    """`providers/foundry.py` sets it."""
    made = CLIENTS[name]()
    assert "_azure_ad_token_provider" in vars(made)


def test_an_sdks_resource_knows_its_client() -> None:
    """`transport/answers/completions.py` makes resources of its own for it."""
    client = openai.OpenAI(api_key="k")
    assert vars(client.chat)["_client"] is client
    assert vars(client.chat.completions)["_client"] is client


def test_a_principals_regional_authority() -> None:
    """`providers/credentials/azure.py` keeps it from being looked up."""
    made = azure.identity.ClientSecretCredential("t", "c", "s")
    assert "_regional_authority" in vars(made)


def test_what_httpx_keeps_of_an_exchange() -> None:
    """`redaction.py` takes secrets out of it."""
    response = httpx.Response(200, text="hello", request=httpx.Request("GET", "https://a.example"))
    assert response.text == "hello"
    assert {"_request", "_content", "_text"} <= vars(response).keys()


def test_what_aiohttp_keeps_of_a_connection() -> None:
    """`redaction.py` takes the proxy's password out of it."""
    from aiohttp.client_reqrep import ConnectionKey

    assert "proxy_auth" in ConnectionKey._fields
    login: Any = "user:secret"
    key = ConnectionKey("a.example", 443, True, True, None, login, None)
    error = aiohttp.ClientConnectorError(key, OSError("no"))
    assert vars(error)["_conn_key"] is key


def test_what_an_event_loop_shares_with_a_forked_child() -> None:
    """`transport/fork_safety.py` gives the child its own."""
    loop: Any = asyncio.SelectorEventLoop()
    try:
        assert loop._csock.fileno() >= 0
        assert loop._ssock.fileno() >= 0
        assert loop._selector.get_map() is not None
        assert loop._default_executor is None
    finally:
        loop.close()


def test_the_locks_of_imports() -> None:
    """`runtime/imports.py` frees those of the parent's threads."""
    bootstrap: Any = vars(importlib)["_bootstrap"]
    assert isinstance(bootstrap._module_locks, dict)


def test_the_lock_of_models() -> None:
    """`runtime/imports.py` gives a forked child its own."""
    models: Any = vars(importlib.import_module("pydantic.main"))
    assert hasattr(models["_rebuild_lock"], "acquire")


@pytest.mark.parametrize(("module", "name"), sorted(runtime._WITHIN))
def test_what_a_fork_waits_for(module: str, name: str) -> None:
    """`runtime` looks for frames of these functions."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    assert found.__qualname__ == name


def test_the_environment_can_be_compared_quickly() -> None:
    """Without that mapping `settings/load.py` copies the environment for each call by its public names."""
    assert isinstance(vars(os.environ)["_data"], dict)
