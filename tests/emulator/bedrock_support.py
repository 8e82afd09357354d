"""What the tests of Bedrock ask, and what its errors say."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

SONNET = "us.anthropic.claude-sonnet-4-6"

NOVA = "amazon.nova-micro-v1:0"

HELLO: Any = [{"role": "user", "content": [{"text": "Hello"}]}]

WEATHER: Any = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "description": "Get the weather at a location.",
                "inputSchema": {
                    "json": {
                        "type": "object",
                        "properties": {"location": {"type": "string"}},
                        "required": ["location"],
                    }
                },
            }
        }
    ]
}


def error(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
