"""Many fetchers, one keeper: what a host sees of all of them together, by its own log."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.web.fetch import Fetched, Fetcher
from facejoin.udfs.web.hosts import Hosts, KeeperLine, KeeperLost, divided, hosts_of
from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.pace import LONGEST
from facejoin.udfs.web.service import KeeperService, Place

HERE = "127.0.0.1"
TASKS = 16
MOMENT = 0.3  # seconds that a request, or its end, may take to be seen on a busy machine


@dataclass
class Host:
    """A host that keeps a log of what it is asked for, and answers as it is told."""

    answer: Callable[[str, int], tuple[int, dict[str, str]]]  # path, number of the request → status, headers
    takes: float = 0.0  # seconds, for each request
    arrived: list[tuple[float, str]] = field(default_factory=list)  # when, path
    at_once: int = 0  # connections open now
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def paths(self, path: str) -> list[float]:
        return [when for when, asked in self.arrived if asked == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: Host

    def setup(self) -> None:
        super().setup()
        with self.host.lock:
            self.host.at_once += 1
            self.host.most_at_once = max(self.host.most_at_once, self.host.at_once)

    def finish(self) -> None:
        with self.host.lock:
            self.host.at_once -= 1
        super().finish()

    def do_GET(self) -> None:
        with self.host.lock:
            self.host.arrived.append((time.monotonic(), self.path))
            number = len(self.host.paths(self.path))
        status, headers = self.host.answer(self.path, number)
        time.sleep(self.host.takes)
        body = b"User-agent: *\nDisallow: /private/\n" if self.path == "/robots.txt" else b"x"
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        # what is still open when the client has read all of the answer is a connection of ours no more
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """The log is the host's own."""


def fine(path: str, number: int) -> tuple[int, dict[str, str]]:
    return 200, {}


@contextmanager
def running(host: Host) -> Iterator[Host]:
    handler = type("Handler", (_Handler,), {"host": host})
    with ThreadingHTTPServer((HERE, 0), handler) as server:
        server.socket.listen(256)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        host.url = f"http://{HERE}:{server.server_port}"
        yield host
        server.shutdown()
        thread.join()


def budget(connections: int, requests_per_second: float, **others: object) -> FetchSettings:
    each = {"connections": connections, "requests_per_second": requests_per_second}
    values = {"allowed_networks": [f"{HERE}/32"], "each_host": each, "timeout": 5.0, "retries": 0, "concurrency": 4}
    return FetchSettings.model_validate(values | {"backoff": 0.01, "robots": False} | others)


@contextmanager
def cluster(fetch: FetchSettings, tasks: int = TASKS) -> Iterator[tuple[KeeperService, list[Fetcher]]]:
    """A keeper, and fetchers that know it as tasks on other machines do."""
    with KeeperService(fetch, HERE) as keeper, ExitStack() as stack:
        place = keeper.place(HERE)
        hosts = [hosts_of(place, fetch, tasks) for _ in range(tasks)]
        yield keeper, [stack.enter_context(Fetcher(fetch, hosts=one)) for one in hosts]


def fetch_all(fetchers: list[Fetcher], url: str, each: int) -> list[Fetched]:
    """So many requests of every fetcher, four at a time."""
    with ThreadPoolExecutor(4 * len(fetchers)) as pool:
        return list(pool.map(lambda number: fetchers[number % len(fetchers)].fetch(url), range(each * len(fetchers))))


def most_within(times: list[float], seconds: float) -> int:
    """The most of them in any such time."""
    return max(sum(start <= time < start + seconds for time in times) for start in times)


def test_all_tasks_together_keep_to_the_hosts_connections_and_rate() -> None:
    fetch = budget(connections=3, requests_per_second=40)
    with running(Host(fine, takes=0.05)) as host, cluster(fetch) as (_, fetchers):
        fetched = fetch_all(fetchers, f"{host.url}/a.jpg", each=4)
    times = host.paths("/a.jpg")
    assert {photo.outcome for photo in fetched} == {None}
    assert host.most_at_once <= 3
    assert max(times) - min(times) >= (len(times) - 1) / 40 - MOMENT
    assert most_within(times, 1.0) <= 40


def test_a_retry_after_that_one_task_gets_is_a_pause_for_all() -> None:
    def busy_once(path: str, number: int) -> tuple[int, dict[str, str]]:
        return (429, {"Retry-After": "2"}) if number == 20 else (200, {})

    with running(Host(busy_once)) as host, cluster(budget(connections=8, requests_per_second=100)) as (_, fetchers):
        fetched = fetch_all(fetchers, f"{host.url}/a.jpg", each=4)
    times = sorted(host.paths("/a.jpg"))
    said = times[19]
    assert [when - said for when in times if MOMENT < when - said < 2] == []
    assert sum(photo.outcome is Outcome.RATE_LIMITED for photo in fetched) == 1
    assert sum(photo.outcome is None for photo in fetched) == len(fetched) - 1  # they waited


def test_after_a_long_retry_after_photos_are_put_off_without_a_request() -> None:
    def busy(path: str, number: int) -> tuple[int, dict[str, str]]:
        return 429, {"Retry-After": "3600"}

    with running(Host(busy)) as host, cluster(budget(connections=2, requests_per_second=50)) as (keeper, fetchers):
        fetched = fetch_all(fetchers, f"{host.url}/a.jpg", each=30)
        assert 3000 < keeper.quiet() <= 2 * LONGEST
    outcomes = {photo.outcome for photo in fetched}
    assert outcomes == {Outcome.RATE_LIMITED, Outcome.PUT_OFF}
    assert len(host.arrived) <= 2  # as many as had begun
    assert all(photo.retryable for photo in fetched)


def test_robots_txt_is_read_once_a_wave_by_all_tasks_together() -> None:
    fetch = budget(connections=8, requests_per_second=500, robots=True)
    with running(Host(fine)) as host:
        with cluster(fetch) as (keeper, fetchers):
            fetch_all(fetchers, f"{host.url}/a.jpg", each=2)
            assert fetchers[0].fetch(f"{host.url}/private/a.jpg").outcome is Outcome.ROBOTS
            keeper.begin_wave()
            with Fetcher(fetch, hosts=hosts_of(keeper.place(HERE), fetch, 1)) as of_the_next_wave:
                of_the_next_wave.fetch(f"{host.url}/a.jpg")
    assert len(host.paths("/robots.txt")) == 2
    assert host.paths("/private/a.jpg") == []


def test_a_host_that_hangs_costs_a_few_requests_and_then_its_photos_are_put_off() -> None:
    fetch = budget(connections=4, requests_per_second=100, timeout=0.3, failures=5)
    with running(Host(fine, takes=1.0)) as host, cluster(fetch, tasks=4) as (_, fetchers):
        fetched = fetch_all(fetchers, f"{host.url}/a.jpg", each=50)
    assert len(host.arrived) <= 5 + 4
    assert {photo.outcome for photo in fetched} == {Outcome.TIMEOUT, Outcome.PUT_OFF}


def test_a_host_left_alone_is_tried_again_by_one_request_and_then_asked_as_before() -> None:
    def broken_at_first(path: str, number: int) -> tuple[int, dict[str, str]]:
        return (500, {}) if number <= 3 else (200, {})

    fetch = budget(connections=8, requests_per_second=500, failures=3, left_alone=0.5)
    with running(Host(broken_at_first)) as host, cluster(fetch, tasks=1) as (_, [fetcher]):
        outcomes = [fetcher.fetch(f"{host.url}/a.jpg").outcome for _ in range(6)]
    times = host.paths("/a.jpg")
    assert outcomes == [Outcome.HTTP_ERROR] * 3 + [None] * 3
    assert times[3] - times[2] >= 0.5


def test_what_a_task_held_when_it_died_is_given_to_others() -> None:
    fetch = budget(connections=1, requests_per_second=1000)
    with KeeperService(fetch, HERE) as keeper:
        dying, other = KeeperLine(keeper.place(HERE)), KeeperLine(keeper.place(HERE))
        dying.ask("turn", "photos.test")
        assert dying.ask("rules", "http://photos.test") is None
        with ThreadPoolExecutor(2) as pool, closing(other):
            turn, rules = pool.submit(other.ask, "turn", "photos.test"), pool.submit(other.ask, "rules", "http://photos.test")
            dying.close()
            assert (turn.result(5), rules.result(5)) == (None, None)


def test_whoever_does_not_know_the_token_is_shown_the_door() -> None:
    with KeeperService(FetchSettings(), HERE) as keeper:
        with pytest.raises(OSError):
            KeeperLine(Place(HERE, keeper.place(HERE).port, "guessed"))


def test_without_a_keeper_each_task_has_its_part_of_the_budgets() -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
    fetch = budget(connections=8, requests_per_second=8)
    with closing(hosts_of(Place(HERE, port, "token"), fetch, tasks=4)) as hosts:
        assert not hosts.keep_alive
    each = divided(fetch, 4).each_host
    assert (each.connections, each.requests_per_second) == (2, 2.0)
    assert divided(fetch, 100).each_host.connections == 1
    assert [group.requests_per_second for group in divided(fetch, 4).host_groups] == [25.0]


def test_a_keeper_that_goes_while_tasks_work_is_an_error_and_not_a_photos_outcome() -> None:
    keeper = KeeperService(budget(connections=1, requests_per_second=1), HERE)
    hosts = Hosts(KeeperLine(keeper.place(HERE)), keep_alive=False)
    keeper.close()
    with closing(hosts), pytest.raises(KeeperLost), hosts.turn("photos.test"):
        pass


def test_closing_ends_the_waiting_for_a_turn() -> None:
    fetch = budget(connections=1, requests_per_second=1000)
    with KeeperService(fetch, HERE) as keeper, ThreadPoolExecutor(1) as pool:
        for line in (KeeperLine(keeper.place(HERE)), Fetcher(fetch)._hosts._line):
            line.ask("turn", "photos.test")
            waiting = pool.submit(line.ask, "turn", "photos.test")
            line.close()
            with pytest.raises(NotFetched) as caught:
                waiting.result(5)
            assert caught.value.outcome is Outcome.PUT_OFF
