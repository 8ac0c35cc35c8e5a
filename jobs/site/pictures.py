"""The pictures of a campaign in the orders that the site's files have them in: sorted by Spark, handed to the driver
piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from facejoin.jobs.store.session import rows_by_partition, settings_within
from facejoin.udfs.write_pictures import FILES, MATCHES, write_matches, write_pictures
from facejoin.viewer.site import Person

TASK_PICTURES = 50_000  # that one task sorts and writes: 35 MB of JSON, which the driver holds two of at a time
ROWS_OF_TEXT = {  # which are smaller than those with vectors, and are read a few times only
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2048",
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}


@dataclass(frozen=True)
class Found:
    """What was found of one person."""

    matches: int
    confidence: float  # mean of the matches'
    placed: int  # matches with a place
    best: str | None  # address of the picture of rank 0


@contextmanager
def by_rank(found: DataFrame, count: int) -> Iterator[DataFrame]:
    """About `count` pictures by person and rank, in `part` after `part`; on the executors' disks as long as they are
    needed, for all that is made of them must be made of the same parts."""
    order = [F.col("person"), *_ranked()]
    parts = found.repartitionByRange(_tasks(count), *order).sortWithinPartitions(*order)
    with settings_within(found.sparkSession, ROWS_OF_TEXT):
        rows = parts.withColumn("part", F.spark_partition_id()).persist(StorageLevel.DISK_ONLY)
        try:
            yield rows
        finally:
            rows.unpersist()


def found_by_part(pictures: DataFrame) -> list[Row]:
    """part, person, matches, confidence (sum), placed, best: one row for each person of each part, in their order."""
    first = F.struct(-F.col("confidence"), "photo_id", "face")
    return (
        pictures.groupBy("part", "person")
        .agg(
            F.count(F.lit(1)).alias("matches"),
            F.sum("confidence").alias("confidence"),
            F.count_if(F.col("latitude").isNotNull() & F.col("longitude").isNotNull()).alias("placed"),
            F.min_by("download_url", first).alias("best"),
        )
        .orderBy("part", "person")
        .collect()
    )


def found_of_people(parts: Sequence[Row]) -> dict[str, Found]:
    """Of everyone who was found; from `found_by_part`."""
    found: dict[str, Found] = {}
    for person, own in groupby(sorted(parts, key=attrgetter("person", "part")), attrgetter("person")):
        rows = [*own]
        matches, confidence, placed = (sum(row[name] for row in rows) for name in ("matches", "confidence", "placed"))
        found[person] = Found(matches, confidence / matches, placed, rows[0]["best"])
    return found


def people_of_page(
    names: Sequence[str], pictures: DataFrame, parts: Sequence[Row], warnings: Mapping[str, str]
) -> Iterator[Person]:
    """By name, as `write_site` takes them. names: among them everyone who was found."""
    found = found_of_people(parts)
    files = _files(pictures, parts)
    for name in sorted(names):  # which is Spark's order too
        if (own := found.get(name)) is None:
            yield Person(name, None, 0, 0)
        else:
            yield Person(name, own.best, own.matches, own.placed, next(files), warnings.get(name))


def match_pieces(pictures: DataFrame, count: int) -> Iterator[bytes]:
    """Pieces of matches.json, sorted by confidence and person."""
    order = [F.desc("confidence"), F.col("person"), F.col("photo_id"), F.col("face")]
    rows = pictures.select("download_url", "person", "confidence", "photo_id", "face")
    rows = rows.repartitionByRange(_tasks(count), *order).sortWithinPartitions(*order)
    for row in rows_by_partition(rows.mapInArrow(write_matches, MATCHES)):
        yield row["matches"].encode()


def _files(pictures: DataFrame, parts: Sequence[Row]) -> Iterator[Iterator[bytes]]:
    """Of each person who was found, the files of pictures; one is put together where two parts share it."""
    shown = pictures.drop("photo_id", "face")  # which only the order needs
    rows = rows_by_partition(shown.mapInArrow(write_pictures(_starts(parts)), FILES))
    for _, own in groupby(rows, attrgetter("person")):
        files = groupby(own, attrgetter("number"))
        yield (",\n".join(row["pictures"] for row in pieces).encode() for _, pieces in files)


def _starts(parts: Sequence[Row]) -> dict[tuple[int, str], int]:
    """(part, person) → rank of that person's first picture there."""
    starts, ranks = {}, dict[str, int]()
    for row in parts:
        starts[row["part"], row["person"]] = ranks.get(row["person"], 0)
        ranks[row["person"]] = starts[row["part"], row["person"]] + row["matches"]
    return starts


def _ranked() -> list[Column]:
    return [F.desc("confidence"), F.col("photo_id"), F.col("face")]


def _tasks(count: int) -> int:
    return max(1, -(-count // TASK_PICTURES))
