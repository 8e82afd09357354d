from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import openai
import pytest
from botocore.config import Config

from turnout_emulator import Emulator
from turnout_emulator.accounts import AZURE_KEY, OPENAI_KEY


@pytest.fixture
def emulator(emulator: Emulator) -> Iterator[Emulator]:
    """The emulator of the run, with nothing queued and nothing received."""
    emulator.clear()
    yield emulator
    emulator.clear()


@pytest.fixture
def azure(emulator: Emulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{emulator.azure.url}/openai/v1/", api_key=AZURE_KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def dated(emulator: Emulator) -> Iterator[openai.AzureOpenAI]:
    with openai.AzureOpenAI(
        azure_endpoint=emulator.azure.url, api_key=AZURE_KEY, api_version="2024-10-21", max_retries=0
    ) as client:
        yield client


@pytest.fixture
def plain(emulator: Emulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{emulator.openai.url}/v1", api_key=OPENAI_KEY, max_retries=0) as client:
        yield client


def _bedrock_client(emulator: Emulator, **overrides: Any) -> Any:
    key = emulator.accounts.default_aws_key()
    arguments: dict[str, Any] = {
        "endpoint_url": emulator.bedrock.url,
        "region_name": "us-east-1",
        "aws_access_key_id": key.access_key,
        "aws_secret_access_key": key.secret_key,
        "config": Config(retries={"total_max_attempts": 1}),
    }
    return boto3.Session().client("bedrock-runtime", **{**arguments, **overrides})


@pytest.fixture
def bedrock(emulator: Emulator) -> Iterator[Any]:
    client = _bedrock_client(emulator)
    yield client
    client.close()


@pytest.fixture
def bedrock_with(emulator: Emulator) -> Iterator[Callable[..., Any]]:
    """Makes Bedrock clients with other arguments."""
    made = []

    def make(**overrides: Any) -> Any:
        made.append(_bedrock_client(emulator, **overrides))
        return made[-1]

    yield make
    for client in made:
        client.close()
