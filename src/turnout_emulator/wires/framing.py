"""JSON, server-sent events and AWS's event streams, as the services write them.

A frame of `application/vnd.amazon.eventstream` is a prelude (length of the frame, length of its headers, CRC of both),
the headers, the payload and a CRC of all that, as
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html describes it.
"""

from __future__ import annotations

import json
import struct
from binascii import crc32
from collections.abc import Mapping
from typing import Any

AWS_STREAM = "application/vnd.amazon.eventstream"
_STRING = 7  # header value type


def dumps(value: Mapping[str, Any]) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def event(data: Mapping[str, Any], name: str | None = None) -> bytes:
    """A server-sent event."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + dumps(data) + b"\n\n"


def aws_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame of an AWS stream, with string headers."""
    head = b""
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        head += struct.pack("!B", len(key)) + key + struct.pack("!BH", _STRING, len(text)) + text
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return message + struct.pack("!I", crc32(message))


def aws_event(name: str, payload: Mapping[str, Any], kind: str = "event") -> bytes:
    """An event of an AWS stream, or with `kind="exception"` an error in the middle of it."""
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    return aws_frame(headers, dumps(payload))
