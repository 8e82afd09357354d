"""Images and documents from the web, fetched within limits.

A conversation may name any address, so what is fetched is guarded: only http and https; every address that a host
name stands for must be a public one, and the connection goes to the address that was checked; redirects are checked
like the first address; size, time and type are limited.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from turnout import runtime
from turnout.conversation import media
from turnout.conversation.media import DEFAULT_LIMITS, DOCUMENTS, Limits, Media, shown
from turnout.errors import InvalidRequestError
from turnout.transport.blocking import begin, result_in_time

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import httpx


_AT_ONCE = 8
_ADDRESSES_TRIED = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OFFICE = {
    **{DOCUMENTS[form]: b"\xd0\xcf\x11\xe0" for form in ("doc", "xls")},
    **{DOCUMENTS[form]: b"PK\x03\x04" for form in ("docx", "xlsx")},
}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Azure's channel to the host is a public address that only virtual machines reach:
# learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
_METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})


def fetch_all(
    places: Mapping[str, str], *, limits: Limits = DEFAULT_LIMITS, allow_private: bool = False
) -> dict[str, Media]:
    """Get images and documents by their addresses, several at once; where each is named (`message 3`) is for errors."""

    def fetched() -> dict[str, Media]:
        return asyncio.run(afetch_all(places, limits=limits, allow_private=allow_private))

    # On a thread with a loop of its own: the caller's thread may be running one, and only there is the time that all
    # of a fetch takes really limited.
    return result_in_time(begin(fetched), "what the conversation shows by its address")


async def afetch_all(
    places: Mapping[str, str], *, limits: Limits = DEFAULT_LIMITS, allow_private: bool = False
) -> dict[str, Media]:
    """As `fetch_all`, without blocking the event loop."""
    import httpx

    turns = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(verify=_tls(), trust_env=False, timeout=limits.timeout) as client:

        async def one(url: str) -> Media:
            async with turns:
                try:
                    async with asyncio.timeout(limits.timeout):
                        return await _get(client, url, limits, allow_private=allow_private)
                except InvalidRequestError as error:
                    raise InvalidRequestError(f"{places[url]}: {error}") from error
                except (TimeoutError, httpx.HTTPError, OSError) as error:
                    slow = isinstance(error, TimeoutError | httpx.TimeoutException)
                    late = f"didn't answer whole within {limits.timeout:g} s"
                    why = late if slow else f"can't be fetched ({type(error).__name__})"
                    msg = f"{places[url]}: {shown(url)} {why}; send the image or document as data"
                    raise InvalidRequestError(msg) from error

        tasks = [asyncio.ensure_future(one(url)) for url in places]
        try:
            return dict(zip(places, await asyncio.gather(*tasks), strict=True))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@cache
def _tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context(trust_env=False)


runtime.renew_in_child(_tls.cache_clear)  # a thread may have been using it


async def _get(client: httpx.AsyncClient, url: str, limits: Limits, *, allow_private: bool) -> Media:
    at = url
    for _ in range(limits.redirects + 1):
        parts = _checked(at)
        addresses = await _addresses(parts, allow_private=allow_private)
        answer = await _ask(client, parts, addresses)
        try:
            if answer.status_code in _REDIRECTS and "location" in answer.headers:
                at = urljoin(at, answer.headers["location"])
                continue
            if answer.status_code != 200:
                raise InvalidRequestError(f"{shown(at)} can't be fetched: the server answered {answer.status_code}")
            return await _read(answer, at, limits)
        finally:
            await answer.aclose()
    raise InvalidRequestError(f"{shown(url)} is redirected more than {limits.redirects} times")


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidRequestError("the address of an image or document can't be read") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidRequestError(f"{shown(url)} isn't fetched: only http, https and data addresses are")
    return parts


async def _addresses(parts: SplitResult, *, allow_private: bool) -> list[str]:
    """The host's addresses, each of them checked."""
    assert parts.hostname is not None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        msg = f"{shown(parts.geturl())} can't be fetched: there is no host {parts.hostname!r}"
        raise InvalidRequestError(msg) from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
    if not allow_private and not all(map(_is_public, addresses)):
        raise InvalidRequestError(
            f"{shown(parts.geturl())} isn't fetched: {parts.hostname!r} is a loopback, private or otherwise internal "
            f"address; send the image or document as data, or allow such addresses"
        )
    return addresses[:_ADDRESSES_TRIED]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return _is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and ip not in _METADATA


async def _ask(client: httpx.AsyncClient, parts: SplitResult, addresses: list[str]) -> httpx.Response:
    """Ask the checked address itself: a second look-up of the name might give another."""
    import httpx

    assert parts.hostname is not None
    named = httpx.URL(parts._replace(fragment="", netloc=parts.netloc.rpartition("@")[2]).geturl())
    failed: httpx.HTTPError | None = None
    for address in addresses:
        request = client.build_request(
            "GET",
            named.copy_with(host=address),
            headers={"Host": named.netloc.decode("ascii"), "Accept": "image/*, application/pdf, text/*"},
            extensions={"sni_hostname": named.raw_host.decode("ascii")},
        )
        try:
            return await client.send(request, stream=True)
        except httpx.ConnectError as error:
            failed = error
    assert failed is not None
    raise failed


async def _read(answer: httpx.Response, url: str, limits: Limits) -> Media:
    declared = answer.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.size:
        raise media.too_large(shown(url), limits)
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > limits.size:
            raise media.too_large(shown(url), limits)
    mime = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Media(bytes(data), _known_type(bytes(data), mime, url))


def _known_type(data: bytes, mime: str, url: str) -> str:
    if sniffed := media.sniff(data):
        return sniffed
    if mime in _OFFICE and data.startswith(_OFFICE[mime]):
        return mime
    if mime in media.TEXTS and data and _is_text(data):
        return mime
    claim = f"is said to be {mime!r}" if mime else "has no type"
    msg = f"{shown(url)} {claim}, and its {len(data)} bytes are no image, document or sound that is known"
    raise InvalidRequestError(msg)


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False
