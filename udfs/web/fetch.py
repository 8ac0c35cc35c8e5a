"""Fetch one photo of the open web safely: a URL in, its bytes or the reason why not out."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest, Response
from urllib3.util import Timeout

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.web.guard import AddressGuard, Resolver, system_resolver
from facejoin.udfs.web.hosts import Hosts, hosts_alone
from facejoin.udfs.web.outcomes import NotFetched, Outcome, is_retryable
from facejoin.udfs.web.response import (
    check_media_type,
    check_status,
    drain,
    most_bytes,
    network_errors_as_outcomes,
    read_at_most,
    redirect_target,
)
from facejoin.udfs.web.robots import ROBOTS_BYTES, Robots, opts_out
from facejoin.udfs.web.room import NoRoom, Place, Room
from facejoin.udfs.web.transport import GuardedAdapter

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


Check = Callable[[str, Budget], None]  # a URL, and the budget for what has to be asked about it; raises NotFetched


class Fetcher:
    """Downloads photos for one Spark task; `fetch` may be called from many threads.

    A URL takes at most `timeout` seconds for each of its `retries + 1` tries, its host's robots.txt included where that
    is still to be read, and `max_wait` between two of them; a try that has taken all of its time is the last. Each
    request waits for its turn in the host's budget.

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
        self._adapter = GuardedAdapter(guard, settings.concurrency, settings.ca_bundle, self._hosts.keep_alive)
        self._room = Room(settings.room)
        self._robots = Robots(self._hosts, settings.user_agent)
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes idle connections and ends the waits between tries and for room; a request under way ends by its own
        deadline."""
        self._closed.set()
        self._room.close()
        self._adapter.close()
        self._hosts.close()

    def fetch(self, url: str) -> Fetched:
        """The photo at `url`. Whatever the URL or a server does is an outcome, no exception. Raises KeeperLost.

        Its bytes count against `bytes_in_flight` until they are released; that no more come in is waited for here.
        """
        started = time.monotonic()
        place = Place(self._room)
        try:
            answer, digest = self._fetch_photo(url, place)
        except NotFetched as reason:
            place.leave()
            seconds = time.monotonic() - started
            error, last = str(reason), reason.url or url
            return Fetched(None, reason.outcome, reason.http_status, error, last, None, seconds)
        place.keep(len(answer.body))
        return Fetched(answer.body, None, 200, None, answer.url, digest, time.monotonic() - started, place)

    def _fetch_photo(self, url: str, place: Place) -> tuple[Answer, str]:
        def read(response: Response) -> bytes:
            return self._read_photo(response, place)

        def attempt() -> Answer:
            return self._follow(url, self._check_photo_url, read, Budget(self._settings.timeout))

        try:
            answer = self._with_retries(attempt)
        except NoRoom as full:
            if not place.wait_for(self._settings.max_bytes):
                raise NotFetched(Outcome.TIMEOUT, f"{full}: other photos took too long", url=url) from full
            answer = self._with_retries(attempt)
        digest = hashlib.sha256(answer.body).hexdigest()
        if digest in self._settings.placeholder_sha256:
            raise NotFetched(Outcome.PLACEHOLDER, "a known placeholder picture", http_status=200, url=answer.url)
        return answer, digest

    def _check_photo_url(self, url: str, budget: Budget) -> None:
        if any(pattern.search(url) for pattern in self._settings.placeholder_paths):
            raise NotFetched(Outcome.PLACEHOLDER, "leads to a placeholder picture")
        if self._settings.robots:
            self._robots.check(url, lambda of_host: self._read_robots(of_host, budget))

    def _read_photo(self, response: Response, place: Place) -> bytes:
        if opts_out(response.raw.headers.getlist("x-robots-tag"), self._settings.user_agent):
            raise NotFetched(Outcome.OPTED_OUT, "X-Robots-Tag forbids it", http_status=response.status_code)
        check_media_type(response)
        place.claim(most_bytes(response, self._settings.max_bytes))
        return read_at_most(response, self._settings.max_bytes)

    def _read_robots(self, url: str, budget: Budget) -> str:
        def start_of(response: Response) -> bytes:
            return response.raw.read(ROBOTS_BYTES, decode_content=True)

        answer = self._with_retries(lambda: self._follow(url, lambda *_: None, start_of, budget))
        return answer.body.decode("utf-8-sig", "replace")

    def _with_retries(self, attempt: Callable[[], T]) -> T:
        failed: NotFetched | None = None
        tried = 0
        while True:
            try:
                return attempt()
            except NotFetched as reason:
                if reason.outcome is Outcome.PUT_OFF:
                    raise failed or reason from None  # what made the host be left alone says more
                wait = max(self._backoff(tried), reason.retry_after or 0)
                # who takes all of its time, or asks for a longer pause, is left to later: others wait for the place
                later = reason.outcome is Outcome.TIMEOUT or wait > self._settings.max_wait
                last = tried == self._settings.retries or later
                if last or not reason.retryable or self._closed.wait(wait):
                    raise
                failed, tried = reason, tried + 1

    def _backoff(self, tried: int) -> float:
        """Seconds: doubled with each try, spread so that the threads do not come back all at once."""
        spread = random.uniform(0.5, 1.5)
        return min(self._settings.backoff * float(2**tried) * spread, self._settings.max_wait)

    def _follow(self, url: str, check: Check, read: Callable[[Response], bytes], budget: Budget) -> Answer:
        """One try, with its redirects. check: a URL before it is asked for; read: the body of a status 200."""
        for _ in range(self._settings.max_redirects + 1):
            try:
                answer = self._ask(url, budget, check, read)
            except NotFetched as reason:
                reason.url = reason.url or url
                raise
            if answer.redirect is None:
                return answer
            url = answer.redirect
        raise NotFetched(Outcome.HTTP_ERROR, f"more than {self._settings.max_redirects} redirects", url=answer.url)

    def _ask(self, url: str, budget: Budget, check: Check, read: Callable[[Response], bytes]) -> Answer:
        request = _prepare(url, self._settings.agent)
        url = str(request.url)
        check(url, budget)
        budget.check()  # before it takes a turn
        with (
            self._hosts.turn(urlsplit(url).netloc.lower()),
            budget.spend() as seconds,
            network_errors_as_outcomes(budget.total),
            closing(self._send(request, seconds)) as response,
        ):
            if response.status_code != 200:
                drain(response)
            target = redirect_target(response)
            if target is not None:
                return Answer(url, redirect=target)
            check_status(response)
            return Answer(url, read(response))

    def _send(self, request: PreparedRequest, seconds: float) -> Response:
        limits = Timeout(connect=min(self._settings.connect_timeout, seconds), total=seconds)
        return self._adapter.send(request, stream=True, timeout=limits)  # type: ignore[arg-type]  # a Timeout too


def _prepare(url: str, user_agent: str) -> PreparedRequest:
    """A GET of `url`, quoted and with its host in ASCII. Raises NotFetched (not_image_url)."""
    request = PreparedRequest()  # step by step, without those for bodies, cookies and passwords
    request.prepare_method("GET")
    # identity: photos are compressed already, so that a compressed body is the exception and not the rule
    request.prepare_headers({"User-Agent": user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"})
    try:
        parts = urlsplit(url.strip())
        request.prepare_url(parts._replace(fragment="").geturl(), None)
    except (requests.RequestException, ValueError) as error:
        raise NotFetched(Outcome.NOT_IMAGE_URL, "malformed URL") from error
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or len(str(request.url)) > URL_CHARACTERS:
        raise NotFetched(Outcome.NOT_IMAGE_URL, "not a plain http or https URL")
    return request
