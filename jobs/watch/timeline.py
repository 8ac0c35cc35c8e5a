"""Readings of workers, which end whenever they do → what all of them took in one period after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from facejoin.udfs.web.readings import Reading


@dataclass(frozen=True)
class Use:
    """By some workers, in some time."""

    workers: int = 0  # that had a task
    busy: float = 0.0  # cores that they kept busy, on average
    memory_mean: float = 0.0  # bytes of a worker
    memory_max: int = 0  # bytes


@dataclass(frozen=True)
class Edge:
    """Between two periods."""

    at: float  # seconds since 1970
    cores: int  # that the crawl has
    paused: dict[str, float] = field(default_factory=dict)  # host → until when, in seconds since 1970


@dataclass(frozen=True)
class Period:
    start: float  # seconds since 1970
    end: Edge
    use: Use
    waves: dict[str, Use]

    @property
    def is_empty(self) -> bool:
        return not self.use.workers and not self.end.paused


class Timeline:
    """A period is told one period after it has ended, when what was read in it has come in."""

    def __init__(self, start: Edge) -> None:
        self._edges, self._readings = [start], list[Reading]()

    def add(self, readings: Iterable[Reading], edge: Edge) -> None:
        """What has come in by the end of a period."""
        self._readings += readings
        self._edges.append(edge)

    def told(self, at_end: bool = False) -> list[Period]:
        """Periods that were not told yet, at the end all of them. Those in which nothing happened are left out."""
        last = len(self._edges) - (1 if at_end else 2)
        periods = [self._period(start.at, end) for start, end in pairwise(self._edges[: last + 1])]
        self._edges = self._edges[max(last, 0) :]
        self._readings = [reading for reading in self._readings if reading.ended > self._edges[0].at]
        return [period for period in periods if not period.is_empty]

    def _period(self, start: float, end: Edge) -> Period:
        waves = defaultdict(list)
        for reading in self._readings:
            waves[reading.wave].append(reading)
        by_wave = {wave: use_between(readings, start, end.at) for wave, readings in sorted(waves.items())}
        at_work = {wave: use for wave, use in by_wave.items() if use.workers}
        return Period(start, end, use_between(self._readings, start, end.at), at_work)


def use_between(readings: Sequence[Reading], start: float, end: float) -> Use:
    """start, end: seconds since 1970. A reading is spread evenly over the time that it is of.

    >>> use_between([Reading("wave", "worker", ended=60.0, seconds=60.0, core_seconds=30.0, memory=9)], 30.0, 60.0)
    Use(workers=1, busy=0.5, memory_mean=9.0, memory_max=9)
    """
    shared = [(reading, min(reading.ended, end) - max(reading.ended - reading.seconds, start)) for reading in readings]
    shared = [(reading, seconds) for reading, seconds in shared if seconds > 0]
    if not shared:
        return Use()
    worked = sum(seconds for _, seconds in shared)
    return Use(
        workers=len({reading.worker for reading, _ in shared}),
        busy=sum(reading.core_seconds * seconds / reading.seconds for reading, seconds in shared) / (end - start),
        memory_mean=sum(reading.memory * seconds for reading, seconds in shared) / worked,
        memory_max=max(reading.memory for reading, _ in shared),
    )
