"""HTTP by libcurl in an event loop: connections that reach vetted addresses only, answers that end at a deadline."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import pycurl

from facejoin.udfs.web.guard import AddressGuard
from facejoin.udfs.web.outcomes import NotFetched, Outcome

ADDRESSES_TRIED = 4  # of one host, sharing the time to connect
BUFFER_BYTES = 2**17  # that libcurl hands over at once, at the most
DRAINED_BYTES = 16 * 1024  # reading an error page up to this size is cheaper than a new connection
ERROR_CHARACTERS = 200
BREAK_OFF = 0  # bytes taken of those that libcurl hands over: it ends the transfer
PORTS = {"http": 80, "https": 443}
LENGTH = re.compile(r"\d{1,19}", re.ASCII)
STATUS_LINE = re.compile(r"HTTP/[\d.]+ ([1-9]\d\d)(?!\S)", re.ASCII)
PICTURES = "Accept: image/*,*/*;q=0.5"
IDENTITY = "Accept-Encoding: identity"  # photos are compressed already: a compressed body is the exception


@dataclass(frozen=True)
class Head:
    """Of an answer: what comes before its body."""

    status: int
    fields: dict[str, list[str]]  # by name in lower case, as they came

    def first(self, name: str) -> str | None:
        values = self.fields.get(name)
        return values[0] if values else None

    @property
    def length(self) -> int | None:
        """Bytes that it announces, as they are sent."""
        announced = self.first("content-length")
        return int(announced) if announced is not None and LENGTH.fullmatch(announced) else None


@dataclass(frozen=True)
class Response:
    head: Head
    body: bytes  # as it was sent: content encodings are not undone


# How many bytes of the body are to be read: what comes after them is not waited for. Raises NotFetched.
Accept = Callable[[Head], int]
Received = Callable[[int], None]  # how many of them are here, whenever there are more. Raises to break it off


class Transport:
    """GETs in the running event loop, which it has to be made in; no cookies, passwords, proxies or redirects.

    ca_bundle: PEM file of the trusted authorities; None for those of certifi. keep_alive: whether a connection stays
    open for the next request to its host. connections: that stay open, at the most.
    """

    def __init__(
        self, guard: AddressGuard, agent: str, connections: int, ca_bundle: Path | None = None, keep_alive: bool = True
    ) -> None:
        self._guard, self._keep_alive = guard, keep_alive
        self._authorities = str(ca_bundle or certifi.where())
        self._fields = [f"User-Agent: {agent}", PICTURES, IDENTITY]
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._exchanges: dict[pycurl.Curl, _Exchange] = {}
        self._watched: dict[int, int] = {}  # descriptor → what is waited for
        self._watchers = (
            ((pycurl.POLL_IN, pycurl.POLL_INOUT), self._loop.add_reader, self._loop.remove_reader, pycurl.CSELECT_IN),
            ((pycurl.POLL_OUT, pycurl.POLL_INOUT), self._loop.add_writer, self._loop.remove_writer, pycurl.CSELECT_OUT),
        )

    async def get(
        self, url: str, connect_seconds: float, seconds: float, accept: Accept, received: Received
    ) -> Response:
        """The answer of `url`, which is quoted and has its host in ASCII, within so many seconds; the name service, the
        connection and its TLS have `connect_seconds` of them. Raises NotFetched.
        """
        parts, end = urlsplit(url), time.monotonic() + seconds
        connect_end = time.monotonic() + min(connect_seconds, seconds)
        host, port = parts.hostname or "", PORTS[parts.scheme] if parts.port is None else parts.port
        addresses = await self._guard.addresses(host, port, connect_end - time.monotonic())
        targets = {(address, port) for address in addresses}
        exchange = _Exchange(accept, received, targets, self._loop.create_future(), self._keep_alive)
        request = self._request(url, exchange)
        if ":" not in host:  # an IPv6 address is none that libcurl would look up
            tried = ",".join(f"[{address}]" if ":" in address else address for address in addresses[:ADDRESSES_TRIED])
            request.setopt(pycurl.RESOLVE, [f"+{host}:{port}:{tried}"])
        request.setopt(pycurl.TIMEOUT_MS, _milliseconds(end))
        request.setopt(pycurl.CONNECTTIMEOUT_MS, _milliseconds(connect_end))
        self._exchanges[request] = exchange
        self._multi.add_handle(request)
        try:
            await exchange.done
        finally:
            if self._exchanges.pop(request, None) is not None:  # it was cancelled
                self._multi.remove_handle(request)
            connected = request.getinfo(pycurl.CONNECT_TIME) > 0
            request.close()
        return exchange.response(connected, seconds)

    def close(self) -> None:
        """Once nothing is under way."""
        if self._timer is not None:
            self._timer.cancel()
        self._multi.close()

    def _request(self, url: str, exchange: _Exchange) -> pycurl.Curl:
        request = pycurl.Curl()
        request.setopt(pycurl.URL, url)
        request.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        request.setopt(pycurl.PATH_AS_IS, 1)
        request.setopt(pycurl.PROXY, "")  # whatever the environment names
        request.setopt(pycurl.NOSIGNAL, 1)
        request.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)  # a request is a connection: budgets count it
        request.setopt(pycurl.HTTPHEADER, self._fields)
        request.setopt(pycurl.CAINFO, self._authorities)
        request.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        request.setopt(pycurl.FORBID_REUSE, not self._keep_alive)
        request.setopt(pycurl.BUFFERSIZE, BUFFER_BYTES)
        request.setopt(pycurl.OPENSOCKETFUNCTION, exchange.open_socket)
        request.setopt(pycurl.HEADERFUNCTION, exchange.take_line)
        request.setopt(pycurl.WRITEFUNCTION, exchange.take_part)
        return request

    def _watch(self, events: int, descriptor: int, _multi: object, _data: object) -> None:
        before = self._watched.pop(descriptor, pycurl.POLL_NONE)
        if events != pycurl.POLL_REMOVE:
            self._watched[descriptor] = events
        for those, add, remove, ready in self._watchers:
            if events in those and before not in those:
                add(descriptor, self._go_on, descriptor, ready)
            elif before in those and events not in those:
                remove(descriptor)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if milliseconds >= 0:
            seconds = milliseconds / 1000
            self._timer = self._loop.call_later(seconds, self._go_on, pycurl.SOCKET_TIMEOUT, 0)

    def _go_on(self, descriptor: int, events: int) -> None:
        self._multi.socket_action(descriptor, events)
        more = 1
        while more:
            more, complete, failed = self._multi.info_read()
            for request in complete:
                self._end(request, 0, "")
            for request, code, message in failed:
                self._end(request, code, message)

    def _end(self, request: pycurl.Curl, code: int, message: str) -> None:
        self._multi.remove_handle(request)
        self._exchanges.pop(request).end(code, message)


class _Exchange:
    """One request and its answer; libcurl calls it with what it has received."""

    def __init__(
        self,
        accept: Accept,
        received: Received,
        targets: Collection[tuple[str, int]],
        done: asyncio.Future[None],
        keep_alive: bool,
    ) -> None:
        self.done = done
        self._accept, self._received = accept, received
        self._targets, self._keep_alive = targets, keep_alive
        self._lines: list[bytes] = []
        self._head: Head | None = None
        self._parts: list[bytes] = []
        self._wanted = self._here = 0  # bytes of the body
        self._enough = False  # nothing, or nothing more, of the body is wanted
        self._failed: Exception | None = None
        self._socket: socket.socket | None = None  # of which libcurl uses a duplicate
        self._code, self._message = 0, ""

    def open_socket(self, _purpose: int, target: Any) -> socket.socket | int:
        """libcurl connects nowhere else than to what was vetted, however it reads the URL."""
        if target.addr[:2] not in self._targets:
            return pycurl.SOCKET_BAD
        self._close_socket()  # of an address that refused
        self._socket = socket.socket(target.family, target.socktype, target.protocol)
        return self._socket

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def take_line(self, line: bytes) -> int | None:
        if self._head is not None:  # a trailer
            return None
        if line.strip():
            self._lines.append(line)
            return None
        try:
            head, self._lines = _head_of(self._lines), []
            if head.status < 200:  # an interim answer
                return None
            self._head, self._wanted = head, self._accept(head)
        except Exception as error:  # raised where the answer is waited for: libcurl would print it
            self._failed = error
            return BREAK_OFF
        self._enough = self._wanted == 0
        return BREAK_OFF if self._enough and not self._is_drained(head) else None

    def _is_drained(self, head: Head) -> bool:
        return self._keep_alive and head.length is not None and head.length <= DRAINED_BYTES

    def take_part(self, part: bytes) -> int | None:
        if self._enough:  # it is drained
            return None
        self._parts.append(part[: self._wanted - self._here])
        self._here += len(self._parts[-1])
        self._enough = self._here == self._wanted
        try:
            self._received(self._here)
        except Exception as error:  # as above
            self._failed = error
        return BREAK_OFF if self._enough or self._failed else None

    def end(self, code: int, message: str) -> None:
        self._code, self._message = code, message
        self._close_socket()
        if not self.done.done():
            self.done.set_result(None)

    def response(self, connected: bool, seconds: float) -> Response:
        """Raises NotFetched, and what `accept` raised. connected: whether the host's address ever answered."""
        if self._failed is not None:
            raise self._failed
        if self._head is not None and (self._code == 0 or self._enough):
            return Response(self._head, b"".join(self._parts))
        if self._code == pycurl.E_OPERATION_TIMEDOUT:
            what = f"no complete response within {seconds:.3g} s" if connected else "cannot connect: timed out"
            raise NotFetched(Outcome.TIMEOUT, what)
        if self._code == pycurl.E_URL_MALFORMAT:
            raise NotFetched(Outcome.NOT_IMAGE_URL, "malformed URL")
        message = " ".join(self._message.split()) or f"libcurl's error {self._code}"
        raise NotFetched(Outcome.REFUSED, message[:ERROR_CHARACTERS])


def _head_of(lines: Collection[bytes]) -> Head:
    """Raises NotFetched (refused) where there is no status."""
    first, *others = (line.decode("latin-1").strip() for line in (lines or [b""]))
    status = STATUS_LINE.match(first)
    if status is None:
        raise NotFetched(Outcome.REFUSED, "no HTTP status is said")
    fields: dict[str, list[str]] = {}
    for line in others:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    return Head(int(status[1]), fields)


def _milliseconds(end: float) -> int:
    return max(int(1000 * (end - time.monotonic())), 1)  # 0 would be for ever
