"""`photos` → `results`: each photo downloaded, searched and embedded once per model version, in waves."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from facejoin.conf.schemas import RESULTS
from facejoin.conf.settings import CrawlSettings, Settings
from facejoin.jobs.store.executor_files import ship_weights
from facejoin.jobs.store.once import Run, fingerprint, record_plain
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.results import STEPS, final_results, statuses, worth_another_try
from facejoin.jobs.store.suppressed import is_suppressed
from facejoin.jobs.store.turns import working
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.find_faces import find_faces
from facejoin.udfs.vision.analyse import model_version
from facejoin.udfs.web.outcomes import Outcome


@dataclass
class CrawlReport:
    model_version: str
    photos: int = 0  # in the manifest
    new_results: int = 0  # rows of this run
    remaining: int = 0  # photos without a row; 0: the crawl is complete
    statuses: dict[str, int] = field(default_factory=dict)  # of all photos, by outcome
    seconds: dict[str, float] = field(default_factory=dict)  # of this run: by step, summed over photos; total by clock


@dataclass(frozen=True)
class Wave:
    first: int  # bucket
    last: int  # bucket, included
    photos: int

    def __str__(self) -> str:
        return f"{self.first:04d}-{self.last:04d}"


def crawl(spark: SparkSession, warehouse: Warehouse, settings: Settings, retry: bool = False) -> CrawlReport:
    """Does what is missing: photos without a result of this model version, and with `retry` those whose result was
    the network's or the server's failure. Raises WeightsError before any work where the weights are not there."""
    start = time.monotonic()
    report = CrawlReport(model_version(settings.vision))
    ship_weights(spark, settings.networks)
    spent: Counter[str] = Counter()
    for wave in _waves(unfinished(warehouse, report.model_version, retry), settings.crawl):
        with working(warehouse, "crawl", str(wave)):
            seen = _crawl_wave(spark, warehouse, settings, report.model_version, wave, retry)
        report.new_results += int(seen["rows"])
        spent.update({step: seen[step] or 0.0 for step in STEPS})
    report.seconds = {step: float(spent[step]) for step in STEPS} | {"total": time.monotonic() - start}
    report.photos = warehouse.read("photos").count()
    report.statuses = statuses(final_results(warehouse, report.model_version))
    report.remaining = report.photos - sum(report.statuses.values())
    return report


def unfinished(warehouse: Warehouse, version: str, retry: bool) -> DataFrame:
    """Photos to crawl: photo_id, bucket, download_url, status (null: to be downloaded), attempt."""
    failed = worth_another_try().alias("failed")
    before = final_results(warehouse, version).select("bucket", "photo_id", "attempt", failed)
    todo = warehouse.read("photos").join(before, ["bucket", "photo_id"], "left")  # the bucket prunes files of both
    todo = todo.where("attempt IS NULL OR failed" if retry else "attempt IS NULL")
    suppressed = F.when(is_suppressed(warehouse), F.lit(Outcome.SUPPRESSED.value))
    return todo.select(
        "photo_id",
        "bucket",
        "download_url",
        F.coalesce(suppressed, "excluded").alias("status"),
        (F.coalesce("attempt", F.lit(0)) + 1).alias("attempt"),
    )


def _waves(todo: DataFrame, settings: CrawlSettings) -> Iterator[Wave]:
    """Runs of buckets with about `wave_photos` unfinished photos each."""
    first, photos = 0, 0
    counts = sorted((row["bucket"], row["count"]) for row in todo.groupBy("bucket").count().collect())
    for position, (bucket, count) in enumerate(counts):
        photos += count
        if photos >= settings.wave_photos or position == len(counts) - 1:
            yield Wave(first, bucket, photos)
            first, photos = bucket + 1, 0


def _crawl_wave(
    spark: SparkSession, warehouse: Warehouse, settings: Settings, version: str, wave: Wave, retry: bool
) -> dict[str, float]:
    """One commit. Another crawl that commits to the same buckets meanwhile makes this one fail, not count twice: Delta
    sees that `todo` has read what the other one added to. A transaction number would be of no use beside it, and by a
    clock that is behind another crawler's it would make Delta pass over the commit."""
    start = time.monotonic()
    todo = unfinished(warehouse, version, retry).where(F.col("bucket").between(wave.first, wave.last))
    tasks = max(-(-wave.photos // settings.crawl.task_photos), spark.sparkContext.defaultParallelism)
    udf = find_faces(settings.networks, settings.crawl, {"model_version": version, "wave": str(wave)})
    results = todo.repartition(tasks, "photo_id").mapInArrow(udf, RESULTS)
    observation = Observation(f"wave {wave}")
    with task_progress(spark, f"crawl {wave}: {wave.photos} photos"):
        warehouse.append("results", results.observe(observation, *_measures()))
    seen = dict(observation.get)
    done = Run("crawl", str(wave), fingerprint(version=version))
    record_plain(warehouse, [(done, seen)], time.monotonic() - start)
    return seen


def _measures() -> list[Column]:
    steps = [F.sum(f"seconds.{step}").alias(step) for step in STEPS]
    outcomes = [F.count_if(F.col("status") == outcome.value).alias(f"status_{outcome.value}") for outcome in Outcome]
    download = [F.percentile_approx("seconds.download", p / 100).alias(f"download_p{p}") for p in (50, 95)]
    return [F.count("*").alias("rows"), F.sum("bytes").alias("bytes"), *steps, *outcomes, *download]
