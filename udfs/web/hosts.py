"""What a task does before and after each request: it asks the keeper, the crawl's or one of its own."""

from __future__ import annotations

import itertools
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from facejoin.conf.settings import FetchSettings, HostBudget
from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.pace import Verdict, verdict
from facejoin.udfs.web.service import WELCOME, OwnKeeper, Place

CONNECT_SECONDS = 10.0
KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))  # seconds, seconds, times

log = logging.getLogger(__name__)


class KeeperLost(RuntimeError):
    """The connection to the crawl's keeper broke: its driver has gone, or the network between."""


class Line(Protocol):
    def ask(self, what: str, *arguments: Any) -> Any: ...

    def tell(self, what: str, *arguments: Any) -> None:
        """As `ask`, without waiting until it is done; whoever asks afterwards comes after it."""

    def close(self) -> None: ...


class Hosts:
    """The keeper by a line to it; safe to use from many threads.

    keep_alive: whether connections may stay open between two requests; not where others share the hosts' budgets.
    """

    def __init__(self, line: Line, keep_alive: bool) -> None:
        self._line = line
        self.keep_alive = keep_alive

    @contextmanager
    def turn(self, host: str) -> Iterator[None]:
        """Waits until a request may be sent, and says afterwards what became of it. Raises NotFetched (put_off)."""
        self._line.ask("turn", host)
        said, retry_after = Verdict.UNKNOWN, None
        try:
            yield
            said = Verdict.ANSWERED
        except NotFetched as reason:
            said, retry_after = verdict(reason), reason.retry_after
            raise
        finally:
            self._line.tell("finish", host, said.value, retry_after)

    def rules(self, origin: str) -> str | None:
        """The robots.txt; None: the caller is to read it, and to say so by one of the next three."""
        text: str | None = self._line.ask("rules", origin)
        return text

    def keep_rules(self, origin: str, text: str, crawl_delay: float | None) -> None:
        self._line.ask("keep_rules", origin, text, crawl_delay)

    def no_rules(self, origin: str) -> None:
        self._line.ask("no_rules", origin)

    def not_read(self, origin: str) -> None:
        self._line.ask("not_read", origin)

    def taken(self, wave: str, worker: str, seconds: float, core_seconds: float, memory: int) -> None:
        """What the task's worker took of its machine in the last seconds. Raises as a turn does."""
        self._line.ask("taken", wave, worker, seconds, core_seconds, memory)

    def close(self) -> None:
        self._line.close()


def hosts_alone(fetch: FetchSettings) -> Hosts:
    """Whole budgets, shared with nobody."""
    return Hosts(OwnKeeper(fetch), keep_alive=True)


def hosts_of(place: Place | None, fetch: FetchSettings, tasks: int) -> Hosts:
    """Those of the crawl's keeper; where there is none, or it cannot be reached, the part of one of so many tasks."""
    if place is not None:
        try:
            return Hosts(KeeperLine(place), keep_alive=False)
        except OSError as error:
            log.warning("no keeper at %s:%d (%s): each task keeps to its part", place.host, place.port, error)
    return Hosts(OwnKeeper(divided(fetch, tasks)), keep_alive=False)


def divided(fetch: FetchSettings, tasks: int) -> FetchSettings:
    """Budgets of one of so many tasks: one connection at the least."""

    def part(budget: HostBudget) -> dict[str, float]:
        connections, rate = max(budget.connections // tasks, 1), budget.requests_per_second / tasks
        return {"connections": connections, "requests_per_second": rate}

    groups = tuple(group.model_copy(update=part(group)) for group in fetch.host_groups)
    return fetch.model_copy(
        update={"each_host": fetch.each_host.model_copy(update=part(fetch.each_host)), "host_groups": groups}
    )


class KeeperLine:
    """A session with the crawl's keeper over one connection, for all threads. Raises OSError where there is none."""

    def __init__(self, place: Place) -> None:
        self._socket = socket.create_connection((place.host, place.port), timeout=CONNECT_SECONDS)
        try:
            self._lines = self._greet(place.token)
        except OSError:
            self._socket.close()
            raise
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()  # of sending, and of `_waiting`
        self._end: Callable[[], Exception] | None = None  # what whoever asks from now on gets
        self._reader = threading.Thread(target=self._read, name="keeper-line", daemon=True)
        self._reader.start()

    def _greet(self, token: str) -> Any:
        for option, value in KEEPALIVE:
            self._socket.setsockopt(socket.IPPROTO_TCP, option, value)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(f"{token}\n".encode())
        lines = self._socket.makefile("rb")
        if lines.readline() != WELCOME:
            raise ConnectionRefusedError("another program answers there")
        self._socket.settimeout(None)
        return lines

    def ask(self, what: str, *arguments: Any) -> Any:
        """What the session answers. Raises NotFetched (put_off) and KeeperLost."""
        answer: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            self._send(number, what, *arguments)
            self._waiting[number] = answer  # whose reader waits for the lock
        return answer.result()

    def tell(self, what: str, *arguments: Any) -> None:
        with self._lock:
            self._send(None, what, *arguments)

    def _send(self, number: int | None, what: str, *arguments: Any) -> None:
        """number: by which the answer is known; None: there is to be none."""
        if self._end is not None:
            raise self._end()
        with suppress(OSError):  # then the reader ends too, and says so to all who wait
            self._socket.sendall(json.dumps([number, what, *arguments]).encode() + b"\n")

    def close(self) -> None:
        self._finish(lambda: NotFetched(Outcome.PUT_OFF, "the fetcher was closed"))
        with suppress(OSError):  # the other side was faster
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._lines.close()
        self._socket.close()

    def _read(self) -> None:
        with suppress(OSError):
            for line in self._lines:
                number, result, refused = json.loads(line)
                with self._lock:
                    answer = self._waiting.pop(number, None)
                if answer is not None:
                    _give(answer, result, refused)
        self._finish(lambda: KeeperLost("the crawl's keeper has gone"))

    def _finish(self, end: Callable[[], Exception]) -> None:
        with self._lock:
            end = self._end = self._end or end
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.set_exception(end())


def _give(answer: Future[Any], result: Any, refused: str | None) -> None:
    if refused is None:
        answer.set_result(result)
    else:
        answer.set_exception(NotFetched(Outcome.PUT_OFF, refused))
