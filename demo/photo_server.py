"""A local Flickr for the demo and the tests: serves a folder of photos, and fails as the real one does."""

from __future__ import annotations

import io
import mimetypes
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, cast
from urllib.parse import unquote

from PIL import Image

PLACEHOLDER = "/images/photo_unavailable.png"
MOVED = "/moved"  # what lies at /x is served at /moved/x as well, without its fault
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
DRIP_PAUSE = 0.05  # seconds between two bytes of a slow answer


class Fault(StrEnum):
    NOT_FOUND = "not_found"
    GONE = "gone"
    PLACEHOLDER = "placeholder"  # the soft 404: a redirect to a picture that says "photo unavailable"
    TRUNCATED = "truncated"  # a complete response whose body is the first half of the file
    CUT = "cut"  # announces the whole file, sends half of it and closes
    WRONG_TYPE = "wrong_type"  # a web page where a photo should be
    SLOW = "slow"  # a body of one byte at a time, without end
    SLOW_HEADERS = "slow_headers"
    SERVER_ERROR = "server_error"
    RATE_LIMITED = "rate_limited"
    FLAKY = "flaky"  # 503 to the first request, then fine
    REDIRECT = "redirect"  # to the photo's true place
    OPTED_OUT = "opted_out"


class PhotoServer:
    """Serves the files beneath `root` on 127.0.0.1 until it is closed; a context manager.

    port: 0 for any free one. faults: URL path → name of a Fault. tls: serves https with it. takes: seconds before each
    answer.
    Raises ValueError for an unknown fault and OSError where the port is taken.
    """

    def __init__(
        self,
        root: Path,
        port: int = 0,
        faults: Mapping[str, str] | None = None,
        robots_txt: str | None = None,
        tls: ssl.SSLContext | None = None,
        takes: float = 0.0,
    ) -> None:
        self._scheme = "https" if tls else "http"
        faults_by_path = {path: Fault(fault) for path, fault in (faults or {}).items()}
        self._server = _Server(root.resolve(), port, faults_by_path, robots_txt, tls, takes)
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(DRIP_PAUSE,), name="photo-server")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def requests(self) -> Counter[str]:
        """How often each URL path has been asked for so far."""
        with self._server.lock:
            return Counter(self._server.counts)

    def url(self, path: str) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/{path.lstrip('/')}"

    def close(self) -> None:
        """Ends at once, slow and idle connections included."""
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for them
    request_queue_size = 128

    def __init__(
        self,
        root: Path,
        port: int,
        faults: Mapping[str, Fault],
        robots_txt: str | None,
        tls: ssl.SSLContext | None,
        takes: float,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.root, self.faults, self.robots_txt, self.takes = root, faults, robots_txt, takes
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()  # of counts and connections
        self.connections: set[socket.socket] = set()
        self.stopping = threading.Event()
        if tls:  # the handshake is left to the connection's own thread
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        with self.lock:
            self.connections.add(connection)
        return connection, client

    def shutdown_request(self, request: Any) -> None:
        with self.lock:
            self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Wakes the threads that wait for a client's next request."""
        with self.lock:
            for connection in self.connections:
                with suppress(OSError):  # the client was faster
                    # the plain socket's own: an SSLSocket's drops its TLS state under the thread that reads
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def count(self, path: str) -> int:
        with self.lock:
            self.counts[path] += 1
            return self.counts[path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle of an answer is what the faults are for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    photos: _Server

    def setup(self) -> None:
        self.photos = cast(_Server, self.server)
        super().setup()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        times = self.photos.count(path)
        fault = self.photos.faults.get(path)
        self.photos.stopping.wait(self.photos.takes)
        if fault is Fault.FLAKY and times > 1:
            fault = None
        if fault is None:
            self._serve(path)
        else:
            _ANSWERS[fault](self, path)

    def _serve(self, path: str, headers: Mapping[str, str] = NO_HEADERS) -> None:
        if path == "/robots.txt" and self.photos.robots_txt is not None:
            self._send(200, "text/plain", self.photos.robots_txt.encode())
        elif path == PLACEHOLDER:
            self._send(200, "image/png", _placeholder_png())
        elif (file := self._file(path)) is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self._send(200, media_type, file.read_bytes(), headers)

    def _file(self, path: str) -> Path | None:
        """The file at a URL path; None where there is none beneath the root, links followed."""
        try:
            file = (self.photos.root / unquote(path.removeprefix(MOVED)).lstrip("/")).resolve()
            return file if file.is_relative_to(self.photos.root) and file.is_file() else None
        except (OSError, ValueError):  # a name too long, a null byte
            return None

    def _send(self, status: int, media_type: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self._send(status, "text/plain", f"{status.phrase}\n".encode(), headers)

    def _redirect(self, target: str) -> None:
        self._send(HTTPStatus.FOUND, "text/plain", b"", {"Location": target})

    def _send_half(self, path: str, announced: Callable[[bytes], int]) -> None:
        """The first half of the file, under the length that `announced` makes of the whole."""
        file = self._file(path)
        whole = file.read_bytes() if file else bytes(1000)
        half = whole[: len(whole) // 2]
        self.close_connection = announced(whole) > len(half)
        self._send(200, "image/jpeg", half, {"Content-Length": str(announced(whole))})

    def _drip(self, head: bytes, byte: bytes) -> None:
        """`head` at once, then the same byte again and again until the client or the server goes."""
        self.close_connection = True
        for part in chain([head], repeat(byte)):
            self.wfile.write(part)
            if self.photos.stopping.wait(DRIP_PAUSE):
                return

    def log_message(self, format: str, *args: Any) -> None:
        """The demo's terminal is for its own progress."""


def _placeholder_png() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (75, 75), "lightgrey").save(picture, "PNG")
    return picture.getvalue()


_ANSWERS: Mapping[Fault, Callable[[_Handler, str], None]] = {
    Fault.NOT_FOUND: lambda handler, _: handler._refuse(HTTPStatus.NOT_FOUND),
    Fault.GONE: lambda handler, _: handler._refuse(HTTPStatus.GONE),
    Fault.PLACEHOLDER: lambda handler, _: handler._redirect(PLACEHOLDER),
    Fault.TRUNCATED: lambda handler, path: handler._send_half(path, lambda whole: len(whole) // 2),
    Fault.CUT: lambda handler, path: handler._send_half(path, len),
    Fault.WRONG_TYPE: lambda handler, _: handler._send(200, "text/html", b"<!doctype html><p>Welcome</p>"),
    Fault.SLOW: lambda handler, _: handler._drip(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", b"\xff"),
    Fault.SLOW_HEADERS: lambda handler, _: handler._drip(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"a"),
    Fault.SERVER_ERROR: lambda handler, _: handler._refuse(HTTPStatus.INTERNAL_SERVER_ERROR),
    Fault.RATE_LIMITED: lambda handler, _: handler._refuse(HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "1"}),
    Fault.FLAKY: lambda handler, _: handler._refuse(HTTPStatus.SERVICE_UNAVAILABLE),
    Fault.REDIRECT: lambda handler, path: handler._redirect(MOVED + path),
    Fault.OPTED_OUT: lambda handler, path: handler._serve(path, {"X-Robots-Tag": "noai, noimageai"}),
}
