"""The embedding models of Bedrock: each family's requests, and vectors of its own."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.bedrock_support import error

EMBEDDING: Any = [
    ("amazon.titan-embed-text-v1", {"inputText": "hello world"}, lambda answer: answer["embedding"], 1536),
    (
        "amazon.titan-embed-text-v2:0",
        {"inputText": "hello world", "dimensions": 256, "normalize": True},
        lambda answer: answer["embeddingsByType"]["float"],
        256,
    ),
    (
        "cohere.embed-english-v3",
        {"texts": ["hello world"], "input_type": "search_query"},
        lambda answer: answer["embeddings"][0],
        1024,
    ),
    (
        "cohere.embed-v4:0",
        {"texts": ["hello world"], "input_type": "search_document", "output_dimension": 512},
        lambda answer: answer["embeddings"]["float"][0],
        512,
    ),
    (
        "amazon.nova-2-multimodal-embeddings-v1:0",
        {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "GENERIC_INDEX",
                "embeddingDimension": 1024,
                "text": {"value": "hello world", "truncationMode": "NONE"},
            },
        },
        lambda answer: answer["embeddings"][0]["embedding"],
        1024,
    ),
]


@pytest.mark.parametrize(("model", "body", "vector", "dimensions"), EMBEDDING, ids=[case[0] for case in EMBEDDING])
def test_embedding_families(bedrock: Any, model: str, body: Any, vector: Any, dimensions: int) -> None:
    response = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    found = vector(json.loads(response["body"].read()))
    assert len(found) == dimensions
    length = math.sqrt(sum(value * value for value in found))
    assert length == pytest.approx(18.7 if model.endswith("-v1") else 1.0, abs=0.01)
    assert int(response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-input-token-count"]) == 2


@pytest.mark.parametrize(
    ("model", "body", "message"),
    [
        ("amazon.titan-embed-text-v1", {"inputText": "x", "dimensions": 256}, "extraneous key"),
        ("amazon.titan-embed-text-v1", {"inputText": ""}, "expected minLength: 1"),
        ("amazon.titan-embed-text-v2:0", {"inputText": "x", "dimensions": 300}, "not a valid enum value"),
        ("cohere.embed-english-v3", {"texts": ["x"]}, r"required key \[input_type\]"),
        ("cohere.embed-english-v3", {"texts": ["x"] * 97, "input_type": "search_query"}, "maximum item count: 96"),
        ("cohere.embed-english-v3", {"texts": ["x" * 2049], "input_type": "search_query"}, "maxLength: 2048"),
        ("cohere.embed-english-v3", {"texts": ["x y " * 500], "input_type": "search_query"}, "too many tokens"),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "SEARCH"}},
            "embeddingPurpose",
        ),
        ("amazon.nova-micro-v1:0", {"inputText": "x"}, "call amazon.nova-micro-v1:0 through Converse"),
    ],
)
def test_invalid_embedding_requests(bedrock: Any, model: str, body: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        bedrock.invoke_model(modelId=model, body=json.dumps(body))
    assert error(caught) == (400, "ValidationException")


def test_titan_and_ada_share_a_length_but_no_direction(bedrock: Any, azure: Any) -> None:
    body = json.dumps({"inputText": "a bridge over the river"})
    answer = bedrock.invoke_model(modelId="amazon.titan-embed-text-v1", body=body)
    titan = json.loads(answer["body"].read())["embedding"]
    ada = azure.embeddings.create(model="ada", input="a bridge over the river").data[0].embedding
    assert len(titan) == len(ada)
    assert abs(sum(left * right for left, right in zip(titan, ada, strict=True))) / 18.7 < 0.2
