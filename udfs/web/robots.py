"""What hosts and owners say about automated use: robots.txt (RFC 9309) and the X-Robots-Tag header."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from urllib.parse import urlsplit

from protego import Protego

from facejoin.udfs.web.hosts import Hosts
from facejoin.udfs.web.outcomes import NotFetched, Outcome

ROBOTS_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB are to be read; the rest is ignored
RULES = 1_000  # lines about one crawler: a URL is compared with them in about a millisecond
AGENT_LINE = re.compile(r"user[ -]?agent(?=[\s:]|$)\s*:?\s*(.*)", re.IGNORECASE)
# Lines that end no group of agents: those about the whole site, and, as Protego has it, those that say nothing
NO_RULE = re.compile(r"(site-?maps?|host)\b.*|(?!(allow|di|crawl|request|visit))[^:]*", re.IGNORECASE)
OPT_OUT = frozenset({"noai", "noimageai"})  # as img2dataset reads them
VALUED_DIRECTIVES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def origin(url: str) -> str:
    """Scheme and authority, for which a robots.txt holds."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def product_token(user_agent: str) -> str:
    """The name by which robots rules know the crawler: `face-join` of `face-join/0.1 (...)`."""
    return user_agent.partition("/")[0].strip()


class Robots:
    """The rules of each host, read once for all who share `hosts` and kept. To be asked in the event loop of `hosts`.

    >>> async def rules(url):
    ...     return "User-agent: *\\nDisallow: /private/"
    >>> with closing(hosts_alone(FetchSettings())) as hosts:
    ...     robots = Robots(hosts, "face-join/0.1")
    ...     hosts.loop.run(lambda: robots.check("https://photos.test/1.jpg", rules))
    ...     hosts.loop.run(lambda: robots.check("https://photos.test/private/1.jpg", rules))
    Traceback (most recent call last):
    facejoin.udfs.web.outcomes.NotFetched: disallowed by robots.txt
    """

    def __init__(self, hosts: Hosts, user_agent: str) -> None:
        self._hosts = hosts
        self._agent = product_token(user_agent)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._rules: dict[str, Protego] = {}

    async def check(self, url: str, read: Callable[[str], Awaitable[str]]) -> None:
        """Raises NotFetched: `robots` where the rules disallow the URL. read: URL of a robots.txt → its text.

        Where robots.txt cannot be had (the host does not answer, or answers 5xx or 429), RFC 9309 demands to stay
        away; the URL then ends as robots.txt did, and others of the host are put off.
        """
        host = origin(url)
        if host not in self._rules:
            async with self._locks[host]:
                if host not in self._rules:
                    self._rules[host] = await self._load(host, read)
        if not self._rules[host].can_fetch(url, self._agent):
            raise NotFetched(Outcome.ROBOTS, "disallowed by robots.txt")

    async def _load(self, host: str, read: Callable[[str], Awaitable[str]]) -> Protego:
        text = await self._hosts.rules(host)
        if text is not None:
            return Protego.parse(text)
        try:
            text = rules_for(self._agent, await read(f"{host}/robots.txt"))
        except NotFetched as reason:
            if reason.outcome is Outcome.PUT_OFF:
                self._hosts.not_read(host)
                raise
            if reason.retryable:
                self._hosts.no_rules(host)
                raise _as_of_robots(reason) from reason
            text = ""  # there is none (4xx, or it leads nowhere): all is allowed
        rules = Protego.parse(text)
        self._hosts.keep_rules(host, text, rules.crawl_delay(self._agent))
        return rules


def _as_of_robots(reason: NotFetched) -> NotFetched:
    return NotFetched(
        reason.outcome, f"robots.txt: {reason}", http_status=reason.http_status, retry_after=reason.retry_after
    )


def rules_for(agent: str, text: str) -> str:
    """The part of a robots.txt that can be about the crawler; all is disallowed where that has too many rules.

    Groups that name others alone are left out. In doubt a group stays: what it says is for Protego to decide.

    >>> print(rules_for("face-join", "User-agent: otherbot\\nDisallow: /\\nUser-agent: *\\nDisallow: /b\\nSitemap: /c"))
    User-agent: *
    Disallow: /b
    """
    kept: list[str] = []
    ours = begun = False  # the group that a line is of: whether it is about us, and whether it has rules already
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        if named := AGENT_LINE.fullmatch(line):
            ours = (ours and not begun) or named[1].lower().replace("*", "") in agent.lower()
        elif NO_RULE.fullmatch(line):
            continue
        begun = not named
        if ours:
            kept.append(line)
    if len(kept) > RULES:
        return "User-agent: *\nDisallow: /"
    return "\n".join(kept)


def opts_out(headers: Iterable[str], user_agent: str) -> bool:
    """Whether one of the X-Robots-Tag values forbids machine learning to everyone or to this crawler.

    A value is a list of directives; `name:` before one limits it and those after it to the crawler of that name.

    >>> [opts_out([header], "face-join/0.1") for header in ("noindex, noai", "otherbot: noai", "face-join: noai")]
    [True, False, True]
    """
    return any(
        directive in OPT_OUT and agent in ("", product_token(user_agent).lower())
        for header in headers
        for agent, directive in _directives(header.lower())
    )


def _directives(header: str) -> Iterator[tuple[str, str]]:
    agent = ""
    for part in header.split(","):
        name, colon, directive = part.partition(":")
        if colon and name.strip() not in VALUED_DIRECTIVES:
            agent = name.strip()
        yield agent, (directive if colon else name).strip()
