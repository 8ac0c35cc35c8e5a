import http.client
import socket
import threading
import time
from pathlib import Path

import pytest

from facejoin.demo.photo_server import Fault, PhotoServer

PATH = "/8/1.jpg"


def get(server: PhotoServer, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


def test_a_photo_is_served_with_its_type(serve, photos: Path) -> None:
    server = serve()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for _ in range(2):  # over one connection
        connection.request("GET", PATH)
        response = connection.getresponse()
        assert (response.status, response.headers["content-type"]) == (200, "image/jpeg")
        assert response.read() == (photos / "8" / "1.jpg").read_bytes()
    connection.close()
    assert server.requests == {PATH: 2}


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/8/../../secret.txt", "/%2e%2e/secret.txt", "//etc/passwd", "/link.txt", "/8", "/%00"]
)
def test_nothing_outside_the_folder_is_served(serve, photos: Path, path: str) -> None:
    (photos.parent / "secret.txt").write_text("secret")
    (photos / "link.txt").symlink_to(photos.parent / "secret.txt")
    assert get(serve(), path)[0] == 404


def test_an_unknown_fault_is_an_error(photos: Path) -> None:
    with pytest.raises(ValueError, match="no_such_fault"):
        PhotoServer(photos, faults={PATH: "no_such_fault"})


def test_rules_for_robots_are_served_only_where_given(serve) -> None:
    assert get(serve(), "/robots.txt")[0] == 404
    assert get(serve(robots_txt="User-agent: *\n"), "/robots.txt") == (200, b"User-agent: *\n")


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.SLOW_HEADERS, None])
def test_closing_does_not_wait_for_slow_or_idle_clients(photos: Path, fault: Fault | None) -> None:
    threads = set(threading.enumerate())
    server = PhotoServer(photos, faults={PATH: fault} if fault else {})
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(10)
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < 5
    assert set(threading.enumerate()) <= threads
