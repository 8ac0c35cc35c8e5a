"""Who may ask which host when, for all tasks of a crawl: budgets, pauses, hosts left alone, robots.txt read once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.pace import Breaker, Pace, Verdict, group_of
from facejoin.udfs.web.readings import Reading, Readings

RULES_LAST = 24 * 3600.0  # seconds: RFC 9309, 2.4; so a robots.txt is read once a wave at most


@dataclass
class _Group:
    pace: Pace
    line: asyncio.Lock = field(default_factory=asyncio.Lock)  # the first in it waits for its turn, the others for it
    changed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class _Host:
    group: _Group
    breaker: Breaker
    changed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class _Rules:
    """Of a robots.txt. Whoever has to read it holds the lock until then."""

    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    text: str | None = None
    read_at: float = 0.0

    def last(self, now: float) -> str | None:
        return self.text if now - self.read_at < RULES_LAST else None


class Keeper:
    """Lives in one event loop. A host is written as in a URL, with its port where one is named.

    A turn that would come only after more than `max_wait` seconds, because the host asked for a pause or is left alone,
    is refused instead: NotFetched (put_off).
    """

    def __init__(self, fetch: FetchSettings) -> None:
        self._fetch = fetch
        self._groups: dict[str, _Group] = {}
        self._hosts: dict[str, _Host] = {}
        self._rules: dict[str, _Rules] = {}
        self.readings = Readings()

    def turn_at_once(self, name: str) -> bool:
        """Whether a request may be sent to the host without waiting, which then counts as a turn."""
        host, now = self._host(name), time.monotonic()
        pace = host.group.pace
        waits = host.group.line.locked() or host.breaker.wait(now) or pace.wait(now)
        if waits or pace.crawl_delay > self._fetch.max_wait:
            return False
        self._start(host, now)
        return True

    async def turn(self, name: str) -> None:
        """Waits until one request may be sent to the host. Raises NotFetched (put_off)."""
        host = self._host(name)
        while True:
            await self._tried(name, host)
            async with host.group.line:
                if await self._first_in_line(name, host):
                    return

    def finish(self, name: str, said: Verdict, retry_after: float | None = None) -> None:
        """The request has ended, and its connection is closed or not used by anybody else."""
        host, now = self._host(name), time.monotonic()
        host.group.pace.finish(said, retry_after, now)
        host.breaker.finish(said, now)
        self._changed(host)

    async def rules(self, origin: str) -> str | None:
        """The host's robots.txt; None: the caller is to read it and to call `keep_rules` or `no_rules`.

        Raises NotFetched (put_off) where the host is left alone.
        """
        rules = self._rules.setdefault(origin, _Rules())
        name = urlsplit(origin).netloc
        while (text := rules.last(time.monotonic())) is None:
            await self._tried(name, self._host(name))
            await rules.reading.acquire()
            now = time.monotonic()
            if rules.last(now) is None and not self._host(name).breaker.wait(now):
                return None
            rules.reading.release()
        return text

    def keep_rules(self, origin: str, text: str, crawl_delay: float | None) -> None:
        rules, host = self._rules.setdefault(origin, _Rules()), self._host(urlsplit(origin).netloc)
        rules.text, rules.read_at = text, time.monotonic()
        host.group.pace.crawl_delays[origin] = crawl_delay or 0.0
        self._read(rules)

    def no_rules(self, origin: str) -> None:
        """It could not be had: RFC 9309, 2.3.1.4, demands to leave the host alone."""
        host = self._host(urlsplit(origin).netloc)
        host.breaker.open(time.monotonic())
        self.not_read(origin)
        self._changed(host)

    def not_read(self, origin: str) -> None:
        """Whoever was to read it has gone, or could not ask for it: somebody else will."""
        self._read(self._rules.setdefault(origin, _Rules()))

    def quiet(self) -> float:
        """Seconds until none of the hosts pauses or is left alone."""
        return max([0.0, *self.paused().values()])

    def paused(self) -> dict[str, float]:
        """Host, or first pattern of a group that shares a budget → seconds that it still pauses or is left alone."""
        now = time.monotonic()
        pauses = {name: group.pace.pause(now) for name, group in self._groups.items()}
        for name, host in self._hosts.items():
            pauses[name] = max(pauses.get(name, 0.0), host.breaker.open_until - now)
        return {name: seconds for name, seconds in pauses.items() if seconds > 0}

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            shared, budget = group_of(urlsplit(f"//{name}").hostname or name, self._fetch)
            group = self._groups.setdefault(shared, _Group(Pace(budget, self._fetch.backoff)))
            breaker = Breaker(self._fetch.failures, self._fetch.left_alone)
            host = self._hosts[name] = _Host(group, breaker)
        return host

    async def _tried(self, name: str, host: _Host) -> None:
        """Waits while the host is left alone, or another request tries it."""
        while wait := host.breaker.wait(time.monotonic()):
            if self._fetch.max_wait < wait and host.breaker.open_until > time.monotonic():
                raise NotFetched(Outcome.PUT_OFF, f"{name} failed and is left alone for {wait:.0f} s")
            await _sleep(host.changed, wait)

    async def _first_in_line(self, name: str, host: _Host) -> bool:
        """Waits for the group's budget; False where the host has failed meanwhile."""
        pace = host.group.pace
        while not host.breaker.wait(now := time.monotonic()):
            if max(pace.pause(now), pace.crawl_delay) > self._fetch.max_wait:
                raise NotFetched(Outcome.PUT_OFF, _why(name, pace, now))
            wait = pace.wait(now)
            if not wait:
                self._start(host, now)
                return True
            await _sleep(host.group.changed, wait)
        return False

    @staticmethod
    def _start(host: _Host, now: float) -> None:
        host.group.pace.start(now)
        host.breaker.start()

    @staticmethod
    def _changed(host: _Host) -> None:
        host.changed.set()
        host.group.changed.set()

    @staticmethod
    def _read(rules: _Rules) -> None:
        if rules.reading.locked():
            rules.reading.release()


async def _sleep(changed: asyncio.Event, seconds: float) -> None:
    """So long, or until something has changed."""
    changed.clear()
    with suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), min(seconds, 3600.0))


def _why(name: str, pace: Pace, now: float) -> str:
    if pace.pause(now):
        return f"{name} asked for a pause, {pace.pause(now):.0f} s are left"
    return f"the robots.txt of {name} asks for {pace.crawl_delay:.0f} s between two requests"


class Session:
    """What one task has of the keeper; when the task goes, however it does, it is given back."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._held: Counter[str] = Counter()  # turns, by host
        self._reading: set[str] = set()  # origins
        self._closed = False

    def turn_at_once(self, host: str) -> bool:
        at_once = self._keeper.turn_at_once(host)
        self._held[host] += at_once
        return at_once

    async def turn(self, host: str) -> None:
        await self._keeper.turn(host)
        self._held[host] += 1
        self._give_back_if_closed()

    def finish(self, host: str, said: str, retry_after: float | None) -> None:
        if self._held[host] > 0:
            self._held[host] -= 1
            self._keeper.finish(host, Verdict(said), retry_after)

    async def rules(self, origin: str) -> str | None:
        text = await self._keeper.rules(origin)
        if text is None:
            self._reading.add(origin)
            self._give_back_if_closed()
        return text

    def keep_rules(self, origin: str, text: str, crawl_delay: float | None) -> None:
        self._reading.discard(origin)
        self._keeper.keep_rules(origin, text, crawl_delay)

    def no_rules(self, origin: str) -> None:
        self._reading.discard(origin)
        self._keeper.no_rules(origin)

    def not_read(self, origin: str) -> None:
        self._reading.discard(origin)
        self._keeper.not_read(origin)

    def taken(self, wave: str, worker: str, seconds: float, core_seconds: float, memory: int) -> None:
        self._keeper.readings.add(Reading(wave, worker, time.time(), seconds, core_seconds, memory))

    def close(self) -> None:
        self._closed = True
        self._give_back_if_closed()

    def _give_back_if_closed(self) -> None:
        """Also what is given to it afterwards: asyncio.wait_for may pass over that it is cancelled."""
        if not self._closed:
            return
        for host in self._held.elements():
            self._keeper.finish(host, Verdict.UNKNOWN)
        for origin in self._reading:
            self._keeper.not_read(origin)
        self._held.clear()
        self._reading.clear()
