"""Which buckets are crawled together."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from facejoin.conf.schemas import BUCKETS
from facejoin.jobs.waves.asked import Asked
from facejoin.jobs.waves.books import Books


@dataclass(frozen=True)
class Wave:
    first: int  # bucket
    last: int  # bucket, included
    photos: int  # to do, about
    most: int | None = None  # of them to be done
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:8])  # no two are the same wave

    @property
    def buckets(self) -> tuple[int, int]:
        return self.first, self.last

    def __str__(self) -> str:
        return f"{self.first:04d}-{self.last:04d} {self.token}"


def planned(books: Books, asked: Asked, wave_photos: int) -> Iterator[Wave]:
    """Runs of buckets with about `wave_photos` photos to do each, as far as is asked for."""
    left = asked.limit
    for wave in islice(_waves(books, wave_photos), asked.waves):
        if left is None:
            yield wave
        elif left > 0:
            photos = min(left, wave.photos)
            yield replace(wave, photos=photos, most=photos)
            left -= photos


def _waves(books: Books, wave_photos: int) -> Iterator[Wave]:
    first, photos = 0, 0
    counts = [(bucket, count) for bucket in range(BUCKETS) if (count := books.todo(bucket))]
    for position, (bucket, count) in enumerate(counts):
        first = bucket if photos == 0 else first
        photos += count
        if photos >= wave_photos or position == len(counts) - 1:
            yield Wave(first, bucket, photos)
            photos = 0


def overlap(one: str, other: str) -> bool:
    """Of two units as `wave_unit` names them: whether they have a bucket in common."""
    (version, first, last), (other_version, other_first, other_last) = _parts(one), _parts(other)
    return version == other_version and first <= other_last and other_first <= last


def wave_unit(wave: Wave | str, version: str) -> str:
    """What a lease of the wave is of."""
    return f"{str(wave).partition(' ')[0]} of {version}"


def _parts(unit: str) -> tuple[str, int, int]:
    buckets, _, version = unit.partition(" of ")
    first, _, last = buckets.partition("-")
    return version, int(first), int(last)
