"""Room in memory for the bodies of photos. A download takes up what photos have on average before it asks, with no
connection open, and the rest once it knows how large its own is."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass

SLACK = 0.3  # of the room: for bodies that are larger than the average
FIRST_GUESS = 2**20  # bytes of a photo, while none has been seen: a large one, so that the first are few
REMEMBERED = 32  # photos, about, that the average is taken over


class NoRoom(Exception):
    """Raised in the middle of a download, which is to begin again once there is room."""


class Room:
    """Of so many bytes; may be given back by other threads than that of the event loop which waits for it. Who waits
    first is served first.

    >>> room = Room(100)
    >>> room.take(70), room.take(70)
    (True, False)
    >>> room.give_back(70)
    >>> room.take(70)
    True
    """

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._average = float(FIRST_GUESS)
        self._lock = threading.Lock()  # of what is left
        self._line = asyncio.Lock()
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None  # where it is waited for
        self._waiting = False  # somebody does

    def take(self, size: int) -> bool:
        """Whether there was as much."""
        return self._take(size, size)

    async def take_average(self) -> int:
        """Bytes of a photo of which nothing is known, once there is so much and the slack, or half of the room."""
        size = min(int(self._average), self._size // 2)
        await self._wait(size, min(size + int(SLACK * self._size), self._size // 2))
        return size

    async def take_once_there_is(self, size: int) -> None:
        """size: no more than the whole room."""
        await self._wait(size, size)

    def give_back(self, size: int) -> None:
        with self._lock:
            self._left += size
        if self._waiting and self._loop is not None:
            with suppress(RuntimeError):  # it was closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._changed.set)

    def learn(self, size: int) -> None:
        """How large a photo was."""
        self._average += (size - self._average) / REMEMBERED

    async def _wait(self, size: int, least: int) -> None:
        async with self._line:
            while not self._take(size, least):
                self._changed.clear()
                self._loop, self._waiting = asyncio.get_running_loop(), True  # from here on it is told of what is back
                if self._left < least:
                    await self._changed.wait()
            self._waiting = False

    def _take(self, size: int, least: int) -> bool:
        with self._lock:
            if self._left < least:
                return False
            self._left -= size
            return True


@dataclass
class Place:
    """One download's part of the room."""

    room: Room
    size: int = 0  # bytes that are taken

    async def enter(self) -> None:
        """Before anything is asked for."""
        self.size = await self.room.take_average()

    def claim(self, size: int) -> None:
        """Before a body of so many bytes is read. Raises NoRoom, without waiting: a connection is open."""
        if size > self.size:
            if not self.room.take(size - self.size):
                raise NoRoom
            self.size = size

    async def wait_for(self, size: int) -> None:
        """The download that begins then has as much, whatever it announces."""
        self.leave()
        await self.room.take_once_there_is(size)
        self.size = size

    def keep(self, size: int) -> None:
        """What was read is no larger than that: the rest is given back."""
        self.room.learn(size)
        self._give_back(self.size - size)

    def leave(self) -> None:
        self._give_back(self.size)

    def _give_back(self, size: int) -> None:
        if size > 0:
            self.room.give_back(size)
            self.size -= size
