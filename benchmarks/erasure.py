"""A photo, an owner and a person of a campaign are forgotten while a crawl of it runs: is anything left of them, in any
file? Each repetition is a copy of one finished campaign on labelled photos, which another process crawls anew with
other settings. What must be gone is known from a copy in which nobody was forgotten.

    .venv/bin/python benchmarks/erasure.py --photos LFW --repetitions 10
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow.parquet as pq
import typer
import yaml
from rich.console import Console
from timing import machine, write

from facejoin.conf.settings import Settings, load_settings, validated
from facejoin.demo.collection import Collection
from facejoin.demo.folder_collection import make_collection_of
from facejoin.demo.run import demo_settings
from facejoin.demo.serving import served
from facejoin.jobs.crawl import crawl
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.enroll import enroll
from facejoin.jobs.erasure.asked import Asked
from facejoin.jobs.erasure.found import find
from facejoin.jobs.forget import ForgetReport, forget
from facejoin.jobs.manifest import manifest
from facejoin.jobs.match import match
from facejoin.jobs.publish import publish
from facejoin.jobs.store.leases import held
from facejoin.jobs.store.session import spark_session
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.traces.traces import Traces

PORT = 8765
LOOK = 0.05  # seconds between two looks for its first wave
LONGEST = 900.0  # seconds of one crawl
OTHER_MIN_FACE = 24  # pixels: what the second crawl differs in


def main(
    photos: Annotated[
        Path, typer.Option(help="known/Name/*.jpg and unknown/Name/*.jpg.", exists=True, file_okay=False)
    ],
    repetitions: Annotated[int, typer.Option(min=1)] = 10,
    known: Annotated[int, typer.Option(min=3, help="Known people.")] = 6,
    unknown: Annotated[int, typer.Option(min=1, help="Unknown people.")] = 20,
    folder: Annotated[Path, typer.Option(help="Of its campaigns.")] = Path("build/benchmarks/erasure"),
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/erasure.json"),
) -> None:
    folder = folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    collection = make_collection_of(photos, folder / "collection", PORT, known=known, unknown=unknown)
    spark = spark_session(load_settings().spark)
    with served(collection):
        finished = campaign(spark, folder / "finished", collection)
        asked = who_asks(finished)
        secret = all_traces(spark, finished, asked, folder / "control")
        work: dict[str, Any] = {
            "photos": finished.warehouse.read("photos").count(),
            "people": known,
            "asked": len(asked),
        }
        work["looked_for"] = {"ids": len(secret.ids), "urls": len(secret.urls), "vectors": len(secret.vectors)}
        runs: list[dict[str, Any]] = []
        for number in range(repetitions):
            runs.append(repetition(spark, finished, asked, secret, folder / f"run {number}"))
            clean = sum(not run["left"] and not run["failure"] for run in runs)
            write({"machine": machine(1), **work, "clean": clean, "repetitions": runs}, out)
            Console().print(
                f"{clean} of {len(runs)} repetitions left nothing of {len(asked)} of {len(asked)} who asked"
            )


class Finished:
    """A campaign's tables and settings; its page, which every copy has for itself, as the tables tell where one is."""

    def __init__(self, spark: Any, folder: Path, settings: Settings):
        self.folder, self.site = folder, folder / "site"
        self.settings = validated(settings.model_dump() | {"warehouse": str(folder / "warehouse")}, "benchmark")
        self.warehouse = Warehouse(spark, self.settings.warehouse)

    def copied(self, spark: Any, to: Path) -> Finished:
        shutil.copytree(self.folder, to)
        return Finished(spark, to, self.settings)


def campaign(spark: Any, folder: Path, collection: Collection) -> Finished:
    own = Finished(spark, folder, demo_settings(load_settings(), folder, own_photos=True))
    fetch_needed_weights(own.settings.networks)
    manifest(spark, own.warehouse, own.settings.manifest, [path.as_uri() for path in collection.lists])
    crawl(spark, own.warehouse, own.settings)
    enroll(spark, own.warehouse, own.settings, str(collection.gallery))
    match(spark, own.warehouse, own.settings)
    return own


def who_asks(own: Finished) -> list[Asked]:
    """The person who is found most often, and of the photos in which others are found one, and another one's owner."""
    matches = own.warehouse.read("matches").join(own.warehouse.read("photos"), "photo_id")
    rows = matches.select("person", "photo_id", "owner").orderBy("photo_id").collect()
    people = [row["person"] for row in rows]
    person = max(sorted(set(people)), key=people.count)
    others = [row for row in rows if row["person"] != person]
    owner = next(row["owner"] for row in others if row["owner"] != others[0]["owner"])
    return [("photo", str(others[0]["photo_id"])), ("owner", owner), ("person", person)]


def all_traces(spark: Any, finished: Finished, asked: list[Asked], folder: Path) -> Traces:
    """After the second crawl too, of a copy in which nobody is forgotten."""
    control = finished.copied(spark, folder)
    crawl(spark, control.warehouse, other_settings(control.settings))
    return find(control.warehouse, asked).traces


def other_settings(settings: Settings) -> Settings:
    """Another model version, so that all photos are crawled anew, in a few waves."""
    values = settings.model_dump()
    values["vision"]["detect"]["min_face"] = OTHER_MIN_FACE
    values["crawl"] |= {"wave_photos": 50, "task_photos": 25}
    return validated(values, "benchmark")


def repetition(spark: Any, finished: Finished, asked: list[Asked], secret: Traces, folder: Path) -> dict[str, Any]:
    own = finished.copied(spark, folder)
    publish(spark, own.warehouse, own.settings, own.site)
    (folder / "crawl.yaml").write_text(yaml.safe_dump(other_settings(own.settings).model_dump(mode="json")))
    command = [sys.executable, "-m", "facejoin.cli.app", "crawl", "--config", str(folder / "crawl.yaml")]
    crawling = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while crawling.poll() is None and not held(own.warehouse):
        time.sleep(LOOK)
    before = own.warehouse.read("results").count()
    start = time.monotonic()
    report = forget(spark, own.warehouse, own.settings, asked, wait=LONGEST)
    seconds = time.monotonic() - start
    meanwhile = crawling.poll() is None
    _, told = crawling.communicate(timeout=LONGEST)
    left = searched_naively(folder, secret)
    return _figures(own, report, left, seconds) | {
        "rows_before": before,
        "crawl_went_on": meanwhile,
        "crawl_status": crawling.returncode,
        "crawl_said": told.strip().splitlines()[-1:] if crawling.returncode else [],
    }


def _figures(own: Finished, report: ForgetReport, left: list[str], seconds: float) -> dict[str, Any]:
    return {
        "left": left,
        "failure": report.failure,
        "found": report.rows,
        "vectors": report.vectors,
        "files": report.files,
        "seconds": round(seconds, 1),
        "rows_after": own.warehouse.read("results").count(),
    }


def searched_naively(folder: Path, secret: Traces) -> list[str]:
    """Files in which any is, by means other than the project's own: Python's `in` on their bytes, and on the values of
    Parquet files."""
    texts = [text.encode() for text in (*map(str, secret.ids), *secret.nsids, *secret.urls, *secret.names)]
    found = []
    for path in sorted(path for part in ("warehouse", "site") for path in (folder / part).rglob("*") if path.is_file()):
        content = b"\n".join(_contents(path))
        if any(one in content for one in [*texts, *secret.vectors]):
            found.append(str(path.relative_to(folder)))
    return found


def _contents(path: Path) -> Iterator[bytes]:
    yield path.read_bytes()
    if path.suffix == ".parquet":
        for row in pq.read_table(path).to_pylist():
            yield from _values(row)


def _values(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _values(one)
    elif isinstance(value, list) and value and isinstance(value[0], float):
        yield np.array(value, np.float32).tobytes()
    elif isinstance(value, list):
        for one in value:
            yield from _values(one)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()


if __name__ == "__main__":
    typer.run(main)
