"""How fast a crawl goes and what it costs, out of what its waves reported. Arithmetic on the seconds of a clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LAST_WAVES = 10  # of which the rate is


@dataclass(frozen=True)
class FinishedWave:
    """A wave's row of `runs`; None: an older version did not say it, or could not know it."""

    ended: float  # seconds since 1970
    seconds: float  # that it took
    rows: int
    bytes: int
    faces: int  # photos with a face
    downloaded: int | None = None  # photos whose bytes arrived
    crawl: str | None = None  # a random name
    cores: int | None = None  # that its crawl had

    @property
    def began(self) -> float:
        return self.ended - self.seconds


def rate(waves: Sequence[FinishedWave]) -> float | None:
    """Results a second of all crawls together, in the time that the last waves took by the clock: waves side by side
    share it, and time without any does not count. None: no wave has ended."""
    in_order = sorted(waves, key=lambda wave: wave.ended)
    last, before = in_order[-LAST_WAVES:], in_order[:-LAST_WAVES]
    if not last:
        return None
    start = before[-1].ended if before else min(wave.began for wave in last)
    spent = covered((max(wave.began, start), wave.ended) for wave in last)
    return sum(wave.rows for wave in last) / spent if spent else None


def core_hours(waves: Iterable[FinishedWave]) -> float:
    """Of the cores that crawls had while any wave of theirs was under way, busy or not."""
    crawls = defaultdict(list)
    for wave in waves:
        if wave.crawl is not None and wave.cores is not None:
            crawls[wave.crawl].append(wave)
    return sum(map(_core_seconds, crawls.values())) / 3600


def _core_seconds(waves: Sequence[FinishedWave]) -> float:
    """Of one crawl, whose waves share its cores."""
    seconds = sum(wave.seconds for wave in waves)
    cores = sum((wave.cores or 0) * wave.seconds for wave in waves) / (seconds or 1.0)
    return cores * covered((wave.began, wave.ended) for wave in waves)


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds that lie in at least one of the spans (start, end).

    >>> covered([(0.0, 10.0), (5.0, 12.0), (20.0, 21.0), (30.0, 29.0)])
    13.0
    """
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(end - max(start, reached), 0.0)
        reached = max(reached, end)
    return total
