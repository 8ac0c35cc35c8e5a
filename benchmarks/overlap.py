"""How busy a task keeps its networks while each download takes 300 ms, and what photos that fail cost the good ones:
a server in a process of its own, one task on one thread, photos as a wave hands them out. Then one in ten fails, in
all the ways that the demo's server knows, slow answers that end with the timeout included. Those that ask for a pause,
which is granted them, have a host of their own.

    .venv/bin/python benchmarks/overlap.py --photos LFW --out build/benchmarks/overlap.json
"""

from __future__ import annotations

import json
import multiprocessing
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from timing import machine, spread, use_threads, write

from facejoin.conf.settings import CrawlSettings, load_settings
from facejoin.demo.photo_server import Fault, PhotoServer
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.udfs.find_faces import result_rows
from facejoin.udfs.vision.analyse import Analyser, Analysis
from facejoin.udfs.vision.engines.runtime import choose_runtimes
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.outcomes import Outcome

TAKES = 0.3  # seconds of each answer
FAULTY = 0.1
PAUSING = (Fault.RATE_LIMITED, Fault.FLAKY)
WARM = 64  # photos, after which canvases of their sizes are compiled
GOOD = (Outcome.FACES, Outcome.NO_FACE)


class TimedAnalyser:
    """As the task has it; knows for how many seconds it was at work."""

    def __init__(self, networks: Analyser) -> None:
        self._networks = networks
        self.seconds = 0.0

    def analyse_some(self, bodies: Sequence[bytes], seconds: float) -> list[Analysis]:
        start = time.perf_counter()
        found = self._networks.analyse_some(bodies, seconds)
        self.seconds += time.perf_counter() - start
        return found


def main(
    photos: Annotated[Path, typer.Option(help="Folder of JPEGs.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/overlap.json"),
    count: Annotated[int, typer.Option(min=WARM)] = 3000,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    use_threads(threads)
    settings = load_settings()
    fetch_needed_weights(settings.networks)
    vision = settings.vision.model_copy(update={"decode": settings.vision.decode.of_own_files()})  # small ones, too
    networks = Analyser(vision, [Path(settings.cache)], choose_runtimes(settings.compute))
    paths = [path.relative_to(photos).as_posix() for path in spread(sorted(photos.rglob("*.jpg")), count)]
    rng = random.Random(0)
    faults = {f"/{path}": rng.choice([*Fault]).value for path in rng.sample(paths, int(FAULTY * len(paths)))}
    report: dict[str, Any] = machine(threads) | {"photos": len(paths), "seconds_of_an_answer": TAKES}
    for name, failing in (("all_good", {}), ("one_in_ten_fails", faults)):
        with served(photos, failing) as url:
            fails = [failing.get(f"/{path}") for path in paths]
            urls = [host_of(url, fault) + path for path, fault in zip(paths, fails, strict=True)]
            good = {number for number, fault in enumerate(fails) if fault is None}
            measured(urls[:WARM], good, networks, settings.crawl)
            report[name] = measured(urls, good, networks, settings.crawl)
    rates = [report[name]["good_photos_per_second"] for name in ("all_good", "one_in_ten_fails")]
    report["good_photos_rate_ratio"] = round(rates[1] / rates[0], 3)
    write(report, out)
    typer.echo(json.dumps(report, indent=1))


def host_of(url: str, fault: str | None) -> str:
    return url.replace("127.0.0.1", "localhost") if fault in PAUSING else url


def measured(urls: Sequence[str], good: set[int], networks: Analyser, crawl: CrawlSettings) -> dict[str, Any]:
    """Up to the row of the last that does not fail: what is slow for ever ends with the timeout, of however many.

    good: numbers of those URLs.
    """
    budget = {"connections": crawl.fetch.concurrency, "requests_per_second": 1e6}
    values = crawl.fetch.model_dump() | {"allowed_networks": ["127.0.0.1/32"], "each_host": budget}
    own = crawl.model_copy(update={"fetch": type(crawl.fetch).model_validate(values)})
    photo = {"bucket": 0, "attempt": 1, "status": None}
    rows = [photo | {"photo_id": number, "download_url": url} for number, url in enumerate(urls)]
    timed, outcomes, done = TimedAnalyser(networks), Counter[str](), 0
    start = time.perf_counter()
    seconds = busy = silent = last = 0.0
    with Fetcher(own.fetch) as fetcher:
        for group in result_rows(iter([pa.RecordBatch.from_pylist(rows)]), timed, fetcher, own):  # type: ignore[arg-type]
            outcomes.update(str(row["status"]) for row in group)
            silent, last = max(silent, time.perf_counter() - start - last), time.perf_counter() - start
            if here := [row for row in group if row["photo_id"] in good]:
                assert all(row["status"] in GOOD for row in here)
                seconds, busy, done = time.perf_counter() - start, timed.seconds, done + len(here)
    return {
        "good_photos_per_second": round(done / seconds, 1),
        "networks_busy": round(busy / seconds, 3),
        "seconds": round(seconds, 1),
        "longest_silence_seconds": round(silent, 1),
        "most_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "outcomes": dict(outcomes),
    }


@contextmanager
def served(photos: Path, faults: dict[str, str]) -> Iterator[str]:
    """URL of the folder, on a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(photos, faults, there))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join()


def serve(photos: Path, faults: dict[str, str], line: Connection) -> None:
    with PhotoServer(photos, faults=faults, takes=TAKES) as server:
        line.send(server.url("/"))
        line.recv()


if __name__ == "__main__":
    typer.run(main)
