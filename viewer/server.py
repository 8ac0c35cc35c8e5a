"""The page, served on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from facejoin.conf.settings import SettingsError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A page's requests are of no interest to whoever looks at it."""


@dataclass(frozen=True)
class ServedSite:
    url: str
    server: threading.Thread

    def wait(self) -> None:
        """Until Ctrl-C."""
        try:
            self.server.join()
        except KeyboardInterrupt:
            return


@contextmanager
def serve_site(site: Path, port: int = 0) -> Iterator[ServedSite]:
    """port: 0 for any free one. Raises SettingsError where there is no page, or the port is taken."""
    if not (site / "index.html").is_file():
        raise SettingsError(f"no page in {site}: expected index.html, as `facejoin publish` writes it")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(site)))
    except OSError as error:
        raise SettingsError(f"port {port} is taken: {error.strerror}") from error
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield ServedSite(f"http://127.0.0.1:{server.server_address[1]}/", thread)
        finally:
            server.shutdown()
