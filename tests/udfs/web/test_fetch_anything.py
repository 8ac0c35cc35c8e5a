"""Whatever a URL says and a server sends: `fetch` returns a row."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.conf.settings import FetchSettings, HostBudget
from facejoin.udfs.web.fetch import Fetched, Fetcher
from facejoin.udfs.web.outcomes import Outcome

# Neither paces nor pauses keep the fetcher from asking, and no host is left alone
UNBRIDLED = {"each_host": HostBudget(connections=32, requests_per_second=1e6), "failures": 10**9, "max_wait": 0.0}
NOBODY = "http://127.0.0.1:9"  # the discard port
HERE = (IPv4Network("127.0.0.1/32"),)


def new_fetcher() -> Fetcher:
    """Every name leads to this machine."""
    limits = {"allowed_networks": HERE, "retries": 0, "timeout": 1.0, "connect_timeout": 0.5, "robots": False}
    return Fetcher(FetchSettings.model_validate(limits | UNBRIDLED), lambda host: ["127.0.0.1", "10.0.0.1"])


@pytest.fixture(scope="module")
def fetcher() -> Iterator[Fetcher]:
    with new_fetcher() as fetcher:
        yield fetcher


class Echo:
    """A server whose next answers are `answer`."""

    answer = b""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/a.jpg"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                with self.listener.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(self.answer)
            except OSError:
                if self.listener.fileno() < 0:
                    return


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    server = Echo()
    with server.listener:
        yield server
        server.listener.shutdown(socket.SHUT_RDWR)


ODD_URLS = st.one_of(
    st.text(),
    st.text().map("http://{}".format),
    st.text().map(f"{NOBODY}/{{}}".format),
    st.tuples(st.text(), st.text()).map(lambda parts: f"https://{parts[0]}/{parts[1]}"),
    st.from_regex(r"https?://[a-z0-9.\[\]:@%\\-]{0,20}(:[0-9]{0,6})?[/?#][^a]{0,10}", fullmatch=True),
)


@settings(max_examples=300, deadline=None)
@given(url=ODD_URLS)
def test_no_text_makes_fetch_raise(fetcher: Fetcher, url: str) -> None:
    fetched = fetcher.fetch(url)
    assert isinstance(fetched, Fetched)
    assert fetched.error is None or ("\n" not in fetched.error and len(fetched.error) < 300)


HEADERS = ["Content-Length", "Location", "Retry-After", "Transfer-Encoding", "Content-Encoding", "X-Robots-Tag"]
ODD_ANSWERS = st.builds(
    "HTTP/1.1 {} x\r\n{}: {}\r\n\r\n{}".format,
    st.sampled_from([200, 302, 404, 429, 503]),
    st.sampled_from(HEADERS),
    st.one_of(st.text(), st.integers().map(str), st.sampled_from(["chunked", "gzip", "gzip, br", "identity"])),
    st.text(),
)


@settings(max_examples=200, deadline=None)
@given(answer=st.one_of(st.binary(), ODD_ANSWERS.map(lambda text: text.encode("utf-8", "replace"))))
def test_no_answer_makes_fetch_raise(echo: Echo, answer: bytes) -> None:
    echo.answer = answer
    with new_fetcher() as fetcher:  # which no earlier answer has asked for a pause
        fetched = fetcher.fetch(echo.url)
    assert isinstance(fetched, Fetched)
    assert fetched.outcome is not Outcome.PUT_OFF
