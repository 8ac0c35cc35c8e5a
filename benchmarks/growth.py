"""What a wave costs as the collection grows: photos and results are made up, one wave of a fixed size is then chosen,
worked on and committed by the crawl itself. Nothing is downloaded: the photos are listed as videos.

    .venv/bin/python benchmarks/growth.py --photos 100000 --photos 1000000 --photos 10000000

Each size has a process of its own, whose memory is the highest that the system saw of the JVM.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from facejoin.conf.schemas import BUCKETS, PHOTOS, RESULTS, RUNS
from facejoin.conf.settings import Settings, load_settings, validated
from facejoin.jobs.crawl import crawl
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.manifest import in_order_of_buckets
from facejoin.jobs.store.session import spark_session
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.asked import Asked
from facejoin.udfs.vision.analyse import model_version

WAVE = 10_000  # photos
LEFT = 0.01  # of the photos, without a result; at least three waves'
PART = 100_000  # rows of a file
CORES = 2
MEMORY = "3g"  # of the JVM's heap


def main(
    photos: Annotated[list[int], typer.Option(min=4 * WAVE, help="Rows; may be given again.")],
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/growth.json"),
) -> None:
    from timing import machine, write

    measured = [of_a_process(size) for size in sorted(photos)]
    out.parent.mkdir(parents=True, exist_ok=True)
    report = {"machine": machine(CORES), "wave_photos": WAVE, "sizes": measured}
    if len(measured) > 1:
        report["exponents"] = {step: exponent(measured, step) for step in ("start", "wave", "seconds")}
    write(report, out)
    typer.echo(json.dumps(report, indent=1))


def of_a_process(size: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def exponent(measured: Sequence[dict[str, Any]], step: str) -> float:
    """Of a power law through the points, by least squares of the logarithms."""
    x = [math.log(row["photos"]) for row in measured]
    y = [math.log(row[step]) for row in measured]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)
    return round(slope, 3)


def one(size: int) -> dict[str, Any]:
    """Seconds of a crawl of one wave: `start` until its tasks could begin, `wave` the wave, all in all."""
    given = load_settings().model_dump()
    given["crawl"] |= {"wave_photos": WAVE, "task_photos": WAVE // CORES}
    given["crawl"]["fetch"]["contact"] = "https://example.org"  # nobody is asked
    settings = validated(given, "growth")
    fetch_needed_weights(settings.networks)
    cores = {"spark.master": f"local[{CORES}]", "spark.driver.memory": MEMORY}
    spark = spark_session(settings.spark | cores)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(spark, folder)
        start = time.monotonic()
        made_up(warehouse, settings, size)
        made = time.monotonic() - start
        runs = [timed(spark, warehouse, settings) for _ in range(2)]  # the first one compiles, as each crawl does
        return {"photos": size, "made_in": round(made, 1)} | runs[0] | {"again": runs[1], "peak_gb": peak(spark)}


def timed(spark: SparkSession, warehouse: Warehouse, settings: Settings) -> dict[str, float]:
    start = time.monotonic()
    report = crawl(spark, warehouse, settings, Asked(waves=1))
    seconds = time.monotonic() - start
    assert report.new_results >= WAVE, report
    last = warehouse.read("runs").orderBy(F.desc("finished_at")).first()
    assert last is not None
    figures = {"start": seconds - last["seconds"], "wave": last["seconds"], "seconds": seconds}
    return {name: round(value, 2) for name, value in figures.items()} | {"rows": report.new_results}


def made_up(warehouse: Warehouse, settings: Settings, size: int) -> None:
    photos = with_columns(warehouse.spark.range(1, size + 1), PHOTOS, {
        "photo_id": "id",
        "bucket": f"CAST(pmod(xxhash64(id), {BUCKETS}) AS INT)",
        "excluded": "'video'",
        "source_file": "'list'",
        "owner": "concat(lpad(cast(id % 500000 AS STRING), 8, '0'), '@N00')",
        "download_url": "concat('http://farm3.staticflickr.com/', id % 9000, '/', id, '_', hex(xxhash64(id)), '.jpg')",
        "title": "concat('title of ', id)",
        "tags": "array('sea', 'old town')",
    })  # fmt: skip
    done = BUCKETS - math.ceil(BUCKETS * max(LEFT, 3 * WAVE / size))
    results = with_columns(photos.where(F.col("bucket") < done).select("photo_id", "bucket"), RESULTS, {
        "photo_id": "photo_id",
        "bucket": "bucket",
        "model_version": f"'{model_version(settings.vision)}'",
        "attempt": "1",
        "status": "if(photo_id % 3 = 0, 'faces', 'no_face')",
        "sha256": "sha2(cast(photo_id AS STRING), 256)",
        "bytes": "100000 + photo_id % 100000",
        "wave": "lpad(cast(bucket AS STRING), 4, '0') || '-' || lpad(cast(bucket AS STRING), 4, '0') || ' made up'",
        "crawled_at": "timestamp'2026-01-01 00:00:00'",
    })  # fmt: skip
    parts = max(CORES, size // PART)
    for name, rows in {"photos": photos, "results": results}.items():
        warehouse.append(name, in_order_of_buckets(rows, parts))
    waves = results.select("wave").distinct()
    runs = with_columns(waves, RUNS, {
        "job": "'crawl'", "unit": "wave", "finished_at": "timestamp'2026-01-01 00:00:00'", "seconds": "1.0D",
        "inputs": "'made up'", "report": "'{}'",
    })  # fmt: skip
    warehouse.append("runs", runs.coalesce(1))


def with_columns(rows: DataFrame, schema: StructType, given: dict[str, str]) -> DataFrame:
    """The columns of a table; what is not given is null."""
    return rows.select(*(F.expr(given.get(f.name, "NULL")).cast(f.dataType).alias(f.name) for f in schema))


def peak(spark: SparkSession) -> float:
    """Of the JVM, resident, in gigabytes."""
    process = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()  # type: ignore[union-attr]
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return round(int(found[1]) * 1024 / 1e9, 2)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        typer.echo(json.dumps(one(int(sys.argv[2]))))
    else:
        typer.run(main)
