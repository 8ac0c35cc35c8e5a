"""Lines a second of a bzip2 photo list: reading and parsing as `manifest` does, beside Spark's own CSV reader, and the
whole job with its tables. Both readers see the same file in the same session, in turn; medians are compared.

    .venv/bin/python benchmarks/manifest.py --out build/benchmarks/manifest.json
"""

from __future__ import annotations

import bz2
import json
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from pyspark.sql import DataFrame
from rich.console import Console

from facejoin.conf.settings import load_settings
from facejoin.jobs.lists.yfcc100m import parsed
from facejoin.jobs.manifest import manifest, read_lines
from facejoin.jobs.store.session import spark_session
from facejoin.jobs.store.warehouse import Warehouse

SEED = 0
WORDS = ("sun", "sea", "old town", "caf%C3%A9", "walk", "harbour", "festival", "b%26w", "winter", "friends", "1%2C2")


def write_list(path: Path, lines: int) -> None:
    """A list of 23 columns with lines as long as the real ones, about 400 bytes."""
    rng = Random(SEED)
    part = path.with_suffix(".part")
    with bz2.open(part, "wt", encoding="utf-8", newline="\n") as file:
        for number in range(lines):
            file.write(_line(number + 1_000_000, rng) + "\n")
    part.rename(path)


def _line(photo_id: int, rng: Random) -> str:
    owner, secret, server = f"{rng.randrange(10**8):08d}@N00", f"{rng.getrandbits(40):010x}", rng.randrange(1, 9000)
    words = rng.choices(WORDS, k=24)
    located, video = rng.random() < 0.5, rng.random() < 0.008
    cells = [
        str(photo_id), owner, "+".join(words[:2]), "2009-07-04 12:00:00.0", str(1_200_000_000 + photo_id), "NIKON+D90",
        "+".join(words[2:6]), "+".join(words[6:18]), ",".join(words[18:]), "",
        f"{rng.uniform(-180, 180):.6f}" if located else "", f"{rng.uniform(-90, 90):.6f}" if located else "",
        "16" if located else "", f"http://www.flickr.com/photos/{owner}/{photo_id}/",
        f"http://farm3.staticflickr.com/{server}/{photo_id}_{secret}.jpg", "Attribution License",
        "http://creativecommons.org/licenses/by/2.0/", str(server), "3", secret, secret, "jpg", str(int(video)),
    ]  # fmt: skip
    return "\t".join(cells)


def main(
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/manifest.json"),
    lines: Annotated[int, typer.Option(min=1)] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    folder = out.parent.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    photo_list = folder / f"{lines}-lines.bz2"
    if not photo_list.exists():
        write_list(photo_list, lines)
    report = measured(photo_list, lines, rounds, folder / "warehouse")
    out.write_text(json.dumps(report, indent=1) + "\n")
    Console().print_json(json.dumps(report))


def measured(photo_list: Path, lines: int, rounds: int, warehouse: Path) -> dict[str, float]:
    settings = load_settings()
    spark = spark_session(settings.spark)
    uri = photo_list.as_uri()

    def csv() -> None:
        consume(spark.read.option("sep", "\t").csv(uri))

    def ours() -> None:
        consume(parsed(read_lines(spark, [uri]), settings.manifest))

    def job() -> None:
        shutil.rmtree(warehouse, ignore_errors=True)
        manifest(spark, Warehouse(spark, str(warehouse)), settings.manifest, [uri])

    seconds: dict[str, list[float]] = {"csv": [], "ours": [], "job": []}
    for warm_up in (csv, ours):
        warm_up()
    for _ in range(rounds):
        for name, run in (("csv", csv), ("ours", ours), ("job", job)):
            seconds[name].append(timed(run))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rates = {f"{name}_lines_per_second": round(lines / median) for name, median in medians.items()}
    ratios = [ours / csv for csv, ours in zip(seconds["csv"], seconds["ours"], strict=True)]
    return {
        "lines": lines,
        "bytes": photo_list.stat().st_size,
        **rates,
        "seconds_ratio_ours_to_csv": statistics.median(ratios),
    }


def consume(rows: DataFrame) -> None:
    """Every column of every row is made, and none is kept."""
    rows.write.format("noop").mode("overwrite").save()


def timed(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    typer.run(main)
