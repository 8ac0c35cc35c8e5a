"""What a task does before and after each request: it asks the keeper, the crawl's or one of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
from asyncio import StreamReader
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any, Protocol

from facejoin.conf.settings import FetchSettings, HostBudget
from facejoin.udfs.web.keeper import Keeper, Session
from facejoin.udfs.web.loop import LoopThread
from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.pace import Verdict, verdict
from facejoin.udfs.web.service import LINE_BYTES, WELCOME, Lines, Place

CONNECT_SECONDS = 10.0
MOMENT = 0.001  # seconds that a question waits for others: each message wakes the keeper
KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))  # seconds, seconds, times

log = logging.getLogger(__name__)


class KeeperLost(RuntimeError):
    """The connection to the crawl's keeper broke: its driver has gone, or the network between."""


class Line(Protocol):
    """To a session with a keeper; to be used in its loop."""

    loop: LoopThread

    async def ask(self, what: str, *arguments: Any) -> Any: ...

    def tell(self, what: str, *arguments: Any) -> None:
        """As `ask`, without an answer; whoever asks afterwards comes after it."""

    def close(self) -> None:
        """From any other thread, with the loop."""


class Hosts:
    """The keeper by a line to it; all but `taken` and `close` are for its event loop.

    keep_alive: whether connections may stay open between two requests; not where others share the hosts' budgets.
    """

    def __init__(self, line: Line, keep_alive: bool) -> None:
        self._line = line
        self.loop = line.loop
        self.keep_alive = keep_alive

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Waits until a request may be sent, and says afterwards what became of it. Raises NotFetched (put_off)."""
        await self._line.ask("turn", host)
        said, retry_after = Verdict.UNKNOWN, None
        try:
            yield
            said = Verdict.ANSWERED
        except NotFetched as reason:
            said, retry_after = verdict(reason), reason.retry_after
            raise
        finally:
            self._line.tell("finish", host, said.value, retry_after)

    async def rules(self, origin: str) -> str | None:
        """The robots.txt; None: the caller is to read it, and to say so by one of the next three."""
        text: str | None = await self._line.ask("rules", origin)
        return text

    def keep_rules(self, origin: str, text: str, crawl_delay: float | None) -> None:
        self._line.tell("keep_rules", origin, text, crawl_delay)

    def no_rules(self, origin: str) -> None:
        self._line.tell("no_rules", origin)

    def not_read(self, origin: str) -> None:
        self._line.tell("not_read", origin)

    def taken(self, wave: str, worker: str, seconds: float, core_seconds: float, memory: int) -> None:
        """What the task's worker took of its machine in the last seconds. Raises KeeperLost, and NotFetched where it is
        closed."""
        try:
            self.loop.call(lambda: self._line.tell("taken", wave, worker, seconds, core_seconds, memory))
        except CancelledError as error:
            raise closed() from error

    def close(self) -> None:
        self._line.close()


def closed() -> NotFetched:
    """What those get who still wait when a fetcher is closed."""
    return NotFetched(Outcome.PUT_OFF, "the fetcher was closed")


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


class OwnKeeper:
    """A keeper of this process's own, in the same event loop as those who ask it."""

    def __init__(self, fetch: FetchSettings) -> None:
        self.loop = LoopThread("fetch")
        self._session = self.loop.call(lambda: Session(Keeper(fetch)))

    async def ask(self, what: str, *arguments: Any) -> Any:
        """What the session answers. Raises NotFetched (put_off)."""
        return await getattr(self._session, what)(*arguments)

    def tell(self, what: str, *arguments: Any) -> None:
        getattr(self._session, what)(*arguments)

    def close(self) -> None:
        self.loop.close()


class KeeperLine:
    """A session with the crawl's keeper over one connection. Raises OSError where there is none."""

    def __init__(self, place: Place) -> None:
        self.loop = LoopThread("fetch")
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._end: Callable[[], Exception] | None = None  # what whoever asks from now on gets
        with ExitStack() as without_a_keeper:
            without_a_keeper.callback(self.loop.close)
            self._reader, self._lines = self.loop.run(lambda: _greeted(place))
            without_a_keeper.pop_all()
        self.loop.begin(self._read)

    async def ask(self, what: str, *arguments: Any) -> Any:
        """What the session answers. Raises NotFetched (put_off) and KeeperLost."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(number, what, *arguments)
            return await answer
        finally:
            self._waiting.pop(number, None)

    def tell(self, what: str, *arguments: Any) -> None:
        self._send(None, what, *arguments)

    def _send(self, number: int | None, what: str, *arguments: Any) -> None:
        """number: by which the answer is known; None: there is to be none."""
        if self._end is not None:
            raise self._end()
        self._lines.send(number, what, *arguments)

    def close(self) -> None:
        with suppress(CancelledError):  # closed already
            self.loop.run(self._leave)
        self.loop.close()

    async def _leave(self) -> None:
        """What has been told is sent before the connection is closed."""
        self._finish(closed)
        await self._lines.close()

    async def _read(self) -> None:
        with suppress(OSError, ValueError):  # ValueError: half of a line, the keeper's last
            while line := await self._reader.readline():
                number, result, refused = json.loads(line)
                answer = self._waiting.get(number)
                if answer is not None and not answer.done():
                    _give(answer, result, refused)
        self._finish(lambda: KeeperLost("the crawl's keeper has gone"))

    def _finish(self, end: Callable[[], Exception]) -> None:
        self._end = end = self._end or end
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(end())


async def _greeted(place: Place) -> tuple[StreamReader, Lines]:
    """Raises OSError."""
    async with asyncio.timeout(CONNECT_SECONDS):  # a TimeoutError is an OSError
        reader, writer = await asyncio.open_connection(place.host, place.port, limit=LINE_BYTES)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        writer.write(f"{place.token}\n".encode())
        if await reader.readline() != WELCOME:
            writer.close()
            raise ConnectionRefusedError("another program answers there")
        return reader, Lines(writer, MOMENT)


def _give(answer: asyncio.Future[Any], result: Any, refused: str | None) -> None:
    if refused is None:
        answer.set_result(result)
    else:
        answer.set_exception(NotFetched(Outcome.PUT_OFF, refused))
