"""The keeper in a thread of its own: for this process, or on a port for all tasks of a crawl."""

from __future__ import annotations

import asyncio
import hmac
import json
import resource
import secrets
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.web.keeper import Keeper, Session
from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.readings import Reading

WELCOME = b"welcome\n"
LINE_BYTES = 8 * 2**20  # the longest is a robots.txt, of which each character may take six bytes
HELLO_SECONDS = 10.0  # to say the token in
REQUESTS = frozenset({"turn", "finish", "rules", "keep_rules", "no_rules", "not_read", "taken"})  # a session's methods

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where tasks find the keeper."""

    host: str
    port: int
    token: str = field(repr=False)


class LoopThread:
    """An event loop with a keeper in it; callers are of other threads."""

    def __init__(self, fetch: FetchSettings) -> None:
        self._loop = asyncio.new_event_loop()
        self._open = True
        self._lock = threading.Lock()  # of `_open`: what is begun while it is true ends before the loop does
        self._thread = threading.Thread(target=self._loop.run_forever, name="keeper", daemon=True)
        self._thread.start()
        self._keeper = self._call(lambda: Keeper(fetch))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Raises CancelledError where it is closed."""
        with self._lock:
            if not self._open:
                raise CancelledError
            return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Raises CancelledError where it is closed, or is closed meanwhile."""
        return self._begin(work).result()

    def _call(self, function: Callable[[], T]) -> T:
        async def called() -> T:
            return function()

        return self._run(called)


class OwnKeeper(LoopThread):
    """A line to a keeper of this process's own."""

    def __init__(self, fetch: FetchSettings) -> None:
        super().__init__(fetch)
        self._session = Session(self._keeper)

    def ask(self, what: str, *arguments: Any) -> Any:
        """What the session answers. Raises NotFetched (put_off), also where it is closed meanwhile."""
        try:
            return self._run(lambda: getattr(self._session, what)(*arguments))
        except CancelledError as error:
            raise NotFetched(Outcome.PUT_OFF, "the fetcher was closed") from error

    def tell(self, what: str, *arguments: Any) -> None:
        """The same without waiting until it is done."""
        try:
            self._begin(lambda: getattr(self._session, what)(*arguments))
        except CancelledError as error:
            raise NotFetched(Outcome.PUT_OFF, "the fetcher was closed") from error


class KeeperService(LoopThread):
    """The keeper of a whole crawl, for those who know the token. One connection is one task's session.

    A line of JSON is a request, [number, method of Session, arguments …], or its answer, [number, result, why not];
    without a number it has none.
    Raises OSError where the address cannot be listened at.
    """

    def __init__(self, fetch: FetchSettings, listen: str, port: int = 0) -> None:
        super().__init__(fetch)
        _many_connections()
        self._token = secrets.token_hex()
        self._server: asyncio.Server | None = None
        try:
            self._server = self._run(
                lambda: asyncio.start_server(self._serve, listen, port, limit=LINE_BYTES, backlog=1024)
            )
        except OSError:
            self.close()
            raise
        self._port: int = self._server.sockets[0].getsockname()[1]

    def place(self, host: str) -> Place:
        """As tasks know it, which reach this machine by the name of `host`."""
        return Place(host, self._port, self._token)

    def quiet(self) -> float:
        """Seconds until no host pauses or is left alone."""
        return self._call(self._keeper.quiet)

    def paused(self) -> dict[str, float]:
        """Host → seconds that it still pauses or is left alone."""
        return self._call(self._keeper.paused)

    def readings(self) -> list[Reading]:
        """What workers have told of themselves since the last time."""
        return self._call(self._keeper.readings.drain)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        await super()._end()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        session, answers = Session(self._keeper), set[asyncio.Task[None]]()
        try:
            said = await asyncio.wait_for(reader.readline(), HELLO_SECONDS)
            if not hmac.compare_digest(said.strip(), self._token.encode()):
                return
            writer.write(WELCOME)
            while line := await reader.readline():
                answer = asyncio.create_task(_answer(session, line, writer))
                answers.add(answer)
                answer.add_done_callback(answers.discard)
        except (OSError, ValueError, TimeoutError):  # ValueError: a line too long
            pass  # whoever it was, it has no session any more
        except asyncio.CancelledError:
            pass  # the service ends; asyncio would report it as a fault of whoever has this connection
        finally:
            for answer in answers:
                answer.cancel()
            session.close()
            writer.close()


async def _answer(session: Session, line: bytes, writer: StreamWriter) -> None:
    number, what, *arguments = json.loads(line)
    if what not in REQUESTS:
        raise ValueError(f"no request is called {what!r}")
    result, refused = None, None
    try:
        result = await getattr(session, what)(*arguments)
    except NotFetched as reason:
        refused = str(reason)
    if number is None:
        return
    with suppress(OSError):  # its task has gone; the session is closed by then
        writer.write(json.dumps([number, result, refused]).encode() + b"\n")
        await writer.drain()


def _many_connections() -> None:
    """A file for each task at work: as many as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # where the system allows fewer than it says, it stays as it was
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
