"""Room in memory for the bodies of photos: large ones wait for it, with no connection open."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass

SMALL_BYTES = 2**19  # bodies of no more are bounded by their number alone; most photos are smaller
WAIT_SECONDS = 120.0  # for room; longer than any group of photos is analysed


class NoRoom(Exception):
    """Raised in the middle of a download, which is to begin again once there is room."""

    def __init__(self, size: int) -> None:
        super().__init__(f"no room for {size} bytes")


class Room:
    """Of so many bytes; may be given back by other threads than that of the event loop which waits for it.

    >>> room = Room(100)
    >>> room.take(70), room.take(70)
    (True, False)
    >>> room.give_back(70)
    >>> room.take(70)
    True
    """

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None  # where it is waited for
        self._changed = asyncio.Event()

    def take(self, size: int) -> bool:
        """Whether there was as much."""
        with self._lock:
            if self._left < size:
                return False
            self._left -= size
            return True

    async def take_within(self, size: int, seconds: float) -> bool:
        """Whether there was as much, at once or within these seconds."""
        self._loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.take(size):
                    self._changed.clear()
                    if self._left < size:  # what is given back from here on is heard of
                        await self._changed.wait()
                return True
        return False

    def give_back(self, size: int) -> None:
        with self._lock:
            self._left += size
        if self._loop is not None:
            with suppress(RuntimeError):  # it was closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._changed.set)


@dataclass
class Place:
    """One download's part of the room."""

    room: Room
    size: int = 0  # bytes that are taken

    def claim(self, size: int) -> None:
        """Before a body of so many bytes is read. Raises NoRoom, without waiting: a connection is open."""
        if size <= max(SMALL_BYTES, self.size):
            return
        self.leave()
        if not self.room.take(size):
            raise NoRoom(size)
        self.size = size

    async def wait_for(self, size: int) -> bool:
        """Whether it became free in time. The download that begins then finds room, whatever it announces."""
        self.leave()
        self.size = size if await self.room.take_within(size, WAIT_SECONDS) else 0
        return self.size == size

    def keep(self, size: int) -> None:
        """What was read is no larger than that: the rest is given back."""
        needed = size if size > SMALL_BYTES else 0
        if needed < self.size:
            self.room.give_back(self.size - needed)
            self.size = needed

    def leave(self) -> None:
        self.keep(0)
