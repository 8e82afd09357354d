"""Fetching images and documents: what comes back, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from turnout.conversation import fetching
from turnout.conversation.fetching import afetch_all, fetch_all
from turnout.conversation.media import Limits, Media, decode_base64, decode_data_url, shown, sniff
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
PDF = b"%PDF-1.7\n%%EOF"
OLE, ZIP = b"\xd0\xcf\x11\xe0" + b"\0" * 8, b"PK\x03\x04" + b"\0" * 8
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
FILES: dict[str, tuple[str, bytes]] = {
    "/a.png": ("image/png", PNG),
    "/misnamed.png": ("image/jpeg", PNG),
    "/untyped": ("application/octet-stream", PNG),
    "/a.pdf": ("application/pdf; charset=binary", PDF),
    "/a.txt": ("text/plain; charset=utf-8", "wörter".encode()),
    "/a.docx": (DOCX, ZIP),
    "/a.doc": ("application/msword", OLE),
    "/liar.png": ("image/png", b"<html>no picture</html>"),
    "/liar.docx": (DOCX, b"no zip"),
    "/page.html": ("text/html", b"<html>words</html>"),
    "/program": ("application/x-sh", b"#!/bin/sh"),
    "/binary.txt": ("text/plain", b"\0\1\2"),
    "/empty.txt": ("text/plain", b""),
}


def fetch(url: str, **how: Any) -> Media:
    """One image or document."""
    return fetch_all({url: "message 1"}, **how)[url]


async def afetch(url: str, **how: Any) -> Media:
    """One image or document, without blocking the event loop."""
    return (await afetch_all({url: "message 1"}, **how))[url]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Any = self.server
        path = self.path.partition("?")[0]
        server.received.append((self.path, self.headers.get("Host"), dict(self.headers)))
        if path in FILES:
            mime, body = FILES[path]
            self._answer(200, {"Content-Type": mime, "Content-Length": str(len(body))}, body)
        elif path.startswith("/to/"):
            self._answer(302, {"Location": self.path[len("/to/") :], "Content-Length": "0"}, b"")
        elif path.startswith("/hops/"):
            left = int(path.rpartition("/")[2])
            where = "/a.png" if left == 1 else f"/hops/{left - 1}"
            self._answer(302, {"Location": where, "Content-Length": "0"}, b"")
        elif path == "/endless":
            self._endless()
        elif path == "/bomb":
            body = gzip.compress(PNG + b"\0" * 3_000_000)
            headers = {"Content-Type": "image/png", "Content-Encoding": "gzip", "Content-Length": str(len(body))}
            self._answer(200, headers, body)
        elif path == "/slow":
            server.stop.wait(10)
        elif path == "/dripping":
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for byte in PNG:
                if server.stop.wait(0.1):
                    break
                try:
                    self.wfile.write(bytes([byte]))
                except OSError:
                    break
            self.close_connection = True
        else:
            self._answer(404, {"Content-Length": "0"}, b"")

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(PNG)
            for _ in range(1000):
                self.wfile.write(b"\0" * 10_000)
        except OSError:  # hung up, as it should be
            pass

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Any]:
    server: Any = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.received, server.stop = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stop.set()
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with serving() as running:
        yield running


@pytest.fixture
def url(server: Any) -> str:
    server.received.clear()
    return f"http://127.0.0.1:{server.server_address[1]}"


SMALL = Limits(size=1_000_000, timeout=5.0)


def got(address: str, limits: Limits = SMALL) -> Media:
    return fetch(address, limits=limits, allow_private=True)


# --- what comes back


@pytest.mark.parametrize(
    ("path", "mime"),
    [
        ("/a.png", "image/png"),
        ("/misnamed.png", "image/png"),
        ("/untyped", "image/png"),
        ("/a.pdf", "application/pdf"),
        ("/a.txt", "text/plain"),
        ("/a.docx", DOCX),
        ("/a.doc", "application/msword"),
        ("/page.html", "text/html"),
    ],
)
async def test_images_and_documents_are_fetched(url: str, path: str, mime: str) -> None:
    found = await afetch(url + path, limits=SMALL, allow_private=True)
    assert found == Media(FILES[path][1], mime)
    assert got(url + path) == found  # in a running loop, too
    assert repr(found) == f"Media({mime}, {len(found.data)} bytes)"


@pytest.mark.parametrize("path", ["/liar.png", "/liar.docx", "/program", "/binary.txt", "/empty.txt"])
def test_what_is_no_known_image_or_document_is_refused(url: str, path: str) -> None:
    with pytest.raises(InvalidRequestError, match="no image, document or sound that is known"):
        got(url + path)


def test_several_are_fetched_at_once(url: str, server: Any) -> None:
    wanted = {f"{url}/a.png": "message 1", f"{url}/a.pdf": "message 2"}
    found = fetch_all(wanted, limits=SMALL, allow_private=True)
    assert {address: one.mime for address, one in found.items()} == {
        f"{url}/a.png": "image/png",
        f"{url}/a.pdf": "application/pdf",
    }
    assert len(server.received) == 2


def test_the_server_learns_nothing_it_need_not(url: str, server: Any) -> None:
    got(f"{url.replace('http://', 'http://user:secret@')}/a.png?x=1#part")
    ((path, host, headers),) = server.received
    assert path == "/a.png?x=1"
    assert host == url.removeprefix("http://")
    assert "Authorization" not in headers
    assert "Cookie" not in headers


# --- limits


def test_a_file_that_says_it_is_too_large_is_not_read(url: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"/a.png is larger than 50 bytes"):
        got(f"{url}/a.png", Limits(size=50))


@pytest.mark.parametrize("path", ["/endless", "/bomb"])
def test_a_file_that_turns_out_too_large_is_cut_off(url: str, path: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{path} is larger than 1,000,000 bytes"):
        got(url + path)


@pytest.mark.parametrize("path", ["/slow", "/dripping"])
async def test_time_is_limited_as_a_whole(url: str, path: str) -> None:
    quick = Limits(timeout=0.4)
    start = time.monotonic()
    with pytest.raises(InvalidRequestError, match=f"{path} didn't answer whole within 0.4 s"):
        await afetch(url + path, limits=quick, allow_private=True)
    with pytest.raises(InvalidRequestError, match="didn't answer whole"):
        got(url + path, quick)
    assert time.monotonic() - start < 5


async def test_the_event_loop_goes_on_meanwhile(url: str) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.02)
            beats += 1

    heart = asyncio.create_task(beat())
    with pytest.raises(InvalidRequestError):
        await afetch(f"{url}/slow", limits=Limits(timeout=0.4), allow_private=True)
    heart.cancel()
    assert beats >= 5


async def test_one_that_fails_ends_the_others(url: str) -> None:
    start = time.monotonic()
    with pytest.raises(InvalidRequestError, match=r"^message 7: .*/none can't be fetched: the server answered 404"):
        await afetch_all(
            {f"{url}/slow": "message 6", f"{url}/none": "message 7"}, limits=Limits(timeout=8.0), allow_private=True
        )
    assert time.monotonic() - start < 4


def test_redirects_are_followed_within_limits(url: str, server: Any) -> None:
    assert got(f"{url}/hops/3").mime == "image/png"
    assert len(server.received) == 4
    with pytest.raises(InvalidRequestError, match="is redirected more than 3 times"):
        got(f"{url}/hops/4")


# --- where it may go


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f.1",
    ],
)
async def test_internal_addresses_are_refused(host: str, server: Any) -> None:
    server.received.clear()
    port = server.server_address[1]
    with pytest.raises(InvalidRequestError, match=r"internal address|there is no host"):
        await afetch(f"http://{host}:{port}/a.png?token=secret")
    assert server.received == []


def test_a_redirect_to_an_internal_address_is_refused(url: str, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    port = server.server_address[1]
    public = {"127.0.0.1"}
    monkeypatch.setattr(fetching, "_is_public", lambda address: address in public)
    assert fetch(f"{url}/to/{url}/a.png").mime == "image/png"
    server.received.clear()
    with pytest.raises(InvalidRequestError, match=r"http://127.0.0.2:\d+/a.png isn't fetched"):
        fetch(f"{url}/to/http://127.0.0.2:{port}/a.png")
    assert len(server.received) == 1
    with pytest.raises(InvalidRequestError, match="only http, https and data addresses"):
        fetch(f"{url}/to/file:///etc/passwd")


def test_every_address_of_a_name_is_checked_and_that_one_is_asked(
    url: str, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.server_address[1]
    answers = [["127.0.0.1"]]
    lookups = []

    async def getaddrinfo(_: Any, host: str, asked: int, **kwargs: Any) -> list[Any]:
        lookups.append(host)
        return [(2, 1, 6, "", (address, asked)) for address in answers[0]]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    named = f"http://pictures.example:{port}/a.png"
    assert fetch(named, allow_private=True).mime == "image/png"
    assert lookups == ["pictures.example"]  # a second look-up, when connecting, could give another address
    assert server.received[0][1] == f"pictures.example:{port}"
    answers[0] = ["93.184.216.34", "10.0.0.1"]
    with pytest.raises(InvalidRequestError, match=r"'pictures.example' is a loopback, private or otherwise internal"):
        fetch(named)


@pytest.mark.parametrize("certified", ["pictures.example", "others.example"])
def test_the_certificate_must_be_the_names(certified: str, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(certified).configure_cert(server_side)
    authority.configure_trust(client_side)

    async def getaddrinfo(_: Any, host: str, asked: int, **kwargs: Any) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", asked))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(fetching, "_tls", lambda: client_side)
    with serving(server_side) as server:
        address = f"https://pictures.example:{server.server_address[1]}/a.png"
        if certified == "pictures.example":
            assert got(address).mime == "image/png"
        else:
            with pytest.raises(InvalidRequestError, match=r"can't be fetched .ConnectError."):
                got(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822", "2002:5db8:d822::"])
def test_public_addresses_are_not(address: str) -> None:
    assert fetching._is_public(address)


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://example.com/a", "gopher://x", "/a.png", "", "http://"]
)
def test_other_schemes_are_refused(address: str) -> None:
    with pytest.raises(InvalidRequestError, match="only http, https and data addresses"):
        fetch(address, allow_private=True)


@pytest.mark.parametrize("address", ["http://[", "http://a:b/"])
def test_addresses_that_cannot_be_read_are_refused(address: str) -> None:
    with pytest.raises(InvalidRequestError, match="can't be read"):
        fetch(address)


def test_a_server_that_is_not_there() -> None:
    with serving() as gone:
        port = gone.server_address[1]
    with pytest.raises(InvalidRequestError, match=r"http://127.0.0.1:\d+/a.png can't be fetched .ConnectError."):
        got(f"http://user:pass@127.0.0.1:{port}/a.png?sig=secret")


def test_errors_show_no_secrets() -> None:
    assert shown("https://user:pw@example.com:8443/a/b.png?sig=secret#x") == "https://example.com:8443/a/b.png"
    assert shown("data:image/png;base64,AAAA") == "a data: address"
    assert shown("http://[") == "an address that can't be read"
    assert len(shown("https://example.com/" + "x" * 1000)) == 200


# --- data


@given(st.binary(min_size=1, max_size=200))
def test_data_addresses_hold_what_was_put_in(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode_data_url(f"data:application/x;base64,{text}").data == data
    assert decode_data_url(f"DATA:application/x;charset=utf-8;BASE64,{text}").data == data
    assert decode_base64("\n".join(text[i : i + 7] for i in range(0, len(text), 7)), "it") == data


def test_data_addresses() -> None:
    assert decode_data_url("data:,a%20b") == Media(b"a b", "text/plain")
    assert decode_data_url("data:image/jpeg;base64," + base64.b64encode(PNG).decode()).mime == "image/png"
    assert decode_data_url("data:text/csv;base64,YSxi") == Media(b"a,b", "text/csv")


@pytest.mark.parametrize(
    "bad", ["data:image/png;base64", "data:image/png;base64,", "data:image/png;base64,!!", "data:,"]
)
def test_broken_data_addresses_are_refused(bad: str) -> None:
    with pytest.raises(InvalidRequestError):
        decode_data_url(bad)


def test_data_has_the_same_limit() -> None:
    small = Limits(size=10)
    assert decode_data_url("data:,0123456789", limits=small).data == b"0123456789"
    for much in ("data:,0123456789a", "data:;base64," + base64.b64encode(b"0123456789a").decode(), "data:," + "a" * 99):
        with pytest.raises(InvalidRequestError, match="larger than 10 bytes"):
            decode_data_url(much, limits=small)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (PDF, "application/pdf"),
        (b"RIFF\0\0\0\0WAVE", "audio/wav"),
        (b"ID3\4", "audio/mpeg"),
        (b"RIFF\0\0\0\0AVI ", None),
        (b"words", None),
        (b"", None),
    ],
)
def test_types_are_told_by_the_first_bytes(data: bytes, mime: str | None) -> None:
    assert sniff(data) == mime
