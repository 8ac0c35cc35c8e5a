"""The page, served on this machine."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from facejoin.conf.settings import SettingsError

HTTP = 80  # the port that a browser does not name


class _Page(SimpleHTTPRequestHandler):
    """The site's files alone, to browsers that ask for this machine by its name."""

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        if self.headers.get("Host") not in self._own_names():
            # A page of another name that leads here could read the site by its visitor's browser (DNS rebinding).
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This page is served to this machine alone")
            return None
        site, file = Path(self.directory).resolve(), Path(self.translate_path(self.path)).resolve()
        if not file.is_relative_to(site):  # by a link
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def list_directory(self, path: str | os.PathLike[str]) -> None:  # noqa: ARG002 (as in the class above it)
        """A folder is no page."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """A page's requests are of no interest to whoever looks at it."""

    def _own_names(self) -> set[str]:
        names, port = {"127.0.0.1", "localhost"}, self.connection.getsockname()[1]
        return {f"{name}:{port}" for name in names} | (names if port == HTTP else set())


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
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Page, directory=str(site)))
    except OSError as error:
        raise SettingsError(f"port {port} is taken: {error.strerror}") from error
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield ServedSite(f"http://127.0.0.1:{server.server_address[1]}/", thread)
        finally:
            server.shutdown()
