import socket
from concurrent.futures import ThreadPoolExecutor

from facejoin.demo.photo_server import Fault
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.outcomes import Outcome
from facejoin.udfs.web.robots import ROBOTS_BYTES

PATH = "/8/1.jpg"


def test_what_robots_txt_disallows_is_not_asked_for(fetch, serve, settings) -> None:
    server = serve(robots_txt="User-agent: *\nDisallow: /8/\n")
    assert fetch(server.url(PATH), settings(robots=True)).outcome is Outcome.ROBOTS
    assert server.requests == {"/robots.txt": 1}


def test_robots_txt_is_read_once_for_many_photos(serve, settings) -> None:
    server = serve()
    with Fetcher(settings(robots=True)) as fetcher, ThreadPoolExecutor(8) as pool:
        fetched = list(pool.map(fetcher.fetch, [server.url(PATH)] * 24))
    assert all(photo.outcome is None for photo in fetched)
    assert server.requests == {"/robots.txt": 1, PATH: 24}


def test_robots_txt_is_obeyed_after_a_redirect(fetch, serve, settings) -> None:
    server = serve(faults={PATH: Fault.REDIRECT}, robots_txt="User-agent: *\nDisallow: /moved/\n")
    fetched = fetch(server.url(PATH), settings(robots=True))
    assert (fetched.outcome, fetched.url) == (Outcome.ROBOTS, server.url(f"/moved{PATH}"))


def test_robots_txt_inside_the_cluster_is_not_read(fetch, answering, settings) -> None:
    with answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/\r\nConnection: close\r\n\r\n") as url:
        assert fetch(url, settings(robots=True)).outcome is Outcome.BLOCKED_ADDRESS


def test_a_host_whose_robots_txt_fails_is_left_alone_until_later(serve, settings) -> None:
    server = serve(faults={"/robots.txt": Fault.SERVER_ERROR})
    with Fetcher(settings(robots=True, retries=1)) as fetcher:
        first, second = fetcher.fetch(server.url(PATH)), fetcher.fetch(server.url(PATH))
    assert (first.outcome, first.http_status, first.retryable) == (Outcome.HTTP_ERROR, 500, True)
    assert (second.outcome, second.http_status, second.retryable) == (Outcome.PUT_OFF, None, True)
    assert server.requests == {"/robots.txt": 2}


def test_reading_robots_txt_takes_of_the_photos_own_time(fetch, serve, settings) -> None:
    server = serve(faults={"/robots.txt": Fault.SLOW_HEADERS})
    fetched = fetch(server.url(PATH), settings(robots=True, timeout=0.4, retries=2))
    assert fetched.outcome is Outcome.TIMEOUT
    assert "robots.txt" in (fetched.error or "")
    assert server.requests == {"/robots.txt": 1}  # its one try had all of the time


def test_of_an_endless_robots_txt_only_the_first_part_is_read(fetch, answering, settings) -> None:
    endless = b"User-agent: *\n" + b"Allow: /\n" * (2 * ROBOTS_BYTES // 9) + b"Disallow: /\n"
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n" + endless) as url:
        assert fetch(url, settings(robots=True, timeout=5)).outcome is Outcome.ROBOTS  # too many rules


def test_a_dead_host_ends_as_its_own_outcome(fetch, settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert fetch(f"http://127.0.0.1:{port}/a.jpg", settings(robots=True)).outcome is Outcome.REFUSED
