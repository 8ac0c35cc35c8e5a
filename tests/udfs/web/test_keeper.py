"""Many fetchers, one keeper: what a host sees of all of them together, by its own log."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from waiting import until

from facejoin.conf.settings import FetchSettings
from facejoin.demo.logging_host import HERE, Answer, LoggingHost, fine, most_within
from facejoin.udfs.web.fetch import Fetched, Fetcher
from facejoin.udfs.web.hosts import Hosts, KeeperLine, KeeperLost, Line, OwnKeeper, divided, hosts_alone, hosts_of
from facejoin.udfs.web.keeper import Keeper, Session
from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.pace import LONGEST, Verdict
from facejoin.udfs.web.service import WELCOME, KeeperService, Place

TASKS = 16
MOMENT = 0.3  # seconds that a request, or its end, may take to be seen on a busy machine


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


def asked(line: Line, what: str, *arguments: Any) -> Future[Any]:
    return line.loop.begin(lambda: line.ask(what, *arguments))


def ended(line: Line, host: str) -> None:
    line.loop.call(lambda: line.tell("finish", host, Verdict.ANSWERED.value, None))


async def holding(hosts: Hosts, host: str) -> None:
    """The only turn, for ever."""
    async with hosts.turn(host):
        await asyncio.Event().wait()


def test_all_tasks_together_keep_to_the_hosts_connections_and_rate() -> None:
    fetch = budget(connections=3, requests_per_second=40)
    with LoggingHost(fine, takes=0.05).running() as host, cluster(fetch) as (_, fetchers):
        fetched = fetch_all(fetchers, f"{host.url}/a.jpg", each=4)
        until(lambda: host.open == 0, 10)  # none is kept, for it would be one of the host's connections
    times = host.times("/a.jpg")
    assert {photo.outcome for photo in fetched} == {None}
    assert host.most_at_once <= 3
    assert max(times) - min(times) >= (len(times) - 1) / 40 - MOMENT
    assert most_within(times, 1.0) <= 40 * (1 + MOMENT) + 1  # those that were late arrive with those of their time


def test_a_retry_after_that_one_task_gets_is_a_pause_for_all() -> None:
    def busy_once(_path: str, number: int) -> Answer:
        return (429, {"Retry-After": "2"}) if number == 20 else (200, {})

    with (
        LoggingHost(busy_once).running() as host,
        cluster(budget(connections=8, requests_per_second=100)) as (_, fetchers),
    ):
        fetched = fetch_all(fetchers, f"{host.url}/a.jpg", each=4)
    times = sorted(host.times("/a.jpg"))
    said = times[19]
    assert [when - said for when in times if MOMENT < when - said < 2] == []
    assert sum(photo.outcome is Outcome.RATE_LIMITED for photo in fetched) == 1
    assert sum(photo.outcome is None for photo in fetched) == len(fetched) - 1  # they waited


def test_after_a_long_retry_after_photos_are_put_off_without_a_request() -> None:
    def busy(_path: str, _number: int) -> Answer:
        return 429, {"Retry-After": "3600"}

    with (
        LoggingHost(busy).running() as host,
        cluster(budget(connections=2, requests_per_second=50)) as (keeper, fetchers),
    ):
        fetched = fetch_all(fetchers, f"{host.url}/a.jpg", each=30)
        assert 3000 < keeper.quiet() <= 2 * LONGEST
        assert [*keeper.paused()] == [HERE]
    outcomes = {photo.outcome for photo in fetched}
    assert outcomes == {Outcome.RATE_LIMITED, Outcome.PUT_OFF}
    assert len(host.log) <= 2  # as many as had begun
    assert all(photo.retryable for photo in fetched)


def test_robots_txt_is_read_once_by_all_tasks_together() -> None:
    fetch = budget(connections=8, requests_per_second=500, robots=True)
    with LoggingHost(fine).running() as host, cluster(fetch) as (keeper, fetchers):
        fetch_all(fetchers, f"{host.url}/a.jpg", each=2)
        assert fetchers[0].fetch(f"{host.url}/private/a.jpg").outcome is Outcome.ROBOTS
        with Fetcher(fetch, hosts=hosts_of(keeper.place(HERE), fetch, 1)) as of_the_next_wave:
            assert of_the_next_wave.fetch(f"{host.url}/a.jpg").outcome is None
    assert len(host.times("/robots.txt")) == 1
    assert host.times("/private/a.jpg") == []


def test_a_host_that_hangs_costs_a_few_requests_and_then_its_photos_are_put_off() -> None:
    fetch = budget(connections=4, requests_per_second=100, timeout=0.3, failures=5)
    with LoggingHost(fine, takes=1.0).running() as host, cluster(fetch, tasks=4) as (_, fetchers):
        fetched = fetch_all(fetchers, f"{host.url}/a.jpg", each=50)
    assert len(host.log) <= 5 + 4
    assert {photo.outcome for photo in fetched} == {Outcome.TIMEOUT, Outcome.PUT_OFF}


def test_a_host_left_alone_is_tried_again_by_one_request_and_then_asked_as_before() -> None:
    def broken_at_first(_path: str, number: int) -> Answer:
        return (500, {}) if number <= 3 else (200, {})

    fetch = budget(connections=8, requests_per_second=500, failures=3, left_alone=0.5)
    with LoggingHost(broken_at_first).running() as host, cluster(fetch, tasks=1) as (_, [fetcher]):
        outcomes = [fetcher.fetch(f"{host.url}/a.jpg").outcome for _ in range(6)]
    times = host.times("/a.jpg")
    assert outcomes == [Outcome.HTTP_ERROR] * 3 + [None] * 3
    assert times[3] - times[2] >= 0.5


def test_what_a_task_held_when_it_died_is_given_to_others() -> None:
    fetch = budget(connections=1, requests_per_second=1000)
    with KeeperService(fetch, HERE) as keeper:
        dying, other = KeeperLine(keeper.place(HERE)), KeeperLine(keeper.place(HERE))
        asked(dying, "turn", "photos.test").result(5)
        assert asked(dying, "rules", "http://photos.test").result(5) is None
        with closing(other):
            turn, rules = asked(other, "turn", "photos.test"), asked(other, "rules", "http://photos.test")
            dying.close()
            assert (turn.result(5), rules.result(5)) == (None, None)


def test_what_is_given_to_a_task_that_has_died_is_given_back() -> None:
    async def given_too_late() -> str | None:
        keeper = Keeper(budget(connections=1, requests_per_second=1000))
        dead = Session(keeper)
        dead.close()
        await dead.turn("photos.test")
        assert await dead.rules("http://photos.test") is None
        other = Session(keeper)
        await asyncio.wait_for(other.turn("photos.test"), 5)
        return await asyncio.wait_for(other.rules("http://photos.test"), 5)

    assert asyncio.run(given_too_late()) is None


def test_whoever_does_not_know_the_token_is_shown_the_door() -> None:
    with KeeperService(FetchSettings(), HERE) as keeper, pytest.raises(ConnectionRefusedError):
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
    with closing(hosts), Fetcher(budget(connections=1, requests_per_second=1), hosts=hosts) as fetcher:
        for _ in range(2):
            with pytest.raises(KeeperLost):
                fetcher.fetch(f"http://{HERE}/a.jpg")
        with pytest.raises(KeeperLost):
            hosts.taken("a wave", "a worker", 1.0, 1.0, 1)


def test_a_keeper_that_goes_while_a_task_waits_for_its_turn_keeps_it_waiting_no_longer() -> None:
    keeper = KeeperService(budget(connections=1, requests_per_second=1000), HERE)
    with closing(KeeperLine(keeper.place(HERE))) as line:
        asked(line, "turn", "photos.test").result(5)
        waiting = asked(line, "turn", "photos.test")
        keeper.close()
        with pytest.raises(KeeperLost):
            waiting.result(5)


def test_half_an_answer_is_a_keepers_last_and_keeps_nobody_waiting() -> None:
    def answer_by_half(listener: socket.socket) -> None:
        with listener.accept()[0] as connection, connection.makefile("rb") as lines:
            lines.readline()
            connection.sendall(WELCOME)
            lines.readline()
            connection.sendall(b"[0, nu")

    with socket.create_server((HERE, 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(answer_by_half, listener)
        with closing(KeeperLine(Place(HERE, listener.getsockname()[1], "token"))) as line, pytest.raises(KeeperLost):
            asked(line, "turn", "photos.test").result(5)


def test_the_end_of_a_request_is_told_without_waiting_and_counts_for_who_asks_next() -> None:
    fetch = budget(connections=1, requests_per_second=1000)
    with KeeperService(fetch, HERE) as keeper:
        for line in (KeeperLine(keeper.place(HERE)), OwnKeeper(fetch)):
            with closing(line):
                for _ in range(3):
                    asked(line, "turn", "photos.test").result(5)
                    ended(line, "photos.test")
                asked(line, "turn", "photos.test").result(5)
                waiting = asked(line, "turn", "photos.test")
                ended(line, "photos.test")
                assert waiting.result(5) is None


def test_a_keeper_that_ends_while_tasks_are_there_has_nothing_to_complain_of(caplog: pytest.LogCaptureFixture) -> None:
    keeper = KeeperService(budget(connections=1, requests_per_second=1), HERE)
    with closing(KeeperLine(keeper.place(HERE))):
        keeper.close()
    assert caplog.records == []


def test_closing_ends_the_waiting_for_a_turn() -> None:
    fetch = budget(connections=1, requests_per_second=1000)
    with LoggingHost(fine).running() as host, KeeperService(fetch, HERE) as keeper, ThreadPoolExecutor(1) as pool:
        for hosts in (hosts_of(keeper.place(HERE), fetch, 1), hosts_alone(fetch)):
            with Fetcher(fetch, hosts=hosts) as fetcher:
                hosts.loop.begin(partial(holding, hosts, urlsplit(host.url).netloc))
                waiting = pool.submit(fetcher.fetch, f"{host.url}/a.jpg")
                until(waiting.running, 10)
            assert waiting.result(5).outcome is Outcome.PUT_OFF
            assert fetcher.fetch(f"{host.url}/a.jpg").outcome is Outcome.PUT_OFF
            with pytest.raises(NotFetched):
                hosts.taken("a wave", "a worker", 1.0, 1.0, 1)
    assert host.log == []
