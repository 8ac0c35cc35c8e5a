"""Fetch one photo of the open web safely: a URL in, its bytes or the reason why not out."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.web.guard import AddressGuard, Resolver, system_resolver
from facejoin.udfs.web.hosts import Hosts, closed, hosts_alone
from facejoin.udfs.web.outcomes import NotFetched, Outcome, is_retryable
from facejoin.udfs.web.response import (
    check_length,
    check_media_type,
    check_status,
    decoded,
    first_decoded,
    most_bytes,
    redirect_target,
)
from facejoin.udfs.web.robots import ROBOTS_BYTES, Robots, opts_out
from facejoin.udfs.web.room import NoRoom, Place, Room
from facejoin.udfs.web.transport import Head, Response, Transport

PLAIN = re.compile(
    r"https?://[a-z0-9.-]+(:[1-9][0-9]{0,3})?/(?!.*/\.)[\w!$&'()*+,;=:@/.?~-]*", re.ASCII
)  # needs no quoting
URL_CHARACTERS = 8_000  # RFC 9110, 4.1: what servers are to support; longer ones are no photo's

T = TypeVar("T")


@dataclass(frozen=True)
class Fetched:
    body: bytes | None
    outcome: Outcome | None  # None: the bytes are here and still to be decoded
    http_status: int | None  # of the last response, where there was one
    error: str | None  # one short line, without the URL's path, query or user name
    url: str  # the last one asked for, after redirects
    sha256: str | None  # of body, hexadecimal
    seconds: float  # from call to return, with all tries and waits
    place: Place | None = None  # that body takes up, until it is released

    @property
    def size(self) -> int:
        """Bytes that count against `bytes_in_flight`."""
        return 0 if self.place is None else self.place.size

    def release(self) -> None:
        """To be called when body is done with."""
        if self.place is not None:
            self.place.leave()

    @property
    def retryable(self) -> bool:
        return self.outcome is not None and is_retryable(self.outcome, self.http_status)


@dataclass(frozen=True)
class Answer:
    url: str
    body: bytes = b""
    redirect: str | None = None  # the URL to ask instead


class Budget:
    """The seconds that the requests of one try may take together, robots.txt included; waiting for a turn is free."""

    def __init__(self, seconds: float) -> None:
        self.total = self.left = seconds

    def check(self) -> None:
        """Raises NotFetched (timeout) where nothing is left."""
        if self.left <= 0:
            raise NotFetched(Outcome.TIMEOUT, f"no complete response within {self.total:g} s")

    @contextmanager
    def spend(self) -> Iterator[float]:
        started = time.monotonic()
        try:
            yield self.left
        finally:
            self.left -= time.monotonic() - started


Check = Callable[[str, Budget], Awaitable[None]]  # a URL, and the budget for what is asked about it; raises NotFetched


@dataclass(frozen=True)
class Reader:
    """Of the body of a status 200; raises NotFetched, as does what it calls."""

    accept: Callable[[Head], int]  # how many bytes are to be read, as they are sent
    received: Callable[[int], None]  # so many of them are here
    read: Callable[[Response], bytes]


class Fetcher:
    """Downloads photos for one Spark task, in an event loop in a thread of its own; for callers of any other thread.

    At most `concurrency` are under way at once. A URL takes at most `timeout` seconds for each of its `retries + 1`
    tries, its host's robots.txt included where that is still to be read, and `max_wait` between two of them; a try that
    has taken all of its time is the last. Each request waits for its turn in the host's budget.

    >>> with Fetcher(FetchSettings(allowed_networks=["127.0.0.1/32"])) as fetcher:
    ...     photo, other, inside = map(fetcher.fetch, [photo_url, "ftp://photos.test/1.jpg", "http://10.0.0.1/1.jpg"])
    >>> photo.outcome, photo.http_status, len(photo.body)
    (None, 200, 10243)
    >>> str(other.outcome), str(inside.outcome)
    ('not_image_url', 'blocked_address')
    """

    def __init__(
        self, settings: FetchSettings, resolve: Resolver = system_resolver, hosts: Hosts | None = None
    ) -> None:
        """resolve: the name service. hosts: who shares the hosts' budgets, closed with the fetcher; None: nobody.

        Raises OSError where `ca_bundle` cannot be read.
        """
        self._settings = settings
        guard = AddressGuard(settings.allowed_networks, settings.blocked_networks, settings.ports, resolve)
        self._hosts = hosts or hosts_alone(settings)
        self._loop = self._hosts.loop
        self._room = Room(settings.room)
        self._robots = Robots(self._hosts, settings.user_agent)
        self._under_way: set[asyncio.Task[Fetched]] = set()
        self._closing = False
        self._places = asyncio.Semaphore(settings.concurrency)
        options = (settings.agent, settings.concurrency, settings.ca_bundle, self._hosts.keep_alive)
        self._transport = self._loop.call(lambda: Transport(guard, *options))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends what is under way, and closes idle connections."""
        with suppress(CancelledError):  # closed already
            self._loop.run(self._stop)
        self._hosts.close()

    async def _stop(self) -> None:
        self._closing = True
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._transport.close()

    def fetch(self, url: str) -> Fetched:
        """The photo at `url`. Whatever the URL or a server does is an outcome, no exception. Raises KeeperLost.

        Its bytes count against `bytes_in_flight` until they are released; that no more come in is waited for here.
        """
        try:
            return self.begin(url).result()
        except CancelledError:
            return _not_fetched(closed(), url, 0.0)

    def begin(self, url: str) -> Future[Fetched]:
        """The same, without waiting for it here; cancelled where the fetcher is closed first."""
        return self._loop.begin(lambda: self._fetch(url))

    async def _fetch(self, url: str) -> Fetched:
        task = asyncio.current_task()
        assert task is not None
        if self._closing:
            raise asyncio.CancelledError
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        async with self._places:
            return await self._outcome(url)

    async def _outcome(self, url: str) -> Fetched:
        started = time.monotonic()
        place = Place(self._room)
        with ExitStack() as without_a_body:
            without_a_body.callback(place.leave)
            try:
                url, body, digest = await self._fetch_photo(url, place)
            except NotFetched as reason:
                return _not_fetched(reason, reason.url or url, time.monotonic() - started)
            without_a_body.pop_all()
        place.keep(len(body))
        return Fetched(body, None, 200, None, url, digest, time.monotonic() - started, place)

    async def _fetch_photo(self, url: str, place: Place) -> tuple[str, bytes, str]:
        """The last URL asked for, its body and the body's SHA-256."""
        photo = self._photo_reader(place)

        async def attempt() -> Answer:
            return await self._follow(url, self._check_photo_url, photo, Budget(self._settings.timeout))

        answer = await self._with_room(attempt, place)
        digest = hashlib.sha256(answer.body).hexdigest()
        if digest in self._settings.placeholder_sha256:
            raise NotFetched(Outcome.PLACEHOLDER, "a known placeholder picture", http_status=200, url=answer.url)
        return answer.url, answer.body, digest

    async def _with_room(self, attempt: Callable[[], Awaitable[T]], place: Place) -> T:
        await place.enter()
        try:
            return await self._with_retries(attempt)
        except NoRoom:
            await place.wait_for(self._settings.max_bytes)
        return await self._with_retries(attempt)

    async def _check_photo_url(self, url: str, budget: Budget) -> None:
        if any(pattern.search(url) for pattern in self._settings.placeholder_paths):
            raise NotFetched(Outcome.PLACEHOLDER, "leads to a placeholder picture")
        if self._settings.robots:
            await self._robots.check(url, lambda of_host: self._read_robots(of_host, budget))

    def _photo_reader(self, place: Place) -> Reader:
        max_bytes = self._settings.max_bytes

        def accept(head: Head) -> int:
            if opts_out(head.fields.get("x-robots-tag", ()), self._settings.user_agent):
                raise NotFetched(Outcome.OPTED_OUT, "X-Robots-Tag forbids it", http_status=head.status)
            check_media_type(head)
            check_length(head, max_bytes)
            if (known := most_bytes(head, max_bytes)) is not None:
                place.claim(known)
            return max_bytes + 1

        def received(size: int) -> None:
            if size > place.size:
                place.claim(min(2 * size, max_bytes))

        return Reader(accept, received, lambda response: decoded(response, max_bytes))

    async def _read_robots(self, url: str, budget: Budget) -> str:
        start = Reader(lambda _: ROBOTS_BYTES, lambda _: None, lambda response: first_decoded(response, ROBOTS_BYTES))

        async def unchecked(_url: str, _budget: Budget) -> None:
            pass

        answer = await self._with_retries(lambda: self._follow(url, unchecked, start, budget))
        return answer.body.decode("utf-8-sig", "replace")

    async def _with_retries(self, attempt: Callable[[], Awaitable[T]]) -> T:
        failed: NotFetched | None = None
        tried = 0
        while True:
            try:
                return await attempt()
            except NotFetched as reason:
                if reason.outcome is Outcome.PUT_OFF:
                    raise failed or reason from None  # what made the host be left alone says more
                wait = max(self._backoff(tried), reason.retry_after or 0)
                # who takes all of its time, or asks for a longer pause, is left to later: others wait for the place
                later = reason.outcome is Outcome.TIMEOUT or wait > self._settings.max_wait
                if tried == self._settings.retries or later or not reason.retryable:
                    raise
                failed, tried = reason, tried + 1
            await asyncio.sleep(wait)

    def _backoff(self, tried: int) -> float:
        """Seconds: doubled with each try, spread so that not all come back at once."""
        spread = random.uniform(0.5, 1.5)
        return min(self._settings.backoff * float(2**tried) * spread, self._settings.max_wait)

    async def _follow(self, url: str, check: Check, reader: Reader, budget: Budget) -> Answer:
        """One try, with its redirects. check: a URL before it is asked for."""
        for _ in range(self._settings.max_redirects + 1):
            try:
                answer = await self._ask(url, budget, check, reader)
            except NotFetched as reason:
                reason.url = reason.url or url
                raise
            if answer.redirect is None:
                return answer
            url = answer.redirect
        raise NotFetched(Outcome.HTTP_ERROR, f"more than {self._settings.max_redirects} redirects", url=answer.url)

    async def _ask(self, url: str, budget: Budget, check: Check, reader: Reader) -> Answer:
        url = _plain(url)
        await check(url, budget)
        budget.check()  # before it takes a turn
        async with self._hosts.turn(urlsplit(url).netloc.lower()):
            with budget.spend() as seconds:
                response = await self._transport.get(
                    url,
                    self._settings.connect_timeout,
                    seconds,
                    lambda head: reader.accept(head) if head.status == 200 else 0,
                    reader.received,
                )
            target = redirect_target(url, response.head)
            if target is not None:
                return Answer(url, redirect=target)
            check_status(response.head)
            return Answer(url, reader.read(response))


def _not_fetched(reason: NotFetched, url: str, seconds: float) -> Fetched:
    return Fetched(None, reason.outcome, reason.http_status, str(reason), url, None, seconds)


def _plain(url: str) -> str:
    """`url` quoted, and with its host in ASCII. Raises NotFetched (not_image_url)."""
    if PLAIN.fullmatch(url) and len(url) <= URL_CHARACTERS:
        return url
    request = PreparedRequest()
    try:
        parts = urlsplit(url.strip())
        request.prepare_url(parts._replace(fragment="").geturl(), None)
    except (requests.RequestException, ValueError) as error:
        raise NotFetched(Outcome.NOT_IMAGE_URL, "malformed URL") from error
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or len(str(request.url)) > URL_CHARACTERS:
        raise NotFetched(Outcome.NOT_IMAGE_URL, "not a plain http or https URL")
    return str(request.url)
