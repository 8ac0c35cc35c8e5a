"""What the tables tell of a crawl: `runs` of its waves, `load` of its workers."""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyspark.sql import functions as F

from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.watch.pace import FinishedWave
from facejoin.jobs.watch.report import LoadPoint, WaveLoad
from facejoin.jobs.waves.unrecorded import JOB, run_of

MOST_POINTS = 500  # of the load over time


def finished_waves(warehouse: Warehouse, version: str) -> list[FinishedWave]:
    of_version = (F.col("job") == JOB) & (F.col("inputs") == run_of("", version).inputs)
    ended = F.unix_micros("finished_at") / 1e6
    runs = warehouse.read("runs").where(of_version).select(ended, "seconds", "report").collect()
    return [_finished(ended, seconds, json.loads(report)) for ended, seconds, report in runs]


def load_over_time(warehouse: Warehouse) -> list[LoadPoint]:
    """In order, at most MOST_POINTS."""
    names = ("seconds", "crawl", "cores", "workers", "busy", "memory_mean", "memory_max")
    rows = warehouse.read("load").select((F.unix_micros("at") / 1e6).alias("at"), *names).collect()
    return thinned([row.asDict() for row in rows], MOST_POINTS)


def load_by_wave(warehouse: Warehouse) -> list[WaveLoad]:
    """In the order in which they began."""
    at, waves = (F.unix_micros("at") / 1e6).alias("at"), F.explode("waves").alias("w")
    rows = warehouse.read("load").select(at, "seconds", waves)
    worked = F.col("w.workers") * F.col("seconds")
    taken = rows.groupBy("w.wave").agg(
        F.min(F.col("at") - F.col("seconds")).alias("began"),
        F.max("at").alias("ended"),
        (F.sum(F.col("w.busy") * F.col("seconds")) / F.sum("seconds")).alias("busy"),
        (F.sum(F.col("w.memory_mean") * worked) / F.sum(worked)).alias("memory_mean"),
        F.max("w.memory_max").alias("memory_max"),
    )
    return sorted((WaveLoad(**row.asDict()) for row in taken.collect()), key=lambda wave: (wave.began, wave.wave))


def paused_now(warehouse: Warehouse) -> dict[str, float]:
    """Host → until when, in seconds since 1970: as the last row of each crawl has it."""
    last = F.max_by("paused", "at").alias("paused")
    rows = warehouse.read("load").groupBy("crawl").agg(last).select(F.explode("paused").alias("p"))
    until = (F.unix_micros("p.until") / 1e6).alias("until")
    found = rows.select("p.host", until).where(F.col("until") > time.time()).orderBy("until").collect()
    return {row["host"]: row["until"] for row in found}


def thinned(rows: Sequence[Mapping[str, Any]], most: int) -> list[LoadPoint]:
    """Rows of `load`, in any order → at most `most` points: means over equal parts of the time, of crawls side by side
    the sum."""
    if not rows:
        return []
    first, last = min(row["at"] for row in rows), max(row["at"] for row in rows)
    width = max((last - first) / most, max(row["seconds"] for row in rows), 1e-6)
    parts = defaultdict(list)
    for row in rows:
        parts[min(math.floor((row["at"] - first) / width), most - 1)].append(row)
    return [_point(parts[part]) for part in sorted(parts)]


def _point(rows: Iterable[Mapping[str, Any]]) -> LoadPoint:
    crawls = defaultdict(list)
    for row in rows:
        crawls[row["crawl"]].append(row)
    each = [_of_one_crawl(rows) for rows in crawls.values()]
    workers = sum(point.workers for point in each)
    return LoadPoint(
        at=max(point.at for point in each),
        cores=sum(point.cores for point in each),
        busy=sum(point.busy for point in each),
        workers=workers,
        memory_mean=sum(point.memory_mean * point.workers for point in each) / max(workers, 1),
        memory_max=max(point.memory_max for point in each),
    )


def _of_one_crawl(rows: Sequence[Mapping[str, Any]]) -> LoadPoint:
    seconds = sum(row["seconds"] for row in rows)
    worked = sum(row["workers"] for row in rows)
    return LoadPoint(
        at=max(row["at"] for row in rows),
        cores=sum(row["cores"] * row["seconds"] for row in rows) / seconds,
        busy=sum(row["busy"] * row["seconds"] for row in rows) / seconds,
        workers=max(row["workers"] for row in rows),
        memory_mean=sum(row["memory_mean"] * row["workers"] for row in rows) / max(worked, 1),
        memory_max=max(row["memory_max"] for row in rows),
    )


def _finished(ended: float, seconds: float, report: Mapping[str, Any]) -> FinishedWave:
    return FinishedWave(
        ended=ended,
        seconds=seconds,
        rows=report["rows"],
        bytes=report["bytes"] or 0,
        faces=report["status_faces"],
        downloaded=report.get("downloaded"),
        crawl=report.get("crawl"),
        cores=report.get("cores"),
    )
