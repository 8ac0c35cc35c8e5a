"""What hosts and owners say about automated use: robots.txt (RFC 9309) and the X-Robots-Tag header."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from facejoin.udfs.web.outcomes import NotFetched, Outcome

ROBOTS_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB are to be read; the rest is ignored
UNREACHABLE_FOR = 60.0  # seconds until a robots.txt that could not be had is asked for again
OPT_OUT = frozenset({"noai", "noimageai"})  # as img2dataset reads them
VALUED_DIRECTIVES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def origin(url: str) -> str:
    """Scheme and authority, for which a robots.txt holds."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def product_token(user_agent: str) -> str:
    """The name by which robots rules know the crawler: `face-join` of `face-join/0.1 (...)`."""
    return user_agent.partition("/")[0].strip()


@dataclass(frozen=True)
class _Failure:
    reason: NotFetched
    until: float  # of time.monotonic()


class Robots:
    """The rules of each host, read once per host and kept; safe to ask from many threads.

    >>> robots = Robots(lambda url: "User-agent: *\\nDisallow: /private/", "face-join/0.1")
    >>> robots.check("https://photos.test/1.jpg")
    >>> robots.check("https://photos.test/private/1.jpg")
    Traceback (most recent call last):
    facejoin.udfs.web.outcomes.NotFetched: disallowed by robots.txt
    """

    def __init__(self, read: Callable[[str], str], user_agent: str) -> None:
        """read: URL of a robots.txt → its text; raises NotFetched."""
        self._read = read
        self._agent = product_token(user_agent)
        self._locks: dict[str, threading.Lock] = {}
        self._rules: dict[str, Protego | _Failure] = {}

    def check(self, url: str) -> None:
        """Raises NotFetched: `robots` where the rules disallow the URL.

        Where robots.txt cannot be had (the host does not answer, or answers 5xx or 429), RFC 9309 demands to stay
        away; the URL then ends as robots.txt did, which is worth another try later.
        """
        host = origin(url)
        with self._locks.setdefault(host, threading.Lock()):
            rules = self._rules_of(host)
            if isinstance(rules, _Failure):
                raise _as_of_robots(rules)
            if not rules.can_fetch(url, self._agent):  # builds its index at the first call, hence under the lock
                raise NotFetched(Outcome.ROBOTS, "disallowed by robots.txt")

    def _rules_of(self, host: str) -> Protego | _Failure:
        rules = self._rules.get(host)
        if rules is None or (isinstance(rules, _Failure) and rules.until <= time.monotonic()):
            rules = self._rules[host] = self._load(host)
        return rules

    def _load(self, host: str) -> Protego | _Failure:
        try:
            return Protego.parse(self._read(f"{host}/robots.txt"))
        except NotFetched as reason:
            if reason.retryable:
                return _Failure(reason, time.monotonic() + UNREACHABLE_FOR)
            return Protego.parse("")  # there is none (4xx, or it leads nowhere): all is allowed


def _as_of_robots(failure: _Failure) -> NotFetched:
    reason = failure.reason
    return NotFetched(
        reason.outcome,
        f"robots.txt: {reason}",
        http_status=reason.http_status,
        retry_after=failure.until - time.monotonic(),
    )


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


def _directives(header: str) -> Iterable[tuple[str, str]]:
    agent = ""
    for part in header.split(","):
        name, colon, directive = part.partition(":")
        if colon and name.strip() not in VALUED_DIRECTIVES:
            agent = name.strip()
        yield agent, (directive if colon else name).strip()
