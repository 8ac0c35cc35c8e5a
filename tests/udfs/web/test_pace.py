"""Arithmetic: every time is given, none is waited for."""

import math

import pytest

from facejoin.conf.settings import FetchSettings, HostBudget
from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.pace import EVENNESS, LONGEST, SPREAD, Breaker, Pace, Verdict, group_of, verdict

ANSWERED, FAILED, LIMITED, UNKNOWN = Verdict


@pytest.fixture
def pace() -> Pace:
    return Pace(HostBudget(connections=3, requests_per_second=4 / EVENNESS), backoff=1.0)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(limit=3, left_alone=60)


def spread(seconds: float) -> object:
    """Between so many and a quarter more."""
    return pytest.approx(seconds * (1 + SPREAD / 2), rel=SPREAD / 2)


def test_requests_begin_at_even_distances_and_nothing_is_saved_up(pace: Pace) -> None:
    assert pace.wait(now=100) == 0
    pace.start(now=100)
    assert pace.wait(now=100.1) == pytest.approx(0.15)
    assert pace.wait(now=100.26) == 0
    pace.start(now=200)  # after a long time without any
    assert pace.wait(now=200) == pytest.approx(0.25)


def test_no_more_connections_than_the_budget_has(pace: Pace) -> None:
    for now in (1, 2, 3):
        pace.start(now)
    assert pace.wait(now=50) == math.inf
    pace.finish(ANSWERED, None, now=50)
    assert pace.wait(now=50) == 0


def test_a_crawl_delay_slows_the_pace_and_never_quickens_it(pace: Pace) -> None:
    pace.crawl_delays = {"http://a.test": 2.0, "http://b.test": 1.0}
    pace.start(now=10)
    assert pace.wait(now=10) == 2.0
    pace.crawl_delays = {"http://a.test": 0.01}
    pace.start(now=20)
    assert pace.wait(now=20) == pytest.approx(0.25)


def test_a_retry_after_pauses_at_least_as_long_as_it_says(pace: Pace) -> None:
    pace.start(now=0)
    pace.finish(LIMITED, 3600.0, now=10)
    assert pace.pause(now=10) == spread(3600)
    assert pace.wait(now=3000) > 600


def test_without_a_retry_after_the_pause_doubles_each_time_until_an_answer(pace: Pace) -> None:
    now, pauses = 0.0, []
    for said in (LIMITED, LIMITED, LIMITED, ANSWERED, LIMITED):
        pace.start(now)
        pace.finish(said, None, now)
        pauses.append(pace.pause(now))
        now = pace.paused_until + 1
    assert pauses == [spread(1), spread(2), spread(4), 0, spread(1)]


def test_requests_that_were_under_way_when_the_pause_began_do_not_double_it(pace: Pace) -> None:
    for _ in range(3):
        pace.start(now=0)
    for now in (1.0, 1.1, 1.2):
        pace.finish(LIMITED, None, now)
    assert (pace.paused, pace.pause(now=1.0)) == (1, spread(1))


def test_a_pause_of_our_own_has_a_longest(pace: Pace) -> None:
    pace.paused = 1000
    pace.start(now=0)
    pace.finish(LIMITED, None, now=0)
    assert pace.pause(now=0) == spread(LONGEST)


def fail(breaker: Breaker, times: int, now: float) -> None:
    for _ in range(times):
        breaker.start()
        breaker.finish(FAILED, now)


def test_a_host_is_left_alone_after_failures_running_and_not_before(breaker: Breaker) -> None:
    fail(breaker, 2, now=0)
    breaker.finish(ANSWERED, now=0)
    fail(breaker, 2, now=0)
    assert breaker.wait(now=0) == 0
    fail(breaker, 1, now=0)
    assert breaker.wait(now=0) == spread(60)


def test_what_was_under_way_when_it_was_left_alone_changes_nothing(breaker: Breaker) -> None:
    fail(breaker, 3, now=0)
    until = breaker.open_until
    for _ in range(9):
        breaker.finish(FAILED, now=20)
    assert (breaker.open_until, breaker.opened) == (until, 1)


def test_then_one_request_tries_it_and_the_others_wait_for_that(breaker: Breaker) -> None:
    fail(breaker, 3, now=0)
    assert breaker.wait(now=100) == 0
    breaker.start()
    assert breaker.wait(now=100) == math.inf
    breaker.finish(ANSWERED, now=101)
    assert breaker.wait(now=101) == 0
    fail(breaker, 2, now=102)
    assert breaker.wait(now=102) == 0  # it counts anew


def test_a_host_that_fails_again_is_left_alone_twice_as_long(breaker: Breaker) -> None:
    fail(breaker, 3, now=0)
    fail(breaker, 1, now=100)
    assert breaker.wait(now=100) == spread(120)
    fail(breaker, 1, now=300)
    assert breaker.wait(now=300) == spread(240)


def test_somebody_else_tries_it_where_the_one_who_did_has_gone(breaker: Breaker) -> None:
    fail(breaker, 3, now=0)
    breaker.start()
    breaker.finish(UNKNOWN, now=100)
    assert breaker.wait(now=100) == 0


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (Outcome.RATE_LIMITED, 429, LIMITED),
        (Outcome.HTTP_ERROR, 503, LIMITED),
        (Outcome.HTTP_ERROR, 500, FAILED),
        (Outcome.TIMEOUT, None, FAILED),
        (Outcome.DNS_ERROR, None, FAILED),
        (Outcome.REFUSED, None, FAILED),
        (Outcome.BLOCKED_ADDRESS, None, UNKNOWN),
        (Outcome.GONE, 404, ANSWERED),
        (Outcome.HTTP_ERROR, 403, ANSWERED),
        (Outcome.TOO_LARGE, 200, ANSWERED),
    ],
)
def test_what_a_photos_end_says_of_its_host(outcome: Outcome, status: int | None, said: Verdict) -> None:
    assert verdict(NotFetched(outcome, "so", http_status=status)) is said


def test_hosts_that_belong_together_share_a_budget_and_others_have_their_own() -> None:
    fetch = FetchSettings.model_validate(
        {"host_groups": [{"hosts": ["photos.test", "*.photos.test"], "connections": 2, "requests_per_second": 3}]}
    )
    names = ["photos.test", "a.photos.test", "b.photos.test", "notphotos.test", "photos.test.evil"]
    groups = [group_of(name, fetch) for name in names]
    assert [name for name, _ in groups] == ["photos.test"] * 3 + names[3:]
    assert [budget.connections for _, budget in groups] == [2, 2, 2, 4, 4]
