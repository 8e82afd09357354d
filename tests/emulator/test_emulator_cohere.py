"""Cohere's embed API on Foundry: what it takes, and what it refuses in which words."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest

from tests.providers.test_clients import AZURE_KEY

if TYPE_CHECKING:
    from turnout_emulator import Emulator

BODY: dict[str, Any] = {"model": "cohere-v4", "texts": ["hello world"], "input_type": "search_query"}


def post(emulator: Emulator, body: Any, path: str = "/providers/cohere/v2/embed", key: str = AZURE_KEY) -> Any:
    headers = {"api-key": key, "content-type": "application/json"}
    sent = urllib.request.Request(emulator.azure.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(sent) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_it_answers_in_the_forms_that_are_asked_for(emulator: Emulator) -> None:
    status, answer = post(emulator, {**BODY, "embedding_types": ["float", "int8"], "output_dimension": 256})
    assert status == 200
    assert {kind: len(vectors[0]) for kind, vectors in answer["embeddings"].items()} == {"float": 256, "int8": 256}
    assert answer["meta"]["billed_units"] == {"input_tokens": 2}


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"texts": ["x"] * 97}, 400, "total number of texts must be at most 96 - received 97"),
        ({"input_type": None}, 400, "valid input_type must be provided with the provided model"),
        ({"texts": []}, 400, "list of texts must not be empty"),
        ({"dimensions": 256}, 422, "unknown field: parameter 'dimensions' is not a valid field"),
        ({"output_dimension": 100}, 400, "output_dimension 100 is not supported"),
        ({"model": "cohere-english", "output_dimension": 256}, 400, "output_dimension 256 is not supported"),
        ({"truncate": "LEFT"}, 400, "'LEFT' is not a valid truncate"),
        ({"model": "cohere-english", "texts": ["x " * 513], "truncate": "NONE"}, 400, "too many tokens"),
    ],
)
def test_coheres_refusals(emulator: Emulator, changes: dict[str, Any], status: int, said: str) -> None:
    found, answer = post(emulator, BODY | changes)
    assert found == status
    assert said in answer["message"]


def test_azures_refusals(emulator: Emulator) -> None:
    assert post(emulator, BODY, key="wrong")[1]["error"]["code"] == "401"
    assert post(emulator, {**BODY, "model": "embed-small"})[1]["error"]["code"] == "DeploymentNotFound"
    assert post(emulator, BODY, "/providers/cohere/v1/embed")[0] == 404
    openai = {"model": "cohere-v5", "input": "x"}
    assert post(emulator, openai, "/openai/v1/embeddings")[1]["error"]["code"] == "api_not_supported"


@pytest.mark.parametrize("deployment", ["cohere-english", "cohere-v4"])
def test_openais_api_serves_those_before_v5_without_a_purpose(emulator: Emulator, deployment: str) -> None:
    status, answer = post(emulator, {"model": deployment, "input": ["x", "y"]}, "/openai/v1/embeddings")
    assert status == 200
    assert [one["index"] for one in answer["data"]] == [0, 1]
