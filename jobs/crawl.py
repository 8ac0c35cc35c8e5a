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
from facejoin.jobs.hosts.asking import Asking, asking
from facejoin.jobs.hosts.contact import require_contact
from facejoin.jobs.hosts.layout import laid_out
from facejoin.jobs.hosts.stop import stop_if_most_failed
from facejoin.jobs.store.executor_files import ship_weights
from facejoin.jobs.store.once import Run, fingerprint, record_plain
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.results import STEPS, final_results, statuses, worth_another_try
from facejoin.jobs.store.suppressed import is_suppressed
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.find_faces import find_faces
from facejoin.udfs.vision.analyse import model_version
from facejoin.udfs.web.outcomes import Outcome

PUT_OFF = f"status_{Outcome.PUT_OFF.value}"  # the measure of that name; also said of a wave of such photos alone
Again = bool | str  # which photos with a result are wanted too: those that failed, or, alone, those put off
WANTED: dict[Again, str] = {False: "attempt IS NULL", True: "attempt IS NULL OR failed", PUT_OFF: "put_off"}


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
    the network's or the server's failure. Photos that were put off are tried again at the end. Raises, before any
    work, WeightsError where the weights are not there and SettingsError where a contact is needed; JobError where most
    of a wave failed."""
    start = time.monotonic()
    report = CrawlReport(model_version(settings.vision))
    ship_weights(spark, settings.networks)
    require_contact(unfinished(warehouse, report.model_version, retry), settings.crawl.fetch)
    spent: Counter[str] = Counter()
    with asking(spark, settings.crawl) as asks:
        for wave, again in _waves_and_rounds(warehouse, report.model_version, settings.crawl, asks, retry, spent):
            seen = _crawl_wave(spark, warehouse, settings, report.model_version, wave, again, asks)
            report.new_results += int(seen["rows"])
            spent.update({step: seen[step] or 0.0 for step in (*STEPS, PUT_OFF)})
            stop_if_most_failed(wave, seen, settings.crawl)
    report.seconds = {step: float(spent[step]) for step in STEPS} | {"total": time.monotonic() - start}
    report.photos = warehouse.read("photos").count()
    report.statuses = statuses(final_results(warehouse, report.model_version))
    report.remaining = report.photos - sum(report.statuses.values())
    return report


def unfinished(warehouse: Warehouse, version: str, again: Again) -> DataFrame:
    """Photos to crawl: photo_id, bucket, download_url, status (null: to be downloaded), attempt."""
    failed, put_off = worth_another_try().alias("failed"), (F.col("status") == Outcome.PUT_OFF.value).alias("put_off")
    before = final_results(warehouse, version).select("bucket", "photo_id", "attempt", failed, put_off)
    todo = warehouse.read("photos").join(before, ["bucket", "photo_id"], "left")  # the bucket prunes files of both
    todo = todo.where(WANTED[again])
    suppressed = F.when(is_suppressed(warehouse), F.lit(Outcome.SUPPRESSED.value))
    return todo.select(
        "photo_id",
        "bucket",
        "download_url",
        F.coalesce(suppressed, "excluded").alias("status"),
        (F.coalesce("attempt", F.lit(0)) + 1).alias("attempt"),
    )


def _waves_and_rounds(
    warehouse: Warehouse, version: str, crawl: CrawlSettings, asks: Asking, retry: bool, spent: Counter[str]
) -> Iterator[tuple[Wave, Again]]:
    """Every wave, then rounds over what was put off in the one before, as `spent` says."""
    for wave in _waves(unfinished(warehouse, version, retry), crawl):
        yield wave, retry
    for _ in range(crawl.put_off_rounds):
        if not spent.pop(PUT_OFF, 0) or not asks.wait():
            return
        for wave in _waves(unfinished(warehouse, version, PUT_OFF), crawl):
            yield wave, PUT_OFF


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
    spark: SparkSession, warehouse: Warehouse, settings: Settings, version: str, wave: Wave, again: Again, asks: Asking
) -> dict[str, float]:
    """One commit. Another crawl that commits to the same buckets meanwhile makes this one fail, not count twice: Delta
    sees that `todo` has read what the other one added to. A transaction number would be of no use beside it, and by a
    clock that is behind another crawler's it would make Delta pass over the commit."""
    start = time.monotonic()
    todo = unfinished(warehouse, version, again).where(F.col("bucket").between(wave.first, wave.last))
    udf = find_faces(settings.networks, settings.crawl, {"model_version": version, "wave": str(wave)}, asks.hosts)
    results = laid_out(todo, wave.photos, settings.crawl, asks.at_once).mapInArrow(udf, RESULTS)
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
    first = F.col("attempt") == 1
    failed = F.count_if(first & worth_another_try()).alias("failed_first_tries")
    counts = [F.count("*").alias("rows"), F.count_if(first).alias("first_tries"), failed]
    return [*counts, F.sum("bytes").alias("bytes"), *steps, *outcomes, *download]
