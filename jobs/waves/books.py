"""The books of a crawl: how many photos and results there are, bucket by bucket, and whether they are the same ones.

They are kept by narrow scans, without a join: per bucket a count and the exclusive or of the photos' hashes. Where both
are equal for photos and results, every photo of the bucket has exactly one final result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from facejoin.jobs.store.results import final_results
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.asked import Asked


@dataclass
class Ids:
    """Of some photos: how many, and the exclusive or of their hashes."""

    count: int = 0
    hashes: int = 0

    def add(self, count: int, hashes: int) -> None:
        self.count, self.hashes = self.count + count, self.hashes ^ hashes


@dataclass
class Results:
    """The final ones of a bucket."""

    ids: Ids = field(default_factory=Ids)
    again: int = 0  # of them to be tried again
    statuses: Counter[str] = field(default_factory=Counter)
    waves: set[str] = field(default_factory=set)  # that wrote them


@dataclass
class Books:
    """By bucket."""

    photos: dict[int, Ids]
    results: dict[int, Results]
    asked: Asked

    def missing(self, bucket: int) -> int:
        """Photos without a result: exactly where there are no doubles, and never 0 where any is missing."""
        photos, results = self.photos.get(bucket, Ids()), self.results[bucket].ids
        return 0 if photos == results else max(photos.count - results.count, 1)

    def todo(self, bucket: int) -> int:
        return self.results[bucket].again + (self.missing(bucket) if self.asked.missing else 0)

    def differing(self) -> list[int]:
        """Buckets in which photos and results are not the same, and both are some."""
        return [b for b in sorted(self.results) if self.results[b].ids.count and self.missing(b)]

    @property
    def statuses(self) -> dict[str, int]:
        return dict(sorted(sum((results.statuses for results in self.results.values()), Counter()).items()))


def count_books(warehouse: Warehouse, version: str, asked: Asked) -> Books:
    """Two scans of a few narrow columns."""
    photos = warehouse.read("photos").where(asked.of_it).groupBy("bucket").agg(*_ids()).collect()
    results = _counted(_final(warehouse, version, asked), asked)
    return Books({bucket: Ids(*ids) for bucket, *ids in photos}, results, asked)


def recount(books: Books, warehouse: Warehouse, version: str, asked: Asked, buckets: tuple[int, int]) -> None:
    """The results of the buckets first to last anew, after they were written."""
    counted = _counted(_final(warehouse, version, asked, buckets), asked)
    for bucket in range(buckets[0], buckets[1] + 1):
        books.results[bucket] = counted[bucket]


def _final(warehouse: Warehouse, version: str, asked: Asked, buckets: tuple[int, int] | None = None) -> DataFrame:
    return final_results(warehouse, version, buckets).where(asked.of_it)


def _counted(final: DataFrame, asked: Asked) -> dict[int, Results]:
    found: dict[int, Results] = defaultdict(Results)
    groups = final.groupBy("bucket", "status", "wave", asked.again.alias("again")).agg(*_ids())
    for bucket, status, wave, again, count, hashes in groups.collect():
        results = found[bucket]
        results.ids.add(count, hashes)
        results.again += count if again else 0
        results.statuses[status] += count
        results.waves.add(wave or "")  # of rows that no crawl wrote
    return found


def _ids() -> tuple[Column, Column]:
    """Not by the hash that buckets are made of: of that all in one bucket have a part in common."""
    return F.count("*"), F.bit_xor(F.xxhash64(F.lit("books"), F.col("photo_id")))
