"""A server that answers each path with the bytes it is given, whether they are HTTP or not, and closes."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping

PAUSE = 0.05  # seconds before the next byte of an answer without end


class RawServer(socketserver.ThreadingTCPServer):
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, answers: Mapping[str, bytes], endless: Mapping[str, bytes]) -> None:
        """path → what is sent. Of those in `endless` the last byte comes again and again."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.endless = answers, endless
        self.stopping = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class _Handler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        path = self.rfile.readline().split()[1].decode()
        while self.rfile.readline().strip():
            pass
        with contextlib.suppress(OSError):  # the client has gone, as it should
            self.wfile.write(self.server.answers.get(path) or self.server.endless.get(path) or answer(404))
            while path in self.server.endless and not self.server.stopping.is_set():
                self.wfile.write(self.server.endless[path][-1:])
                time.sleep(PAUSE)


def answer(status: int, body: bytes = b"", media_type: str = "image/jpeg", **headers: object) -> bytes:
    """A response; underscores in the headers' names are hyphens, and a header of None is left out."""
    usual: dict[str, object] = {"Content_Type": media_type, "Content_Length": len(body), "Connection": "close"}
    given = {name: value for name, value in (usual | headers).items() if value is not None}
    lines = [f"HTTP/1.1 {status} x", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextlib.contextmanager
def raw_server(answers: Mapping[str, bytes], endless: Mapping[str, bytes]) -> Iterator[RawServer]:
    with RawServer(answers, endless) as server:
        thread = threading.Thread(target=server.serve_forever, args=(PAUSE,))
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join()
