"""What `status` says of a crawl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from facejoin.conf.settings import StatusSettings
from facejoin.jobs.watch.pace import FinishedWave, core_hours, rate

GIGABYTE = 10**9  # bytes


@dataclass(frozen=True)
class LoadPoint:
    """What the workers of all crawls took around a moment."""

    at: float  # seconds since 1970
    cores: float  # that the crawls had
    busy: float  # cores
    workers: int
    memory_mean: float  # bytes of a worker
    memory_max: int  # bytes


@dataclass(frozen=True)
class WaveLoad:
    """What a wave's workers took."""

    wave: str
    began: float  # seconds since 1970
    ended: float
    busy: float  # cores, on average
    memory_mean: float  # bytes of a worker
    memory_max: int  # bytes


@dataclass(frozen=True)
class Cost:
    """In the settings' currency."""

    cores: float | None  # None: no price, or not known
    bytes: float | None

    @property
    def total(self) -> float | None:
        told = [part for part in (self.cores, self.bytes) if part is not None]
        return sum(told) if told else None


@dataclass(frozen=True)
class StatusReport:
    """None: not known."""

    model_version: str
    at: float  # seconds since 1970
    photos: int
    left: int  # without a result
    statuses: dict[str, int]  # photos by outcome
    waves: int  # that have ended
    rate: float | None  # results a second over the last waves
    seconds_left: float | None  # at this rate
    bytes: int  # of the photos that arrived
    mean_bytes: float | None  # of one of them
    projected_bytes: float | None  # when all photos are done
    with_face: float | None  # share of the photos that arrived
    core_hours: float | None  # that crawls had while their waves ran
    core_hours_left: float | None
    cost: Cost
    cost_left: Cost
    currency: str
    at_work: list[str] = field(default_factory=list)  # waves, and who is at them
    paused: dict[str, float] = field(default_factory=dict)  # host → until when, in seconds since 1970
    load: list[LoadPoint] = field(default_factory=list)  # over time
    wave_load: list[WaveLoad] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # what cannot be told, and why

    @property
    def done(self) -> int:
        return self.photos - self.left


@dataclass(frozen=True)
class Progress:
    """What the books and `runs` know."""

    photos: int
    left: int
    waves: Sequence[FinishedWave]

    @property
    def rate(self) -> float | None:
        return rate(self.waves)

    @property
    def seconds_left(self) -> float | None:
        if not self.left:
            return 0.0
        return self.left / self.rate if self.rate else None

    @property
    def bytes(self) -> int:
        return sum(wave.bytes for wave in self.waves)

    @property
    def bytes_left(self) -> float | None:
        return self._to_come(self.bytes, self.waves)

    @property
    def arrived(self) -> Arrived:
        """Of waves that say how many photos arrived."""
        told = [wave for wave in self.waves if wave.downloaded is not None]
        count = sum(wave.downloaded or 0 for wave in told)
        return Arrived(count, sum(wave.bytes for wave in told), sum(wave.faces for wave in told))

    @property
    def with_cores(self) -> list[FinishedWave]:
        return [wave for wave in self.waves if wave.cores is not None]

    @property
    def core_hours(self) -> float | None:
        return core_hours(self.with_cores) if self.with_cores else None

    @property
    def core_hours_left(self) -> float | None:
        return None if self.core_hours is None else self._to_come(self.core_hours, self.with_cores)

    def _to_come(self, so_far: float, waves: Sequence[FinishedWave]) -> float | None:
        """As much for each photo that is left as for each row of these waves."""
        if not self.left:
            return 0.0
        rows = sum(wave.rows for wave in waves)
        return so_far / rows * self.left if rows else None


@dataclass(frozen=True)
class Arrived:
    """Photos whose bytes arrived."""

    count: int
    bytes: int
    faces: int

    @property
    def mean_bytes(self) -> float | None:
        return self.bytes / self.count if self.count else None

    @property
    def with_face(self) -> float | None:
        return self.faces / self.count if self.count else None


def cost(prices: StatusSettings, hours: float | None, downloaded: float | None) -> Cost:
    """hours: of cores. downloaded: bytes."""
    gigabytes = None if downloaded is None else downloaded / GIGABYTE
    return Cost(_times(prices.core_hour, hours), _times(prices.gigabyte, gigabytes))


def unknown(progress: Progress, load: Sequence[LoadPoint], prices: StatusSettings) -> list[str]:
    """What cannot be told, and why."""
    bare = len(progress.waves) - len(progress.with_cores)
    priced = prices.core_hour is not None or prices.gigabyte is not None
    reasons = {
        "rate, time left, bytes and cores: no wave of this model version has ended yet": not progress.waves,
        f"cores of {bare} waves, which are not in the core-hours: their reports do not say them": bare > 0,
        "load of the workers: no crawl has run for longer than crawl.load_seconds, or only on Spark Connect": not load,
        "cost: neither status.core_hour nor status.gigabyte is set": not priced,
    }
    return [reason for reason, holds in reasons.items() if holds]


def _times(price: float | None, amount: float | None) -> float | None:
    return None if price is None or amount is None else price * amount
