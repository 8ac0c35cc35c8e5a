import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protego import Protego

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.web.hosts import Hosts, hosts_alone
from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.robots import RULES, Robots, opts_out, rules_for

AGENT = "face-join/0.1 (+https://example.org; photo research crawler)"
TEXT = "User-agent: *\nDisallow: /private/\n\nUser-agent: face-join\nDisallow: /people/\nAllow: /people/public/\n"
HOST = "https://photos.test"


Reader = Callable[[str], str]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with closing(hosts_alone(FetchSettings())) as hosts:
        yield hosts


class Asked:
    """Rules that are asked from outside of the hosts' event loop."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts, self.robots = hosts, Robots(hosts, AGENT)

    def check(self, url: str, read: Reader) -> None:
        async def reading(of: str) -> str:
            return read(of)

        self.hosts.loop.run(lambda: self.robots.check(url, reading))


@pytest.fixture
def robots(hosts: Hosts) -> Asked:
    return Asked(hosts)


def says(text: str) -> Reader:
    return lambda url: text


def outcome_of(robots: Asked, url: str, read: Reader) -> Outcome | None:
    try:
        robots.check(url, read)
    except NotFetched as reason:
        return reason.outcome
    return None


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a.jpg", None), ("/people/a.jpg", Outcome.ROBOTS), ("/people/public/a.jpg", None), ("/private/a.jpg", None)],
)
def test_the_group_of_the_crawlers_own_name_decides(robots: Asked, path: str, expected: Outcome | None) -> None:
    assert outcome_of(robots, HOST + path, says(TEXT)) == expected


def test_words_in_the_user_agents_comment_are_not_its_name(robots: Asked) -> None:
    assert outcome_of(robots, f"{HOST}/a.jpg", says("User-agent: crawler\nDisallow: /\n")) is None


def test_the_rules_of_a_host_are_read_once_for_many_photos(hosts: Hosts) -> None:
    asked, robots, read_now = [], Robots(hosts, AGENT), asyncio.Event()

    async def read(url: str) -> str:
        asked.append(url)
        await read_now.wait()
        return TEXT

    async def checks() -> None:
        all_of_them = asyncio.gather(*(robots.check(f"{HOST}/{number}.jpg", read) for number in range(8)))
        while not asked:
            await asyncio.sleep(0)
        read_now.set()
        await all_of_them

    hosts.loop.run(checks)
    assert asked == [f"{HOST}/robots.txt"]


def test_what_one_has_read_another_who_shares_the_hosts_does_not_read(hosts: Hosts) -> None:
    one, other = Asked(hosts), Asked(hosts)
    assert outcome_of(one, f"{HOST}/people/a.jpg", says(TEXT)) is Outcome.ROBOTS
    assert outcome_of(other, f"{HOST}/people/b.jpg", lambda url: pytest.fail("read again")) is Outcome.ROBOTS


def test_hosts_and_ports_have_rules_of_their_own(robots: Asked) -> None:
    def read(url: str) -> str:
        return "User-agent: *\nDisallow: /\n" if ":8080" in url else ""

    assert outcome_of(robots, "http://photos.test:8080/a.jpg", read) is Outcome.ROBOTS
    assert outcome_of(robots, "http://photos.test/a.jpg", read) is None


def failing(outcome: Outcome, status: int | None) -> Reader:
    def read(url: str) -> str:
        raise NotFetched(outcome, "no rules", http_status=status)

    return read


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.GONE, 404), (Outcome.HTTP_ERROR, 403)])
def test_a_host_without_rules_allows_all(robots: Asked, outcome: Outcome, status: int) -> None:
    assert outcome_of(robots, f"{HOST}/a.jpg", failing(outcome, status)) is None


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.HTTP_ERROR, 500), (Outcome.RATE_LIMITED, 429), (Outcome.TIMEOUT, None), (Outcome.DNS_ERROR, None)],
)
def test_a_host_whose_rules_cannot_be_had_is_left_alone_for_now(
    robots: Asked, outcome: Outcome, status: int | None
) -> None:
    with pytest.raises(NotFetched) as caught:
        robots.check(f"{HOST}/a.jpg", failing(outcome, status))
    assert (caught.value.outcome, caught.value.retryable) == (outcome, True)
    assert outcome_of(robots, f"{HOST}/b.jpg", lambda url: pytest.fail("asked again")) is Outcome.PUT_OFF


def test_a_host_that_pauses_is_not_left_alone_for_that(hosts: Hosts, robots: Asked) -> None:
    def paused(url: str) -> str:
        raise NotFetched(Outcome.PUT_OFF, "it asked for a pause")

    assert outcome_of(robots, f"{HOST}/a.jpg", paused) is Outcome.PUT_OFF
    assert outcome_of(robots, f"{HOST}/a.jpg", says("")) is None  # read as soon as it can be


def test_a_crawl_delay_beyond_patience_puts_the_host_off(hosts: Hosts, robots: Asked) -> None:
    robots.check(f"{HOST}/a.jpg", says("User-agent: *\nCrawl-delay: 31\n"))
    with pytest.raises(NotFetched, match="31 s between two requests") as caught:
        hosts.loop.run(lambda: _turn(hosts))
    assert caught.value.outcome is Outcome.PUT_OFF


async def _turn(hosts: Hosts) -> None:
    async with hosts.turn("photos.test"):
        pass


def test_a_host_with_more_rules_than_are_compared_is_not_crawled(robots: Asked) -> None:
    many = "".join(f"Disallow: /*{number}z\n" for number in range(RULES))
    assert outcome_of(robots, f"{HOST}/a.jpg", says(f"User-agent: *\n{many}")) is Outcome.ROBOTS


def test_rules_for_others_do_not_count(robots: Asked) -> None:
    others = "".join(f"User-agent: bot{number}\nDisallow: /\n" for number in range(3 * RULES))
    assert outcome_of(robots, f"{HOST}/a.jpg", says(f"{others}User-agent: *\nDisallow: /b\n")) is None


LINES = st.sampled_from(
    [
        *(
            "User-agent: *",
            "user-agent: Face-Join",
            "User agent: bot",
            "User-agent:",
            "useragent face*",
            "User-agents: bot",
        ),
        *("Disallow: /", "Disallow: /a", "Allow: /a/b", "disalow /a", "Allow", "Crawl-delay: 3", "Disallow:"),
        *("Sitemap: https://photos.test/map.xml", "Host: photos.test", "", "# nothing", "nonsense", "Odd: thing"),
    ]
)


@settings(deadline=None, derandomize=True, max_examples=2000)
@given(lines=st.lists(LINES, max_size=9))
def test_leaving_out_what_is_for_others_changes_no_decision(lines: list[str]) -> None:
    whole = Protego.parse("\n".join(lines))
    part = Protego.parse(rules_for("face-join", "\n".join(lines)))
    for path in ("/", "/a", "/a/b"):
        assert part.can_fetch(HOST + path, "face-join") == whole.can_fetch(HOST + path, "face-join")
    assert part.crawl_delay("face-join") == whole.crawl_delay("face-join")


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
