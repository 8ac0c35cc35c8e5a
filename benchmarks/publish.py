"""`facejoin publish` of many matches: seconds, the memory of its processes, the size of what it writes, and how long a
browser takes to show the first pictures. The matches are made up: of 100 people, one of whom has nine in ten.

    .venv/bin/python benchmarks/publish.py --out build/benchmarks/publish.json
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from playwright.sync_api import sync_playwright
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from rich.console import Console

from facejoin.conf.schemas import BUCKETS, GALLERY_MODELS, PEOPLE, TABLES
from facejoin.conf.settings import DEFAULT_CONFIG, Settings, load_settings
from facejoin.jobs.store.session import spark_session
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.vision.analyse import model_version
from facejoin.viewer.site import picture_files

NAMES = [f"Person_Number_{number:02d}" for number in range(100)]
GALLERY = "made-up"
BUSY = 0.9  # share of the matches that the first person has
HEAP = "2g"  # of the driver, which has the executors' threads too
TICK = 0.25  # seconds between two looks at the processes
WORDS = ("sun", "sea", "old town", "café", "walk", "harbour", "festival", "b&w", "winter", "friends", "market")


def main(
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/publish.json"),
    matches: Annotated[list[int] | None, typer.Option(help="How many; may be given several times.")] = None,
) -> None:
    folder = out.parent.absolute() / "publish"
    folder.mkdir(parents=True, exist_ok=True)
    settings_file = write_settings(folder / "settings.yaml")
    report: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "heap": HEAP, "runs": []}
    for count in matches or [100_000, 5_000_000]:
        report["runs"].append(measured(count, folder / str(count), settings_file))
        out.write_text(json.dumps(report, indent=1) + "\n")
    Console().print_json(json.dumps(report))


def write_settings(path: Path) -> Path:
    """The packaged ones with the driver's heap."""
    values = yaml.safe_load(DEFAULT_CONFIG.read_text())
    values["spark"]["spark.driver.memory"] = HEAP
    path.write_text(yaml.safe_dump(values))
    return path


def measured(matches: int, folder: Path, settings_file: Path) -> dict[str, Any]:
    warehouse, site = folder / "warehouse", folder / "site"
    if not (warehouse / "gallery_models").exists():  # which is written last
        shutil.rmtree(folder, ignore_errors=True)
        make_warehouse(load_settings(settings_file), warehouse, matches)
    shutil.rmtree(site, ignore_errors=True)
    shutil.rmtree(warehouse / "runs", ignore_errors=True)  # else it would say that it has published this
    command = ["publish", "--config", settings_file, "--warehouse", warehouse, "--site", site]
    start = time.perf_counter()
    peaks = peak_memory([sys.executable, "-m", "facejoin.cli.app", *map(str, command)])
    seconds = time.perf_counter() - start
    sizes = {
        name: round((site / name).stat().st_size / 1e6, 3) for name in ("index.html", "matches.json", "results.json")
    }
    pictures = sum(path.stat().st_size for path in site.rglob("pictures/*/*/*.js")) / 1e6
    return {
        "matches": matches,
        "seconds": round(seconds, 1),
        "peak_megabytes": {name: round(peak / 1e6) for name, peak in peaks.items()},
        "file_megabytes": sizes | {"pictures": round(pictures, 3)},
        "picture_files": picture_files(site),
        "milliseconds_to_first_pictures": round(milliseconds_to_first_pictures(site)),
    }


def peak_memory(command: list[str]) -> dict[str, int]:
    """Runs the command. Bytes: of its own process, of its JVM and of the largest Python worker, each at its peak."""
    peaks = {"driver": 0, "jvm": 0, "worker": 0}
    process = subprocess.Popen(command)
    while process.poll() is None:
        for pid in [process.pid, *descendants(process.pid)]:
            kind, peak = looked_at(pid)
            if kind == "driver" and pid != process.pid:
                continue  # a launcher
            peaks[kind] = max(peaks[kind], peak)
        time.sleep(TICK)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peaks


def descendants(pid: int) -> Iterator[int]:
    """Whichever of its threads has started them."""
    try:
        children = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # it has ended
        return
    for child in map(int, " ".join(children).split()):
        yield child
        yield from descendants(child)


def looked_at(pid: int) -> tuple[str, int]:
    """(kind of process, its peak in bytes)."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended
        return "driver", 0
    kind = "jvm" if words[0].endswith(b"java") else "worker" if b"pyspark.daemon" in words else "driver"
    peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), "0")
    return kind, int(peak) * 1024


def milliseconds_to_first_pictures(site: Path) -> float:
    """From opening the page as a file until the first person's pictures have their places; no photo is loaded."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        start = time.perf_counter()
        page.goto((site / "index.html").as_uri(), wait_until="commit")
        page.locator(".card").first.wait_for(state="attached", timeout=300_000)
        taken = time.perf_counter() - start
        browser.close()
    return taken * 1000


def make_warehouse(settings: Settings, folder: Path, matches: int) -> None:
    spark = spark_session(settings.spark)
    warehouse = Warehouse(spark, str(folder))
    version = model_version(settings.vision)
    ids = spark.range(1, matches + 1).withColumnRenamed("id", "photo_id")
    for name, rows in (("photos", photos(ids)), ("results", results(ids, version)), ("matches", made_up_matches(ids))):
        warehouse.append(name, rows.select(*(_as_in(name, rows, column) for column in TABLES[name].names)))
    people = [(GALLERY, name, f"{name}/1.jpg", 14 + 5 * number) for number, name in enumerate(NAMES)]
    warehouse.append("people", spark.createDataFrame(people, PEOPLE))
    model = (GALLERY, "cosine", version, "{}", b"", None, datetime.now(UTC))
    warehouse.append("gallery_models", spark.createDataFrame([model], GALLERY_MODELS))
    _stop(spark)


def photos(ids: DataFrame) -> DataFrame:
    """With texts and addresses as long as the real ones; every second one has a place."""
    number = F.col("photo_id").cast("string")
    located = F.rand(2) < 0.5
    words = [F.element_at(F.array(*map(F.lit, WORDS)), 1 + _draw(len(WORDS), 10 + n)) for n in range(5)]
    server, secret = _draw(9000, 3).cast("string"), F.substring(F.md5(number), 1, 10)
    return ids.withColumns(
        {
            "bucket": F.pmod(F.xxhash64("photo_id"), F.lit(BUCKETS)).cast("int"),
            "source_file": F.lit("made-up.bz2"),
            "owner": F.format_string("%08d@N00", _draw(100_000, 4)),
            "owner_name": F.concat(F.lit("Photographer "), _draw(100_000, 4).cast("string")),
            "download_url": F.concat(
                F.lit("http://farm3.staticflickr.com/"), server, F.lit("/"), number, F.lit("_"), secret, F.lit(".jpg")
            ),
            "page_url": F.concat(F.lit("http://www.flickr.com/photos/12345678@N00/"), number, F.lit("/")),
            "extension": F.lit("jpg"),
            "licence": F.lit("Attribution License"),
            "licence_url": F.lit("http://creativecommons.org/licenses/by/2.0/"),
            "latitude": F.when(located, F.round(F.rand(5) * 130 - 60, 6)),
            "longitude": F.when(located, F.round(F.rand(6) * 360 - 180, 6)),
            "taken": F.timestamp_seconds(F.lit(1_200_000_000) + F.col("photo_id")),
            "title": F.concat_ws(" ", *words),
        }
    )


def results(ids: DataFrame, version: str) -> DataFrame:
    """Without faces, which `publish` does not read."""
    constants = {"model_version": version, "attempt": 1, "status": "faces", "wave": "1"}
    sizes = {"width": F.lit(1024), "height": F.lit(768)}
    bucket = F.pmod(F.xxhash64("photo_id"), F.lit(BUCKETS)).cast("int")
    return ids.withColumns({name: F.lit(value) for name, value in constants.items()} | sizes | {"bucket": bucket})


def made_up_matches(ids: DataFrame) -> DataFrame:
    other = F.element_at(F.array(*map(F.lit, NAMES)), 2 + _draw(len(NAMES) - 1, 7))
    corner = F.rand(9) * 500
    return ids.withColumns(
        {
            "gallery": F.lit(GALLERY),
            "face": F.lit(0),
            "person": F.when(F.rand(8) < BUSY, F.lit(NAMES[0])).otherwise(other),
            "confidence": F.sqrt(F.rand(20)),
            "similarity": F.rand(21),
            "threshold": F.lit(0.3),
            "box": F.array(corner, corner + 10, corner + 90, corner + 110),
        }
    )


def _draw(below: int, seed: int) -> Column:
    return F.floor(F.rand(seed) * below).cast("int")


def _as_in(table: str, rows: DataFrame, column: str) -> Column:
    value = F.col(column) if column in rows.columns else F.lit(None)
    return value.cast(TABLES[table][column].dataType).alias(column)


def _stop(spark: SparkSession) -> None:
    """The JVM too: it would stand beside the one that is measured."""
    gateway = spark.sparkContext._gateway
    spark.stop()
    if gateway is not None:
        gateway.shutdown()


if __name__ == "__main__":
    typer.run(main)
