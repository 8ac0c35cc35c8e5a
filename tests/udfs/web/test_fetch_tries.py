import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from facejoin.demo.photo_server import Fault
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.outcomes import Outcome

PATH = "/8/1.jpg"
GENEROUS = 8  # seconds for what takes about one, on a busy machine


def test_a_passing_failure_is_tried_again(fetch, serve, settings) -> None:
    server = serve(faults={PATH: Fault.FLAKY})
    assert fetch(server.url(PATH), settings(retries=2)).outcome is None
    assert server.requests == {PATH: 2}


def test_tries_end_at_their_number(fetch, serve, settings) -> None:
    server = serve(faults={PATH: Fault.SERVER_ERROR})
    assert fetch(server.url(PATH), settings(retries=2)).outcome is Outcome.HTTP_ERROR
    assert server.requests == {PATH: 3}


def test_a_verdict_is_not_tried_again(fetch, serve, settings) -> None:
    server = serve(faults={PATH: Fault.GONE})
    fetch(server.url(PATH), settings(retries=2))
    assert server.requests == {PATH: 1}


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.SLOW_HEADERS])
def test_what_took_all_of_its_time_is_left_to_later(fetch, serve, settings, fault) -> None:
    server = serve(faults={PATH: fault})
    assert fetch(server.url(PATH), settings(retries=2, timeout=0.3)).outcome is Outcome.TIMEOUT
    assert server.requests == {PATH: 1}


@pytest.mark.parametrize(("max_wait", "requests"), [(0.5, 1), (2.0, 2)])
def test_a_server_that_asks_for_a_long_pause_is_left_to_later(fetch, serve, settings, max_wait, requests) -> None:
    server = serve(faults={PATH: Fault.RATE_LIMITED})
    fetched = fetch(server.url(PATH), settings(retries=1, max_wait=max_wait))
    assert fetched.outcome is Outcome.RATE_LIMITED
    assert server.requests == {PATH: requests}
    assert fetched.seconds >= requests - 1  # it waited as long as it was asked to


def test_closing_ends_the_wait_between_tries(serve, settings) -> None:
    fetcher = Fetcher(settings(retries=1, backoff=60, max_wait=60))
    server = serve(faults={PATH: Fault.SERVER_ERROR})
    with ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(fetcher.fetch, server.url(PATH))
        while not server.requests:
            time.sleep(0.01)
        fetcher.close()
        # closed after the answer had come, or before
        assert fetched.result(GENEROUS).outcome in (Outcome.HTTP_ERROR, Outcome.PUT_OFF)
