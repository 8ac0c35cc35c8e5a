"""What a wave has to do, and whether it did it once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from facejoin.jobs.store.races import retried
from facejoin.jobs.store.results import final_results, results_of
from facejoin.jobs.store.suppressed import is_suppressed
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.asked import Asked
from facejoin.jobs.waves.books import Books, recount
from facejoin.udfs.web.outcomes import Outcome


def unfinished(warehouse: Warehouse, version: str, asked: Asked, buckets: tuple[int, int]) -> DataFrame:
    """Photos to crawl in the buckets first to last: photo_id, bucket, download_url, status (null: to be downloaded),
    attempt."""
    before = final_results(warehouse, version, buckets).select("photo_id", "attempt", asked.again.alias("again"))
    photos = warehouse.read("photos").where(F.col("bucket").between(*buckets)).where(asked.of_it)
    suppressed = F.when(is_suppressed(warehouse), F.lit(Outcome.SUPPRESSED.value))
    todo = photos.join(before, "photo_id", "left").where("attempt IS NULL OR again" if asked.missing else "again")
    return todo.select(
        "photo_id",
        "bucket",
        "download_url",
        F.coalesce(suppressed, "excluded").alias("status"),
        (F.coalesce("attempt", F.lit(0)) + 1).alias("attempt"),
    )


@dataclass(frozen=True)
class Doubles:
    """That were dropped."""

    rows: int = 0
    commits: int = 0


def settled(books: Books, warehouse: Warehouse, version: str, asked: Asked, buckets: tuple[int, int]) -> Doubles:
    """Books a wave's results as they are in the table by now, without doubles."""
    recount(books, warehouse, version, asked, buckets)
    if not any(books.missing(bucket) for bucket in range(buckets[0], buckets[1] + 1)):
        return Doubles()
    dropped = _drop_doubles(warehouse, version, buckets)
    if dropped.rows:
        recount(books, warehouse, version, asked, buckets)
    return dropped


def _drop_doubles(warehouse: Warehouse, version: str, buckets: tuple[int, int]) -> Doubles:
    """Where two waves wrote the same attempt of a photo, the earlier row stays.

    Leases keep waves apart. This is for one whose holder was stopped for longer than its lease, and went on.
    """
    rows = results_of(warehouse, version, buckets)
    earliest = F.min_by("wave", F.struct("crawled_at", "wave")).alias("kept")
    doubled = rows.groupBy("photo_id", "attempt").agg(F.count("*").alias("rows"), earliest).where("rows > 1").collect()
    kept = defaultdict(list)
    for row in doubled:
        kept[row["kept"], row["attempt"]].append(row["photo_id"])
    for (wave, attempt), ids in kept.items():
        others = (F.col("model_version") == version) & F.col("bucket").between(*buckets) & (F.col("wave") != wave)
        double = others & (F.col("attempt") == attempt) & F.col("photo_id").isin(ids)
        retried(lambda: warehouse.delete("results", double))  # noqa: B023 (called at once)
    return Doubles(sum(row["rows"] - 1 for row in doubled), len(kept))


def remaining(warehouse: Warehouse, version: str, asked: Asked, books: Books) -> int:
    """Photos without a result, counted: those of buckets without any, and the rest by a look at both tables."""
    untouched = sum(books.missing(bucket) for bucket in books.photos if not books.results[bucket].ids.count)
    return untouched + sum(_missing(warehouse, version, asked, span) for span in _spans(books.differing()))


def _missing(warehouse: Warehouse, version: str, asked: Asked, buckets: tuple[int, int]) -> int:
    photos = warehouse.read("photos").where(F.col("bucket").between(*buckets)).where(asked.of_it)
    return photos.join(results_of(warehouse, version, buckets).select("photo_id"), "photo_id", "left_anti").count()


def _spans(buckets: list[int]) -> list[tuple[int, int]]:
    """Neighbours together: [1, 2, 5] → [(1, 2), (5, 5)]."""
    spans: list[tuple[int, int]] = []
    for bucket in buckets:
        if spans and spans[-1][1] == bucket - 1:
            spans[-1] = (spans[-1][0], bucket)
        else:
            spans.append((bucket, bucket))
    return spans
