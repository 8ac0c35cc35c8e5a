import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.web.fetch import Fetched, Fetcher
from facejoin.udfs.web.guard import system_resolver


@pytest.fixture
def settings() -> Callable[..., FetchSettings]:
    """Settings that may fetch from this machine, try once and ask for no robots.txt, unless changed."""
    usual = {"allowed_networks": ["127.0.0.1/32"], "retries": 0, "backoff": 0.01, "robots": False, "timeout": 10.0}
    usual["each_host"] = {"connections": 32, "requests_per_second": 1000}
    return lambda **changes: FetchSettings.model_validate({**usual, **changes})


@pytest.fixture
def fetch() -> Callable[..., Fetched]:
    """Fetches one URL with a fetcher of its own."""

    def fetch(url: str, settings: FetchSettings, resolve=system_resolver) -> Fetched:
        with Fetcher(settings, resolve) as fetcher:
            return fetcher.fetch(url)

    return fetch


@pytest.fixture
def answering() -> Callable[..., AbstractContextManager[str]]:
    """Servers that send everyone the same bytes, right or wrong, and close; for the time of a `with`."""
    return _answering


@contextmanager
def _answering(*parts: bytes, pause: float = 0.0) -> Iterator[str]:
    """parts: sent one after the other, `pause` seconds apart. Gives a URL of the server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_all, args=(listener, parts, pause), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _answer_all(listener: socket.socket, parts: tuple[bytes, ...], pause: float) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            _answer(connection, parts, pause)


def _answer(connection: socket.socket, parts: tuple[bytes, ...], pause: float) -> None:
    try:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
    except OSError:
        pass  # the client has gone
