"""A Qdrant server for tests: qdrant-client's own engine, in memory, behind the paths of Qdrant's REST API.

Qdrant's server is in no package of pip or Debian. What it does with points is the engine's; this only carries it.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class QdrantServer(ThreadingHTTPServer):
    """The server.

    Attributes:
        keeps_metadata: Whether collections have metadata, as since Qdrant 1.16; an older server ignores them.
        keys: The API keys of the requests.
        asked: Method and path of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        from qdrant_client import QdrantClient

        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine = QdrantClient(":memory:", force_disable_check_same_thread=True)
        self.turn = threading.Lock()
        self.keeps_metadata = True
        self.keys: set[str | None] = set()
        self.asked: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing of a client that was killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: QdrantServer

    def _serve(self) -> None:
        given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.keys.add(self.headers.get("api-key"))
        path = self.path.partition("?")[0].strip("/").split("/")
        self.server.asked.append(f"{self.command} {'/'.join(path[2:])}")
        status = 200
        try:
            with self.server.turn:
                answer: dict[str, Any] = {"result": self._do(path, json.loads(given) if given else {}), "status": "ok"}
        except ValueError as error:
            status = 404 if "not found" in str(error) else 400
            answer = {"status": {"error": str(error)}}
        sent = json.dumps({**answer, "time": 0.0}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - as the base class calls them

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _do(self, path: list[str], body: dict[str, Any]) -> Any:
        from qdrant_client import models

        engine = self.server.engine
        if path == ["collections"]:
            return engine.get_collections().model_dump(mode="json")
        _, name, *rest = path
        if not self.server.keeps_metadata:
            body.pop("metadata", None)
        done = {"operation_id": 1, "status": "completed"}
        match f"{self.command} {'/'.join(rest)}":
            case "GET ":
                return engine.get_collection(name).model_dump(mode="json")
            case "GET exists":
                return {"exists": engine.collection_exists(name)}
            case "PUT ":
                vectors = models.CreateCollection.model_validate(body).vectors
                return engine.create_collection(name, vectors, metadata=body.get("metadata"))
            case "PATCH ":
                return engine.update_collection(name, metadata=body.get("metadata"))
            case "DELETE ":
                return engine.delete_collection(name)
            case "PUT index":
                return done
            case "PUT points":
                engine.upsert(name, [models.PointStruct.model_validate(point) for point in body["points"]])
                return done
            case "POST points":
                found = engine.retrieve(name, body["ids"], with_vectors=body.get("with_vector") or False)
                return [point.model_dump(mode="json") for point in found]
            case "POST points/delete":
                chosen: Any = body.get("points")
                engine.delete(name, chosen if chosen is not None else models.Filter.model_validate(body["filter"]))
                return done
            case "POST points/count":
                return {"count": engine.count(name).count}
            case "POST points/scroll":
                asked = models.ScrollRequest.model_validate(body)
                points, offset = engine.scroll(
                    name, asked.filter, asked.limit or 10, offset=asked.offset, with_vectors=asked.with_vector or False
                )
                return {"points": [point.model_dump(mode="json") for point in points], "next_page_offset": offset}
            case "POST points/query":
                query = models.QueryRequest.model_validate(body)
                found_points = engine.query_points(
                    name,
                    query=query.query,
                    using=query.using,
                    query_filter=query.filter,
                    limit=query.limit or 10,
                    with_vectors=query.with_vector or False,
                    score_threshold=query.score_threshold,
                )
                return found_points.model_dump(mode="json")
        raise ValueError(f"no such request: {self.command} {self.path}")


@contextmanager
def serving() -> Iterator[QdrantServer]:
    """A server with nothing in it."""
    server = QdrantServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.engine.close()


@pytest.fixture
def qdrant() -> Iterator[QdrantServer]:
    """A server with nothing in it."""
    with serving() as server:
        yield server
