from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
import tomllib
import warnings
from pathlib import Path

import aiohttp
import httpx
import pytest

import turnout_emulator as package
from turnout_emulator import Answer, Emulator, EmulatorError, Failure
from turnout_emulator.accounts import AZURE_KEY
from turnout_emulator.catalogue import AZURE_DEPLOYMENTS, MANTLE_MODELS

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def test_starts_stops_and_starts_again() -> None:
    emulator = Emulator()
    threads = threading.active_count()
    for _ in range(2):
        emulator.start()
        url, ca_file = emulator.azure.url, Path(emulator.ca_file)
        assert httpx.get(f"{url}/openai/v1/models", headers={"api-key": AZURE_KEY}).status_code == 200
        emulator.stop()
        assert not ca_file.exists()
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
    emulator.stop()
    assert threading.active_count() == threads


async def test_async_context() -> None:
    async with Emulator() as emulator, httpx.AsyncClient() as client:
        assert (await client.get(f"{emulator.bedrock.url}/nowhere")).status_code == 404


def test_stops_with_requests_under_way() -> None:
    with Emulator() as emulator:
        emulator.queue(Failure.hang(60))
        failed = threading.Event()

        def ask() -> None:
            url = f"{emulator.azure.url}/openai/v1/chat/completions"
            with contextlib.suppress(httpx.HTTPError):
                httpx.post(url, headers={"api-key": AZURE_KEY}, json=BODY, timeout=30)
            failed.set()

        thread = threading.Thread(target=ask)
        thread.start()
        while not emulator.requests:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 30 / 2  # the client would have given up after 30 seconds, the service after 60
    thread.join(5)
    assert failed.is_set()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError, match=rf"127\.0\.0\.1:{port} for bedrock.*choose another port"):
            Emulator(ports={"bedrock": port}).start()


def test_an_address_that_others_reach_is_warned_about() -> None:
    # No machine has this address, so nothing listens there in the end.
    warned = pytest.warns(UserWarning, match=r"listens on 192\.0\.2\.1: other machines can call it")
    with warned, pytest.raises(EmulatorError, match="can't listen on 192"):
        Emulator(host="192.0.2.1").start()
    with warnings.catch_warnings(), Emulator(host="localhost"):
        warnings.simplefilter("error")


def test_using_it_before_it_runs_says_so() -> None:
    emulator = Emulator()
    with pytest.raises(EmulatorError, match="not running"):
        emulator.environment("azure")
    with emulator, pytest.raises(EmulatorError, match="running already"):
        emulator.start()


def test_fixed_ports_are_used() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Emulator(ports={"openai": port}) as emulator:
        assert emulator.openai.url == f"http://127.0.0.1:{port}"


def test_settings_file_names_every_backend(emulator: Emulator) -> None:
    settings = tomllib.loads(emulator.settings_toml())
    assert settings["backends"]["azure"]["endpoint"] == emulator.azure.url
    assert set(settings["chat"]) == {"default", "fast"}
    for routes in (*settings["chat"].values(), *settings["embedding"].values()):
        assert set(routes) == {"azure", "bedrock", "openai"}


def test_settings_file_with_every_wire(emulator: Emulator) -> None:
    settings = tomllib.loads(emulator.settings_toml(every_wire=True))
    assert settings["backends"]["bedrock"]["mantle_endpoint"] == emulator.mantle.url
    assert set(settings["chat"]) == {"default", "fast", "claude", "responses", "open-weight"}
    assert settings["chat"]["claude"]["azure"]["deployment"] in AZURE_DEPLOYMENTS
    assert settings["chat"]["responses"]["bedrock"] in MANTLE_MODELS


def test_variables_for_foundry_and_mantle(emulator: Emulator) -> None:
    assert emulator.environment("foundry")["ANTHROPIC_FOUNDRY_BASE_URL"] == f"{emulator.azure.url}/anthropic/"
    mantle = emulator.environment("mantle")
    assert mantle["AWS_BEDROCK_BASE_URL"] == f"{emulator.mantle.url}/openai/v1"
    assert mantle["AWS_ACCESS_KEY_ID"] == emulator.accounts.default_aws_key().access_key


def test_unknown_target_lists_the_known(emulator: Emulator) -> None:
    with pytest.raises(ValueError, match="managed-identity"):
        emulator.environment("gcp")


def test_only_the_newest_requests_are_kept() -> None:
    with Emulator(keep=3) as emulator:
        for number in range(5):
            httpx.get(f"{emulator.openai.url}/{number}")
        assert [received.path for received in emulator.requests] == ["/2", "/3", "/4"]


def test_logs_and_prints_nothing_of_secrets(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG, logger="turnout_emulator"):
        httpx.post(f"{emulator.azure.url}/openai/v1/chat/completions", headers={"api-key": AZURE_KEY}, json=BODY)
    assert "/openai/v1/chat/completions -> 200" in caplog.text
    assert AZURE_KEY not in caplog.text
    assert capfd.readouterr() == ("", "")


async def test_a_thousand_requests_in_flight() -> None:
    async with Emulator(delay=1.5) as emulator:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def ask() -> int:
                url = f"{emulator.azure.url}/openai/v1/chat/completions"
                async with session.post(url, headers={"api-key": AZURE_KEY}, json=BODY) as response:
                    await response.read()
                    return response.status

            started = time.monotonic()
            statuses = await asyncio.gather(*(ask() for _ in range(1000)))
            took = time.monotonic() - started
    assert statuses == [200] * 1000
    assert took < 1000 * 1.5 / 10  # one after another they would take 25 minutes


def test_delay_and_chunk_delay(emulator: Emulator) -> None:
    emulator.queue(Answer("one two three", delay=0.2, chunk_delay=0.1))
    started = time.monotonic()
    with httpx.stream(
        "POST",
        f"{emulator.azure.url}/openai/v1/chat/completions",
        headers={"api-key": AZURE_KEY},
        json={**BODY, "stream": True},
    ) as response:
        first = time.monotonic() - started
        lines = [line for line in response.iter_lines() if line]
    total = time.monotonic() - started
    assert first >= 0.2
    assert total >= 0.2 + 0.4
    assert lines[-1] == "data: [DONE]"


def test_public_names() -> None:
    assert sorted(package.__all__) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
