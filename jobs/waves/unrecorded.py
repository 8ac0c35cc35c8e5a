"""Waves whose results are there and whose row of `runs` is not: the job was killed between the two."""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

from facejoin.jobs.store.leases import held
from facejoin.jobs.store.once import Run, fingerprint, record_plain
from facejoin.jobs.store.results import STEPS, results_of, worth_another_try
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.books import Books
from facejoin.jobs.waves.plan import overlap, wave_unit
from facejoin.udfs.web.outcomes import Outcome

JOB = "crawl"
WAVE = re.compile(r"(\d+)-(\d+)(?: .*)?")  # its buckets


def measures() -> list[Column]:
    """What the report of a wave says, of its result rows."""
    steps = [F.sum(f"seconds.{step}").alias(step) for step in STEPS]
    outcomes = [F.count_if(F.col("status") == outcome.value).alias(f"status_{outcome.value}") for outcome in Outcome]
    download = [F.percentile_approx("seconds.download", p / 100).alias(f"download_p{p}") for p in (50, 95)]
    first = F.col("attempt") == 1
    failed = F.count_if(first & worth_another_try()).alias("failed_first_tries")
    counts = [F.count("*").alias("rows"), F.count_if(first).alias("first_tries"), failed]
    arrived = [F.count("bytes").alias("downloaded"), F.sum("bytes").alias("bytes")]
    return [*counts, *arrived, *steps, *outcomes, *download]


def run_of(wave: str, version: str) -> Run:
    return Run(JOB, wave, fingerprint(version=version))


def record_unrecorded(warehouse: Warehouse, version: str, books: Books) -> list[str]:
    """Makes their rows out of `results`, but for waves that somebody is at; returns which. How long one took is then
    the time from its first row to its last."""
    found = {wave for results in books.results.values() for wave in results.waves if WAVE.fullmatch(wave)}
    recorded = warehouse.read("runs").where(F.col("job") == JOB).select("unit").collect()
    lost = sorted(found - {unit for (unit,) in recorded})
    busy = [lease.unit for lease in held(warehouse) if lease.job == JOB] if lost else []
    lost = [wave for wave in lost if not any(overlap(wave_unit(wave, version), unit) for unit in busy)]
    span = (F.unix_micros(F.max("crawled_at")) - F.unix_micros(F.min("crawled_at"))) / 1e6
    for wave in lost:
        rows = results_of(warehouse, version, _buckets(wave)).where(F.col("wave") == wave)
        [seen] = rows.agg(*measures()).collect()
        [[seconds]] = rows.agg(span).collect()
        record_plain(warehouse, [(run_of(wave, version), seen.asDict())], seconds)
    return lost


def _buckets(wave: str) -> tuple[int, int]:
    first, last = map(int, WAVE.match(wave).groups())  # type: ignore[union-attr]
    return first, last
