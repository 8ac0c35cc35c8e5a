import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.robots import Robots, opts_out

AGENT = "face-join/0.1 (+https://example.org; photo research crawler)"
RULES = "User-agent: *\nDisallow: /private/\n\nUser-agent: face-join\nDisallow: /people/\nAllow: /people/public/\n"
HOST = "https://photos.test"


def outcome_of(robots: Robots, url: str) -> Outcome | None:
    try:
        robots.check(url)
    except NotFetched as reason:
        return reason.outcome
    return None


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a.jpg", None), ("/people/a.jpg", Outcome.ROBOTS), ("/people/public/a.jpg", None), ("/private/a.jpg", None)],
)
def test_the_group_of_the_crawlers_own_name_decides(path: str, expected: Outcome | None) -> None:
    assert outcome_of(Robots(lambda url: RULES, AGENT), HOST + path) == expected


def test_words_in_the_user_agents_comment_are_not_its_name() -> None:
    robots = Robots(lambda url: "User-agent: crawler\nDisallow: /\n", AGENT)
    assert outcome_of(robots, f"{HOST}/a.jpg") is None


def test_many_threads_read_the_rules_of_a_host_once() -> None:
    asked = []
    together = threading.Barrier(8)

    def read(url: str) -> str:
        asked.append(url)
        time.sleep(0.05)
        return RULES

    def check(number: int) -> None:
        together.wait()
        robots.check(f"{HOST}/{number}.jpg")

    robots = Robots(read, AGENT)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, range(8)))
    assert asked == [f"{HOST}/robots.txt"]


def test_hosts_and_ports_have_rules_of_their_own() -> None:
    robots = Robots(lambda url: "User-agent: *\nDisallow: /\n" if ":8080" in url else "", AGENT)
    assert outcome_of(robots, "http://photos.test:8080/a.jpg") is Outcome.ROBOTS
    assert outcome_of(robots, "http://photos.test/a.jpg") is None


def failing(outcome: Outcome, status: int | None) -> Robots:
    def read(url: str) -> str:
        raise NotFetched(outcome, "no rules", http_status=status)

    return Robots(read, AGENT)


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.GONE, 404), (Outcome.HTTP_ERROR, 403)])
def test_a_host_without_rules_allows_all(outcome: Outcome, status: int) -> None:
    assert outcome_of(failing(outcome, status), f"{HOST}/a.jpg") is None


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.HTTP_ERROR, 500), (Outcome.RATE_LIMITED, 429), (Outcome.TIMEOUT, None), (Outcome.DNS_ERROR, None)],
)
def test_a_host_whose_rules_cannot_be_had_is_left_alone_for_now(outcome: Outcome, status: int | None) -> None:
    with pytest.raises(NotFetched) as caught:
        failing(outcome, status).check(f"{HOST}/a.jpg")
    assert (caught.value.outcome, caught.value.retryable) == (outcome, True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], False),
        (["noindex"], False),
        (["noai"], True),
        (["noindex, NoImageAI"], True),
        (["noindex", "noai"], True),
        (["otherbot: noai"], False),
        (["otherbot: noindex, noai"], False),
        (["face-join: noai"], True),
        (["otherbot: noindex, Face-Join: noindex, noai"], True),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], True),
        (["max-snippet: 20, noimageai"], True),
        ([", :,::,"], False),
    ],
)
def test_an_opt_out_counts_for_everyone_or_for_the_crawler_it_names(headers: list[str], expected: bool) -> None:
    assert opts_out(headers, AGENT) is expected
