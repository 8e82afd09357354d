"""The server that all contestants call, in a process of its own: canned answers after a settable delay.

`python -m benchmarks.server` prints its port and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from urllib.request import urlopen

from aiohttp import web

from benchmarks import canned

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVENT_STREAM = "application/vnd.amazon.eventstream"
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Counted:
    """What the server saw since it was last asked.

    Attributes:
        requests: Requests answered, refused or being answered.
        peak: Most requests that it had at once.
        refused: Requests that were throttled.
    """

    requests: int = 0
    peak: int = 0
    refused: int = 0


class Throttle:
    """Refuses a share of the requests at random, the same ones in each run, and what goes beyond a quota.

    Args:
        share: Of all requests, from 0 to 1.
        quota: Requests a second, of which a second's worth may come at once; 0 for no quota.
    """

    def __init__(self, share: float = 0, quota: float = 0) -> None:
        self._share, self._quota = share, quota
        self._random = random.Random(7)
        self._left, self._at = quota, 0.0

    def refuses(self, now: float) -> bool:
        """Whether a request that comes now is refused; one that isn't is taken from the quota."""
        if self._random.random() < self._share:
            return True
        if self._quota:
            self._left, self._at = min(self._quota, self._left + (now - self._at) * self._quota), now
            if self._left < 1:
                return True
            self._left -= 1
        return False


class Canned:
    """Answers requests; `/_control?delay=…&gap=…` sets the delays and tells what was counted since the last one.

    `share` of the requests is throttled at random, and what goes beyond `quota` a second.
    """

    def __init__(self) -> None:
        self._delay = 0.0
        self._gap = 0.0
        self._throttle = Throttle()
        self._open = 0
        self._counted = Counted()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path == "/_control":
            return self._control(request)
        self._counted.requests += 1
        self._open += 1
        self._counted.peak = max(self._counted.peak, self._open)
        try:
            arrived = asyncio.get_running_loop().time()
            # Of any size: `request.read` would refuse 2,000 chunks at once.
            body = await request.content.read()
            if self._throttle.refuses(arrived):
                self._counted.refused += 1
                return web.Response(status=429, headers=canned.THROTTLED, body=canned.THROTTLED_BODY)
            return await self._answer(request, body, arrived)
        finally:
            self._open -= 1

    def _control(self, request: web.BaseRequest) -> web.Response:
        self._delay = float(request.query.get("delay", self._delay))
        self._gap = float(request.query.get("gap", self._gap))
        if request.query:
            self._throttle = Throttle(float(request.query.get("share", 0)), float(request.query.get("quota", 0)))
        seen, self._counted = self._counted, Counted()
        return web.json_response(asdict(seen))

    async def _answer(self, request: web.BaseRequest, body: bytes, arrived: float) -> web.StreamResponse:
        path = request.path
        if path.endswith("/converse-stream"):
            return await self._stream(request, canned.converse_stream(), _EVENT_STREAM, arrived)
        if path.endswith("/chat/completions") and b'"stream":true' in body.replace(b" ", b""):
            return await self._stream(request, canned.openai_stream(), "text/event-stream", arrived)
        answer = _whole(path, body)
        await _until(arrived + self._delay)
        if answer is None:
            return web.json_response({"error": {"code": "404", "message": f"nothing is at {path}"}}, status=404)
        return web.Response(body=answer, content_type="application/json")

    async def _stream(
        self, request: web.BaseRequest, stream: tuple[list[bytes], bytes], content_type: str, arrived: float
    ) -> web.StreamResponse:
        pieces, end = stream
        response = web.StreamResponse(headers={"Content-Type": content_type})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for index, piece in enumerate(pieces):
            # Due by the clock, so that a busy server doesn't stretch the stream.
            await _until(arrived + self._delay + index * self._gap)
            await response.write(piece)
        await _until(arrived + self._delay + len(pieces) * self._gap)
        await response.write(end)
        await response.write_eof()
        return response


async def _until(due: float) -> None:
    left = due - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)


def _whole(path: str, body: bytes) -> bytes | None:
    if path.endswith("/chat/completions"):
        return canned.openai_chat()
    if path.endswith("/converse"):
        return canned.converse()
    if path.endswith("/embeddings"):
        asked = json.loads(body)
        texts = asked["input"]
        count = len(texts) if isinstance(texts, list) else 1
        return canned.openai_embeddings(count, as_base64=asked.get("encoding_format") == "base64")
    if path.endswith("/invoke"):
        model = unquote(path)
        if "titan" in model:
            return canned.titan()
        asked = json.loads(body)
        version = "v4" if "embed-v4" in model else "v3"
        return canned.cohere(len(asked["texts"]), version=version, by_type=bool(asked.get("embedding_types")))
    return None


async def _serve() -> None:
    runner = web.ServerRunner(web.Server(Canned().handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@dataclass(frozen=True, slots=True)
class Server:
    """The running server, as a client sees it.

    Attributes:
        url: Its address, like `http://127.0.0.1:40123`.
    """

    url: str

    def set(self, *, delay: float = 0.0, gap: float = 0.0, share: float = 0.0, quota: float = 0.0) -> None:
        """Set the seconds before an answer and between the pieces of a stream, and what is throttled.

        Args:
            delay: Seconds before an answer.
            gap: Seconds between the pieces of a stream.
            share: The share of the requests that is refused at random.
            quota: Requests a second, beyond which they are refused; 0 for no quota.
        """
        self._control(f"?delay={delay}&gap={gap}&share={share}&quota={quota}")

    def counted(self) -> Counted:
        """What the server saw since this or `set` was last called."""
        return Counted(**self._control(""))

    def _control(self, query: str) -> dict[str, Any]:
        with urlopen(f"{self.url}/_control{query}", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def running() -> Iterator[Server]:
    """A server in a process of its own, for as long as the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            msg = "the benchmark's server did not start"
            raise RuntimeError(msg)
        yield Server(f"http://127.0.0.1:{port}")
    finally:
        process.communicate("", timeout=30)


if __name__ == "__main__":
    asyncio.run(_serve())
