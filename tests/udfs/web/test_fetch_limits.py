import gzip
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from facejoin.demo.photo_server import Fault
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.outcomes import Outcome

PATH = "/8/1.jpg"
GENEROUS = 8  # seconds for what takes about one, on a busy machine


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.SLOW_HEADERS])
def test_a_server_that_drips_bytes_meets_the_deadline(fetch, serve, settings, fault: Fault) -> None:
    fetched = fetch(serve(faults={PATH: fault}).url(PATH), settings(timeout=0.5))
    assert fetched.outcome is Outcome.TIMEOUT
    assert fetched.seconds < GENEROUS


@pytest.mark.parametrize("status", ["404 Not Found", "302 Found\r\nLocation: /b.jpg"])
def test_a_dripping_error_page_cannot_hold_a_thread(fetch, answering, settings, status: str) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Length: 10000\r\n\r\n".encode()
    with answering(head, *[b"x"] * 200, pause=0.05) as url:
        assert fetch(url, settings(timeout=0.5)).seconds < GENEROUS


def test_endless_interim_responses_meet_the_deadline(fetch, answering, settings) -> None:
    with answering(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 300, pause=0.02) as url:
        assert fetch(url, settings(timeout=0.5)).outcome is Outcome.TIMEOUT


@pytest.mark.parametrize("length", [b"Content-Length: 5000\r\n", b""])
def test_a_photo_beyond_the_size_limit_is_too_large(fetch, answering, settings, length: bytes) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + bytes(5000)) as url:
        assert fetch(url, settings(max_bytes=4999)).outcome is Outcome.TOO_LARGE
        assert fetch(url, settings(max_bytes=5000)).outcome is None


def test_a_chunked_photo_beyond_the_size_limit_is_too_large(fetch, answering, settings) -> None:
    chunk = b"400\r\n" + bytes(1024) + b"\r\n"
    with answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 5 + b"0\r\n\r\n") as url:
        assert fetch(url, settings(max_bytes=5119)).outcome is Outcome.TOO_LARGE
        assert fetch(url, settings(max_bytes=5120)).body == bytes(5120)


def test_a_compressed_bomb_is_too_large(fetch, answering, settings) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with answering(head + bomb) as url:
        assert fetch(url, settings(max_bytes=1_000_000)).outcome is Outcome.TOO_LARGE


def test_a_host_is_asked_for_no_more_than_its_share_at_once(serve, settings) -> None:
    """Each request takes its whole timeout: six of them, two at a time, take three."""
    server, timeout = serve(faults={f"/{n}.jpg": Fault.SLOW for n in range(6)}), 0.4
    started, budget = time.monotonic(), {"connections": 2, "requests_per_second": 1000}
    with Fetcher(settings(each_host=budget, timeout=timeout)) as fetcher, ThreadPoolExecutor(6) as pool:
        fetched = list(pool.map(fetcher.fetch, [server.url(f"/{n}.jpg") for n in range(6)]))
    assert time.monotonic() - started >= 3 * timeout
    assert sum(server.requests.values()) == 6  # waiting for a turn takes nothing of a photo's own time
    assert {photo.outcome for photo in fetched} == {Outcome.TIMEOUT}
