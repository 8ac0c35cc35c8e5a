"""A host that keeps a log of what it is asked for, and answers as it is told: what politeness is measured by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = "127.0.0.1"
ROBOTS_TXT = b"User-agent: *\nDisallow: /private/\n"

Answer = tuple[int, dict[str, str]]  # status, headers


def fine(_path: str, _number: int) -> Answer:
    return 200, {}


@dataclass
class LoggingHost:
    answer: Callable[[str, int], Answer] = fine  # by path and how often that has been asked for
    takes: float = 0.0  # seconds, each answer
    log: list[tuple[float, str]] = field(default_factory=list)  # when by time.monotonic(), path
    open: int = 0  # connections
    most_open: int = 0
    at_once: int = 0  # requests that are not yet answered
    most_at_once: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def times(self, path: str) -> list[float]:
        """When it was asked for."""
        with self.lock:
            return [when for when, asked in self.log if asked == path]

    def count(self, open: int = 0, at_once: int = 0) -> None:
        with self.lock:
            self.open += open
            self.at_once += at_once
            self.most_open = max(self.most_open, self.open)
            self.most_at_once = max(self.most_at_once, self.at_once)

    @contextmanager
    def running(self) -> Iterator[LoggingHost]:
        handler = type("Handler", (_Handler,), {"host": self})
        with _Server((HERE, 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self.url = f"http://{HERE}:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def most_within(times: list[float], seconds: float) -> int:
    """The most of them in any such time."""
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


class _Server(ThreadingHTTPServer):
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not wait for the answer is what slow ones are for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    host: LoggingHost

    def setup(self) -> None:
        super().setup()
        self.host.count(open=1)

    def finish(self) -> None:
        self.host.count(open=-1)
        super().finish()

    def do_GET(self) -> None:
        with self.host.lock:
            self.host.log.append((time.monotonic(), self.path))
            number = sum(path == self.path for _, path in self.host.log)
        self.host.count(at_once=1)
        status, headers = self.host.answer(self.path, number)
        time.sleep(self.host.takes)
        body = ROBOTS_TXT if self.path == "/robots.txt" else b"x"
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.host.count(at_once=-1)  # before the client can know
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The log is the host's own."""
