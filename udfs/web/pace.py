"""When a host may be asked: its budget, its pauses, whether it is left alone. Arithmetic on the seconds of a clock."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from facejoin.conf.settings import FetchSettings, HostBudget
from facejoin.udfs.web.outcomes import NotFetched, Outcome, is_retryable

LONGEST = 3600.0  # seconds of a pause, or of being left alone, that we choose ourselves
# Of a budget's requests: they leave evenly and arrive less so, and no second is to see more than the budget of them
EVENNESS = 0.9
SPREAD = 0.25  # a wait is up to so much longer than it has to be, so that not all come back at once


class Verdict(StrEnum):
    """What a request says of its host."""

    ANSWERED = "answered"
    FAILED = "failed"
    LIMITED = "limited"  # it wants fewer requests
    UNKNOWN = "unknown"  # nothing was sent, or whoever asked has gone


def verdict(reason: NotFetched) -> Verdict:
    if reason.outcome is Outcome.RATE_LIMITED or reason.http_status == 503:
        return Verdict.LIMITED
    if reason.outcome in (Outcome.BLOCKED_ADDRESS, Outcome.PUT_OFF):
        return Verdict.UNKNOWN
    return Verdict.FAILED if is_retryable(reason.outcome, reason.http_status) else Verdict.ANSWERED


def group_of(host: str, fetch: FetchSettings) -> tuple[str, HostBudget]:
    """(name, budget) of the hosts that share one with `host`, a name without a port.

    >>> group_of("farm3.staticflickr.com", FetchSettings())[0], group_of("photos.test", FetchSettings())[0]
    ('*.staticflickr.com', 'photos.test')
    """
    for group in fetch.host_groups:
        if any(fnmatchcase(host, pattern) for pattern in group.hosts):
            return group.hosts[0], group
    return host, fetch.each_host


@dataclass
class Pace:
    """Of hosts that share a budget: requests begin at even distances, none of them during a pause."""

    budget: HostBudget
    backoff: float  # seconds: the first pause where the host names none, doubled while it wants fewer requests
    busy: int = 0  # connections
    next_start: float = 0.0
    paused_until: float = 0.0
    paused: int = 0  # times, without an answer in between
    crawl_delays: dict[str, float] = field(default_factory=dict)  # seconds between requests, by who asks for it

    @property
    def crawl_delay(self) -> float:
        return max(self.crawl_delays.values(), default=0.0)

    def pause(self, now: float) -> float:
        """Seconds that are left of it."""
        return max(self.paused_until - now, 0.0)

    def wait(self, now: float) -> float:
        """Seconds until a request may begin; infinite where one has to end first."""
        if self.busy >= self.budget.connections:
            return math.inf
        return max(self.pause(now), self.next_start - now, 0.0)

    def start(self, now: float) -> None:
        self.busy += 1
        self.next_start = now + max(1 / (EVENNESS * self.budget.requests_per_second), self.crawl_delay)

    def finish(self, said: Verdict, retry_after: float | None, now: float) -> None:
        self.busy -= 1
        if said is Verdict.ANSWERED and now >= self.paused_until:
            self.paused = 0
        elif said is Verdict.LIMITED:
            self._limit(retry_after or 0.0, now)

    def _limit(self, retry_after: float, now: float) -> None:
        """Those that were under way when the pause began count once, with the longest wait that they name."""
        shortest = 0.0
        if now >= self.paused_until:
            shortest = min(self.backoff * 2.0 ** min(self.paused, 20), LONGEST)
            self.paused += 1
        wait = max(shortest, retry_after) * random.uniform(1, 1 + SPREAD)
        self.paused_until = max(self.paused_until, now + wait)


@dataclass
class Breaker:
    """Of one host: after `limit` failures running it is left alone for a time, then one request tries it."""

    limit: int
    left_alone: float  # seconds, the first time; doubled each time that it fails again
    failures: int = 0  # running
    opened: int = 0  # times running
    open_until: float = 0.0
    trying: bool = False  # the one request is under way

    def wait(self, now: float) -> float:
        """Seconds until a request may begin; infinite where the one that tries the host has to end first."""
        if now < self.open_until:
            return self.open_until - now
        return math.inf if self.trying else 0.0

    def start(self) -> None:
        self.trying = self.opened > 0

    def finish(self, said: Verdict, now: float) -> None:
        tried, self.trying = self.trying, False
        if said in (Verdict.ANSWERED, Verdict.LIMITED):
            self.failures = self.opened = 0
            self.open_until = 0.0
        elif said is Verdict.FAILED and now >= self.open_until:  # else it had begun before
            self.failures += 1
            if tried or self.failures >= self.limit:
                self.open(now)

    def open(self, now: float) -> None:
        """Leave it alone from now on."""
        wait = min(self.left_alone * 2.0 ** min(self.opened, 20), LONGEST) * random.uniform(1, 1 + SPREAD)
        self.open_until = now + wait
        self.opened += 1
