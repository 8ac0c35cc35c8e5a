"""What workers said that they took of their machines, kept until somebody asks for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MOST = 200_000  # kept: an hour's of three thousand workers; then the oldest go


@dataclass(frozen=True)
class Reading:
    """Of one worker's meter."""

    wave: str
    worker: str  # its machine and process
    ended: float  # when: seconds since 1970, by the keeper's clock
    seconds: float  # before that, which it is of
    core_seconds: float  # processor time taken in them
    memory: int  # bytes, at the end


class Readings:
    def __init__(self) -> None:
        self._kept: deque[Reading] = deque(maxlen=MOST)

    def add(self, reading: Reading) -> None:
        self._kept.append(reading)

    def drain(self) -> list[Reading]:
        """All that came since the last time."""
        drained = [*self._kept]
        self._kept.clear()
        return drained
