import hashlib
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from waiting import until

from facejoin.demo.logging_host import LoggingHost, fine
from facejoin.demo.photo_server import Fault
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.outcomes import Outcome

PATH = "/8/1.jpg"


def test_a_photo_arrives_with_its_hash_and_status(fetch, serve, settings, photos: Path) -> None:
    url = serve().url(PATH)
    fetched = fetch(url, settings())
    body = (photos / "8" / "1.jpg").read_bytes()
    assert (fetched.body, fetched.sha256) == (body, hashlib.sha256(body).hexdigest())
    assert (fetched.outcome, fetched.http_status, fetched.error, fetched.url) == (None, 200, None, url)
    assert fetched.seconds > 0
    assert not fetched.retryable


@pytest.mark.parametrize(
    ("fault", "outcome", "status"),
    [
        (Fault.NOT_FOUND, Outcome.GONE, 404),
        (Fault.GONE, Outcome.GONE, 410),
        (Fault.PLACEHOLDER, Outcome.PLACEHOLDER, None),
        (Fault.CUT, Outcome.REFUSED, None),
        (Fault.WRONG_TYPE, Outcome.UNSUPPORTED, 200),
        (Fault.SERVER_ERROR, Outcome.HTTP_ERROR, 500),
        (Fault.RATE_LIMITED, Outcome.RATE_LIMITED, 429),
        (Fault.FLAKY, Outcome.HTTP_ERROR, 503),
        (Fault.OPTED_OUT, Outcome.OPTED_OUT, 200),
    ],
)
def test_each_fault_has_its_outcome(fetch, serve, settings, fault, outcome, status) -> None:
    fetched = fetch(serve(faults={PATH: fault}).url(PATH), settings())
    assert (fetched.outcome, fetched.http_status, fetched.body, fetched.sha256) == (outcome, status, None, None)
    assert fetched.error
    assert "\n" not in fetched.error


def test_half_a_photo_in_a_complete_response_is_left_to_the_decoder(fetch, serve, settings, photos: Path) -> None:
    fetched = fetch(serve(faults={PATH: Fault.TRUNCATED}).url(PATH), settings())
    assert fetched.outcome is None
    assert fetched.body
    assert len(fetched.body) == len((photos / "8" / "1.jpg").read_bytes()) // 2


def test_a_redirect_is_followed_to_its_end(fetch, serve, settings) -> None:
    server = serve(faults={PATH: Fault.REDIRECT})
    fetched = fetch(server.url(PATH), settings())
    assert (fetched.outcome, fetched.url) == (None, server.url(f"/moved{PATH}"))


def test_a_redirect_beyond_the_limit_is_an_http_error(fetch, serve, settings) -> None:
    fetched = fetch(serve(faults={PATH: Fault.REDIRECT}).url(PATH), settings(max_redirects=0))
    assert (fetched.outcome, fetched.retryable) == (Outcome.HTTP_ERROR, False)


def test_a_placeholder_known_by_its_address_is_not_downloaded(fetch, serve, settings) -> None:
    server = serve(faults={PATH: Fault.PLACEHOLDER})
    fetched = fetch(server.url(PATH), settings())
    assert fetched.outcome is Outcome.PLACEHOLDER
    assert server.requests == {PATH: 1}


@pytest.mark.parametrize(
    "target",
    [
        "https://s.yimg.com/pw/images/en-us/photo_unavailable.png",
        "https://s.yimg.com/pw/images/photo_unavailable_l.gif",
        "http://l.yimg.com/g/images/de-de/photo_unavailable.png",
    ],
)
def test_flickrs_own_placeholders_are_not_downloaded(fetch, answering, settings, target: str) -> None:
    with answering(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()) as url:
        fetched = fetch(url, settings())
    assert (fetched.outcome, fetched.url) == (Outcome.PLACEHOLDER, target)


def test_who_asks_and_how_to_reach_them_is_said_with_every_request(fetch, settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg"
        pool.submit(fetch, url, settings(timeout=0.5, contact="https://example.org/crawler"))
        with listener.accept()[0] as connection:
            assert b"\r\nUser-Agent: face-join/0.1 (+https://example.org/crawler)\r\n" in connection.recv(65536)


def test_a_placeholder_is_known_by_its_content(fetch, serve, settings, photos: Path) -> None:
    digest = hashlib.sha256((photos / "8" / "1.jpg").read_bytes()).hexdigest()
    fetched = fetch(serve().url(PATH), settings(placeholder_sha256=[digest]))
    assert (fetched.outcome, fetched.body) == (Outcome.PLACEHOLDER, None)


def test_a_closed_port_is_refused(fetch, settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fetched = fetch(f"http://127.0.0.1:{port}/a.jpg?token=secret", settings())
    assert (fetched.outcome, fetched.retryable) == (Outcome.REFUSED, True)
    assert fetched.error
    assert "secret" not in fetched.error


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 999999 Oh\r\n\r\n"])
def test_a_server_that_speaks_no_http_is_refused(fetch, answering, settings, answer: bytes) -> None:
    with answering(answer) as url:
        fetched = fetch(f"{url}?token=secret", settings())
    assert fetched.outcome is Outcome.REFUSED
    assert fetched.error
    assert "secret" not in fetched.error


def test_a_broken_content_encoding_is_corrupt(fetch, answering, settings) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello") as url:
        assert fetch(url, settings()).outcome is Outcome.CORRUPT


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("text/plain", Outcome.UNSUPPORTED),
        ("Application/JSON; charset=utf-8", Outcome.UNSUPPORTED),
        ("video/mp4", Outcome.UNSUPPORTED),
        ("image/x-odd", None),
        ("application/octet-stream", None),
        ("", None),
    ],
)
def test_only_what_is_clearly_no_picture_is_unsupported(
    fetch, answering, settings, media_type: str, expected: Outcome | None
) -> None:
    with answering(f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: 2\r\n\r\nxx".encode()) as url:
        assert fetch(url, settings()).outcome == expected


@pytest.mark.parametrize(
    ("status", "outcome", "retryable"),
    [
        ("204 Nothing", Outcome.HTTP_ERROR, False),
        ("302 Where", Outcome.HTTP_ERROR, False),
        ("304 Same", Outcome.HTTP_ERROR, False),
        ("401 No", Outcome.HTTP_ERROR, False),
        ("403 No", Outcome.HTTP_ERROR, False),
        ("502 Bad", Outcome.HTTP_ERROR, True),
        ("503 Busy\r\nRetry-After: 9", Outcome.RATE_LIMITED, True),
        ("503 Busy\r\nRetry-After: soon", Outcome.HTTP_ERROR, True),
    ],
)
def test_every_other_status_has_its_outcome(
    fetch, answering, settings, status: str, outcome: Outcome, retryable: bool
) -> None:
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as url:
        fetched = fetch(url, settings())
    assert (fetched.outcome, fetched.retryable) == (outcome, retryable)


def test_errors_and_redirects_leave_the_connection_to_the_next_photo(settings) -> None:
    answers = ["404 Not Found", "302 Found\r\nLocation: /b.jpg", "200 OK"]

    def answer_one_connection(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            for status in answers:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nhello".encode())

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(answer_one_connection, listener)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg"
        with Fetcher(settings(timeout=2)) as fetcher:
            assert [fetcher.fetch(url).outcome for _ in range(2)] == [Outcome.GONE, None]


def test_no_more_are_under_way_at_once_than_the_settings_say(settings) -> None:
    with LoggingHost(fine, takes=0.05).running() as host, Fetcher(settings(concurrency=3)) as fetcher:
        begun = [fetcher.begin(f"{host.url}/{number}.jpg") for number in range(12)]
        assert {future.result(30).outcome for future in begun} == {None}
    assert host.most_at_once == 3


def test_what_is_cancelled_closes_its_connection_and_leaves_its_place_to_others(settings) -> None:
    with LoggingHost(fine, takes=1.0).running() as host, Fetcher(settings(concurrency=1)) as fetcher:
        first = fetcher.begin(f"{host.url}/a.jpg")
        until(lambda: host.log != [])
        assert first.cancel()
        assert fetcher.fetch(f"{host.url}/b.jpg").outcome is None
