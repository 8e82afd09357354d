"""The HTTP client alone: aiohttp for coroutines, http.client for threads; on Bedrock with botocore's signature."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import threading
from abc import abstractmethod
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import aiohttp
import numpy as np

from benchmarks.contestants.base import BATCH, CHAT, EMBEDDING, QUESTION, REGION, Contestant, Names, Place, Vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class _Raw(Contestant):
    name = Names.RAW

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.in_flight = 50
        self._session: aiohttp.ClientSession | None = None
        self._threads = threading.local()

    def _aio(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @abstractmethod
    def _headers(self, url: str, body: bytes) -> dict[str, str]: ...

    async def _apost(self, url: str, asked: dict[str, Any]) -> Any:
        body = json.dumps(asked).encode()
        async with self._aio().post(url, data=body, headers=self._headers(url, body)) as response:
            response.raise_for_status()
            return json.loads(await response.read())

    def _post(self, url: str, asked: dict[str, Any]) -> Any:
        parts = urlsplit(url)
        connection: http.client.HTTPConnection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = http.client.HTTPConnection(parts.netloc)
        body = json.dumps(asked).encode()
        connection.request("POST", parts.path, body, self._headers(url, body))
        return json.loads(connection.getresponse().read())

    @abstractmethod
    async def _vectors(self, model: str, texts: list[str]) -> Vectors: ...

    async def aembed(self, model: str, texts: list[str]) -> Vectors:
        """In the largest requests that the model takes, `in_flight` at a time."""
        size = BATCH[model]
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        gate = asyncio.Semaphore(self.in_flight)

        async def one(batch: list[str]) -> Vectors:
            async with gate:
                return await self._vectors(model, batch)

        return [vector for part in await asyncio.gather(*map(one, batches)) for vector in part]


class RawAzure(_Raw):
    def _headers(self, url: str, body: bytes) -> dict[str, str]:  # noqa: ARG002
        return {"Authorization": f"Bearer {self.place.azure_key}", "Content-Type": "application/json"}

    @property
    def _url(self) -> str:
        return f"{self.place.azure}chat/completions"

    def _asked(self, **options: Any) -> dict[str, Any]:
        return {"model": CHAT["Azure"], "messages": [{"role": "user", "content": QUESTION}], **options}

    def chat(self) -> str:
        return str(self._post(self._url, self._asked())["choices"][0]["message"]["content"])

    async def achat(self) -> str:
        return str((await self._apost(self._url, self._asked()))["choices"][0]["message"]["content"])

    async def astream(self) -> AsyncIterator[str]:
        body = json.dumps(self._asked(stream=True), separators=(",", ":")).encode()
        async with self._aio().post(self._url, data=body, headers=self._headers(self._url, body)) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        yield choice["delta"].get("content") or ""

    async def _vectors(self, model: str, texts: list[str]) -> Vectors:
        asked = {"model": EMBEDDING[model], "input": texts, "encoding_format": "base64"}
        answer = await self._apost(f"{self.place.azure}embeddings", asked)
        return [np.frombuffer(base64.b64decode(item["embedding"]), "<f4").tolist() for item in answer["data"]]


class RawBedrock(_Raw):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        from botocore.auth import SigV4Auth
        from botocore.credentials import Credentials

        self._signer = SigV4Auth(Credentials(place.access_key, place.secret_key), "bedrock", REGION)

    def _headers(self, url: str, body: bytes) -> dict[str, str]:
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("POST", url, {"Content-Type": "application/json"}, body)
        self._signer.add_auth(request)
        return dict(request.headers.items())

    def _url(self, operation: str, model: str = CHAT["Bedrock"]) -> str:
        return f"{self.place.bedrock}/model/{quote(model, safe='')}/{operation}"

    @staticmethod
    def _asked() -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": [{"text": QUESTION}]}], "inferenceConfig": {}}

    def chat(self) -> str:
        return str(self._post(self._url("converse"), self._asked())["output"]["message"]["content"][0]["text"])

    async def achat(self) -> str:
        answer = await self._apost(self._url("converse"), self._asked())
        return str(answer["output"]["message"]["content"][0]["text"])

    async def astream(self) -> AsyncIterator[str]:
        from botocore.eventstream import EventStreamBuffer

        url, body = self._url("converse-stream"), json.dumps(self._asked()).encode()
        frames = EventStreamBuffer()
        async with self._aio().post(url, data=body, headers=self._headers(url, body)) as response:
            async for part in response.content.iter_any():
                frames.add_data(part)
                for frame in frames:
                    if frame.headers[":event-type"] == "contentBlockDelta":
                        yield json.loads(frame.payload)["delta"]["text"]

    async def _vectors(self, model: str, texts: list[str]) -> Vectors:
        url = self._url("invoke", EMBEDDING[model])
        if model == "Titan":
            return [(await self._apost(url, {"inputText": texts[0], "normalize": True}))["embedding"]]
        answer = await self._apost(url, {"texts": texts, "input_type": "search_document", "truncate": "NONE"})
        vectors: Vectors = answer["embeddings"]
        return vectors
