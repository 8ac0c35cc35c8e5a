import socket
import time

import pytest

from facejoin.udfs.web.outcomes import Outcome

PATH = "/8/1.jpg"


def test_a_redirect_to_a_private_address_is_blocked(fetch, answering, settings) -> None:
    with answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/latest/meta-data/\r\n\r\n") as url:
        fetched = fetch(url, settings())
    assert (fetched.outcome, fetched.url) == (Outcome.BLOCKED_ADDRESS, "http://127.0.0.2/latest/meta-data/")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[", "http://u:p@127.0.0.1/", "gopher://127.0.0.1/"])
def test_a_redirect_to_anything_but_a_plain_web_address_is_refused(fetch, answering, settings, location: str) -> None:
    with answering(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()) as url:
        fetched = fetch(url, settings())
    assert fetched.outcome in (Outcome.NOT_IMAGE_URL, Outcome.HTTP_ERROR)
    assert not fetched.retryable


def test_this_machine_is_blocked_unless_it_is_allowed(fetch, serve, settings) -> None:
    server = serve()
    fetched = fetch(server.url(PATH), settings(allowed_networks=[]))
    assert (fetched.outcome, fetched.http_status) == (Outcome.BLOCKED_ADDRESS, None)
    assert not server.requests


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(fetch, serve, settings) -> None:
    inside = serve()
    answers = iter([["127.0.0.3"], ["127.0.0.1"]])  # permitted when checked, another by the time of connecting
    url = f"http://rebinding.test:{inside.port}{PATH}"
    fetched = fetch(url, settings(allowed_networks=["127.0.0.3/32"]), lambda host: next(answers))
    assert fetched.outcome is Outcome.REFUSED  # nobody listens at 127.0.0.3
    assert not inside.requests
    assert next(answers) == ["127.0.0.1"]  # the name was asked for once only


def test_a_host_that_libcurl_reads_otherwise_than_we_do_is_not_connected_to(fetch, serve, settings) -> None:
    """It takes a number as an address by itself, whatever the name service says."""
    inside = serve()
    fetched = fetch(
        f"http://2130706433:{inside.port}{PATH}",
        settings(allowed_networks=["127.0.0.3/32"]),
        lambda host: ["127.0.0.3"],
    )
    assert fetched.outcome is Outcome.REFUSED
    assert not inside.requests


def test_the_next_address_of_a_host_is_tried_where_one_refuses(fetch, serve, settings) -> None:
    url = f"http://photos.test:{serve().port}{PATH}"
    allowed = settings(allowed_networks=["127.0.0.0/8"])
    assert fetch(url, allowed, lambda host: ["127.0.0.9", "127.0.0.1"]).outcome is None


def test_proxies_of_the_environment_are_ignored(fetch, serve, settings, monkeypatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    assert fetch(serve().url(PATH), settings()).outcome is None


@pytest.mark.parametrize(
    "url",
    [
        *["", "photo.jpg", "//host/a.jpg", "http://", "http://[::1/a.jpg", "http://127.0.0.1:99999/"],
        *["ftp://127.0.0.1/a.jpg", "file:///etc/passwd", "javascript:alert(1)"],
        *["http://user:secret@127.0.0.1/a.jpg", "http://@127.0.0.1/", "http://127.0.0.1/" + "a" * 9000],
    ],
)
def test_what_is_no_plain_web_address_is_never_asked_for(fetch, settings, url: str) -> None:
    fetched = fetch(url, settings())
    assert (fetched.outcome, fetched.http_status) == (Outcome.NOT_IMAGE_URL, None)
    assert "secret" not in (fetched.error or "")


def test_a_name_without_address_is_a_dns_error(fetch, settings) -> None:
    def unknown(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    fetched = fetch("http://nowhere.test/a.jpg", settings(), unknown)
    assert (fetched.outcome, fetched.retryable) == (Outcome.DNS_ERROR, True)


def test_a_silent_name_service_meets_the_deadline(fetch, settings) -> None:
    def silent(host: str) -> list[str]:
        time.sleep(2)
        return ["127.0.0.1"]

    fetched = fetch("http://silent.test/a.jpg", settings(connect_timeout=0.2), silent)
    assert fetched.outcome is Outcome.DNS_ERROR
    assert fetched.seconds < 2
