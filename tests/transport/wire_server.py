"""A server on a real socket that says what goes over the wire and when."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = 20.0  # seconds: more than any test waits


class Line:
    """A connection, as the server has it."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server, self.sock, self.file = server, sock, sock.makefile("rb")

    def request(self) -> tuple[bytes, bytes] | None:
        """The next request's head and body; None if the client hung up."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            if not line:
                return None
            head += line
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        return head, self.file.read(length)

    def close(self) -> None:
        self.file.close()
        self.sock.close()


class Server:
    """Answers each request as `answer` says, which may close the line; counts its connections."""

    def __init__(self, answer: Callable[[Line, bytes, bytes], None]) -> None:
        self.answer = answer
        self.lines: list[Line] = []
        self.hung_up = threading.Semaphore(0)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1/chat?a=b%2Fc"
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                line = Line(self, self.listener.accept()[0])
            except OSError:
                return
            self.lines.append(line)
            self.threads.append(threading.Thread(target=self._serve, args=(line,)))
            self.threads[-1].start()

    def _serve(self, line: Line) -> None:
        try:
            while (request := line.request()) is not None:
                self.answer(line, *request)
        except (OSError, ValueError):  # one of the two closed it
            pass
        line.close()
        self.hung_up.release()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join(LONG)
        for line in self.lines:
            with suppress(OSError):  # closed already
                line.sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(LONG)


@contextmanager
def serving(answer: Callable[[Line, bytes, bytes], None]) -> Iterator[Server]:
    server = Server(answer)
    try:
        yield server
    finally:
        server.close()


def ok(line: Line, _head: bytes, _body: bytes) -> None:
    line.sock.sendall(OK)
