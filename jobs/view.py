"""The page, served on this machine; with a demo's folder its photos are served as well, as they were to the crawl."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from facejoin.conf.settings import SettingsError
from facejoin.jobs.demo.collection import TRUTH_FILE, load_collection
from facejoin.jobs.demo.demo import serve


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
def serve_site(folder: Path, port: int = 0) -> Iterator[ServedSite]:
    """`folder` is a site or a demo's folder. Raises SettingsError where there is no page, or a port is taken."""
    site = folder / "site" if (folder / "site").is_dir() else folder
    if not (site / "index.html").is_file():
        raise SettingsError(f"no page in {folder}: expected index.html, as `facejoin publish` writes it")
    with ExitStack() as stack:
        if (folder / "collection" / TRUTH_FILE).exists():
            stack.enter_context(serve(load_collection(folder / "collection")))
        server = stack.enter_context(_server(site, port))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        stack.callback(server.shutdown)
        yield ServedSite(f"http://127.0.0.1:{server.server_address[1]}/", thread)


def _server(site: Path, port: int) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(site)))
    except OSError as error:
        raise SettingsError(f"port {port} is taken: {error.strerror}") from error
