"""Bedrock gets nothing from the web: OpenAI's and Anthropic's APIs refuse pictures and files by their address there.

Source: https://github.com/posit-dev/chatlas/issues/410, called on Mantle; Bedrock Runtime is taken to do likewise.
"""

from __future__ import annotations

from typing import Any

from turnout_emulator.refusals import refuse

_WEB = ("https://", "http://")


def refuse_addresses(value: Any) -> None:
    """Refuse a conversation that has a web address for the service to read."""
    match value:
        case {"type": "input_image", "image_url": str(url)} if url.startswith(_WEB):
            raise refuse("bedrock_addresses.image", param="image_url")
        case {"type": "image_url", "image_url": {"url": str(url)}} if url.startswith(_WEB):
            raise refuse("bedrock_addresses.image", param="image_url")
        case {"type": "input_file", "file_url": str()}:
            raise refuse("bedrock_addresses.file", param="file_url")
        case {"source": {"type": "url"}}:
            raise refuse("bedrock_addresses.messages")
        case {"content": content}:
            refuse_addresses(content)
        case {"output": output}:
            refuse_addresses(output)
        case list():
            for part in value:
                refuse_addresses(part)
