"""Room in memory for the bodies of photos: large ones wait for it, with no connection open."""

from __future__ import annotations

import threading
from dataclasses import dataclass

SMALL_BYTES = 2**19  # bodies of no more are bounded by their number alone; most photos are smaller
WAIT_SECONDS = 120.0  # for room; longer than any group of photos is analysed


class NoRoom(Exception):
    """Raised in the middle of a download, which is to begin again once there is room."""

    def __init__(self, size: int) -> None:
        super().__init__(f"no room for {size} bytes")


class Room:
    """Of so many bytes; for use by many threads.

    >>> room = Room(100)
    >>> room.take(70, 0), room.take(70, 0)
    (True, False)
    >>> room.give_back(70)
    >>> room.take(70, 0)
    True
    """

    def __init__(self, size: int) -> None:
        self._left = size
        self._closed = False
        self._changed = threading.Condition()

    def take(self, size: int, seconds: float) -> bool:
        """Whether there was as much, at once or within these seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._left >= size or self._closed, seconds) or self._closed:
                return False
            self._left -= size
            return True

    def close(self) -> None:
        """Ends all waiting; there is no room from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def give_back(self, size: int) -> None:
        with self._changed:
            self._left += size
            self._changed.notify_all()


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
        if not self.room.take(size, 0):
            raise NoRoom(size)
        self.size = size

    def wait_for(self, size: int) -> bool:
        """Whether it became free in time. The download that begins then finds room, whatever it announces."""
        self.leave()
        self.size = size if self.room.take(size, WAIT_SECONDS) else 0
        return self.size == size

    def keep(self, size: int) -> None:
        """What was read is no larger than that: the rest is given back."""
        needed = size if size > SMALL_BYTES else 0
        if needed < self.size:
            self.room.give_back(self.size - needed)
            self.size = needed

    def leave(self) -> None:
        self.keep(0)
