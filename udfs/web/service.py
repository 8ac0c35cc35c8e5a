"""The keeper on a port, for all tasks of a crawl."""

from __future__ import annotations

import asyncio
import hmac
import json
import resource
import secrets
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.web.keeper import Keeper, Session
from facejoin.udfs.web.loop import LoopThread
from facejoin.udfs.web.outcomes import NotFetched
from facejoin.udfs.web.readings import Reading

WELCOME = b"welcome\n"
LINE_BYTES = 8 * 2**20  # the longest is a robots.txt, of which each character may take six bytes
HELLO_SECONDS = 10.0  # to say the token in
# A session's methods: those that are answered, and those that are not
ASKED = frozenset({"turn", "rules"})
TOLD = frozenset({"finish", "keep_rules", "no_rules", "not_read", "taken"})


@dataclass(frozen=True)
class Place:
    """Where tasks find the keeper."""

    host: str
    port: int
    token: str = field(repr=False)


class Lines:
    """Of JSON, to the other end of a connection; those of one moment are sent together.

    moment: seconds; 0: until the loop is free.
    """

    def __init__(self, writer: StreamWriter, moment: float = 0.0) -> None:
        self._writer, self._moment = writer, moment
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []

    def send(self, *values: Any) -> None:
        if not self._unsent:
            self._loop.call_later(self._moment, self._send_all)
        self._unsent.append(json.dumps(values).encode())

    async def close(self) -> None:
        """What has been said is sent before."""
        self._send_all()
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def _send_all(self) -> None:
        if self._unsent:
            self._writer.write(b"\n".join((*self._unsent, b"")))
            self._unsent.clear()


class KeeperService:
    """The keeper of a whole crawl, for those who know the token. One connection is one task's session.

    A line of JSON is a request, [number, method of Session, arguments …], or its answer, [number, result, why not];
    what is only told has no number, and no answer.
    Raises OSError where the address cannot be listened at.
    """

    def __init__(self, fetch: FetchSettings, listen: str, port: int = 0) -> None:
        _many_connections()
        self._token = secrets.token_hex()
        self._loop = LoopThread("keeper")
        try:
            self._keeper = self._loop.call(lambda: Keeper(fetch))
            self._server = self._loop.run(
                lambda: asyncio.start_server(self._serve, listen, port, limit=LINE_BYTES, backlog=1024)
            )
        except OSError:
            self._loop.close()
            raise
        self._port: int = self._server.sockets[0].getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._loop.tell(self._server.close)
        self._loop.close()

    def place(self, host: str) -> Place:
        """As tasks know it, which reach this machine by the name of `host`."""
        return Place(host, self._port, self._token)

    def quiet(self) -> float:
        """Seconds until no host pauses or is left alone."""
        return self._loop.call(self._keeper.quiet)

    def paused(self) -> dict[str, float]:
        """Host → seconds that it still pauses or is left alone."""
        return self._loop.call(self._keeper.paused)

    def readings(self) -> list[Reading]:
        """What workers have told of themselves since the last time."""
        return self._loop.call(self._keeper.readings.drain)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        session, lines, answers = Session(self._keeper), Lines(writer), set[asyncio.Task[None]]()
        try:
            said = await asyncio.wait_for(reader.readline(), HELLO_SECONDS)
            if not hmac.compare_digest(said.strip(), self._token.encode()):
                return
            writer.write(WELCOME)
            while line := await reader.readline():
                if (answer := _heard(line, session, lines)) is not None:
                    answers.add(answer)
                    answer.add_done_callback(answers.discard)
        except (OSError, ValueError, TimeoutError):  # ValueError: a line too long, or none of a task's
            pass  # whoever it was, it has no session any more
        except asyncio.CancelledError:
            pass  # the service ends; asyncio would report it as a fault of whoever has this connection
        finally:
            for answer in answers:
                answer.cancel()
            session.close()
            writer.close()


def _heard(line: bytes, session: Session, lines: Lines) -> asyncio.Task[None] | None:
    """What is still to answer the line. Raises ValueError where it is no request."""
    number, what, *arguments = json.loads(line)
    if what in TOLD:
        getattr(session, what)(*arguments)
    elif what == "turn" and session.turn_at_once(*arguments):
        lines.send(number, None, None)
    elif what in ASKED:
        return asyncio.create_task(_answer(getattr(session, what)(*arguments), number, lines))
    else:
        raise ValueError(f"no request is called {what!r}")
    return None


async def _answer(asked: Awaitable[str | None], number: int, lines: Lines) -> None:
    try:
        lines.send(number, await asked, None)
    except NotFetched as reason:
        lines.send(number, None, str(reason))


def _many_connections() -> None:
    """A file for each task at work: as many as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # where the system allows fewer than it says, it stays as it was
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
