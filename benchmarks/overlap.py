"""How busy a task keeps its networks while each download takes 300 ms, and what bad photos cost the good ones: a
server in a process of its own, one task on one thread, photos as a wave hands them out. Then one in ten is bad, in all
the ways that the tests know of answers and files (`tests/support/bad_photos.py`), each kind on a host of its own:
answers without end, hosts that ask for a pause, files that are made to cost much.

    .venv/bin/python benchmarks/overlap.py --photos LFW --out build/benchmarks/overlap.json
"""

from __future__ import annotations

import json
import random
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from beside import beside
from timing import machine, spread, use_threads, write

from facejoin.conf.settings import CrawlSettings, DecodeSettings, load_settings
from facejoin.demo.photo_server import PhotoServer
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.udfs.find_faces import result_rows
from facejoin.udfs.vision.analyse import Analyser, Analysis
from facejoin.udfs.vision.engines.runtime import choose_runtimes
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.outcomes import Outcome

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from bad_photos import BAD, MAX_BYTES, PLACEHOLDER, bad_photos, path_of

TAKES = 0.3  # seconds of each answer
FAULTY = 0.1
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
    small = DecodeSettings(min_bytes=40)  # LFW's photos are
    networks = Analyser(
        settings.vision.model_copy(update={"decode": small}), [Path(settings.cache)], choose_runtimes(settings.compute)
    )
    paths = [path.relative_to(photos).as_posix() for path in spread(sorted(photos.rglob("*.jpg")), count)]
    rng = random.Random(0)
    bad = {number: rng.choice([*BAD]) for number in rng.sample(range(len(paths)), int(FAULTY * len(paths)))}
    report: dict[str, Any] = machine(threads) | {"photos": len(paths), "seconds_of_an_answer": TAKES}
    report["kinds_of_bad_photos"] = len(BAD)
    with beside(serve, photos) as (good_url, bad_url):
        good = [f"{good_url}{path}" for path in paths]
        mixed = [bad_at(bad_url, bad[number]) if number in bad else url for number, url in enumerate(good)]
        for name, urls, among in (("all_good", good, {}), ("one_in_ten_is_bad", mixed, bad)):
            measured(urls[:WARM], among, networks, settings.crawl)
            report[name] = measured(urls, among, networks, settings.crawl)
    rates = [report[name]["good_photos_per_second"] for name in ("all_good", "one_in_ten_is_bad")]
    report["good_photos_rate_ratio"] = round(rates[1] / rates[0], 3)
    write(report, out)
    typer.echo(json.dumps(report, indent=1))


def bad_at(url: str, kind: str) -> str:
    """Its URL, on a host of its own: what one asks for, a pause or to be left alone, is no other's."""
    return BAD[kind].url or url.replace("127.0.0.1", f"kind-{[*BAD].index(kind)}.test") + path_of(kind)[1:]


def resolve(host: str) -> list[str]:
    if host == "nobody.test":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [host if host[0].isdigit() else "127.0.0.1"]


def measured(urls: Sequence[str], bad: dict[int, str], networks: Analyser, crawl: CrawlSettings) -> dict[str, Any]:
    """Up to the row of the last good photo: what is slow for ever ends with the timeout, of however many.

    bad: number of a URL → its kind.
    """
    budget = {"connections": crawl.fetch.concurrency, "requests_per_second": 1e6}
    values = crawl.fetch.model_dump() | {"allowed_networks": ["127.0.0.1/32"], "each_host": budget}
    values |= {"max_bytes": MAX_BYTES, "placeholder_sha256": [sha256(PLACEHOLDER).hexdigest()]}
    own = crawl.model_copy(update={"fetch": type(crawl.fetch).model_validate(values)})
    photo = {"bucket": 0, "attempt": 1, "status": None}
    rows = [photo | {"photo_id": number, "download_url": url} for number, url in enumerate(urls)]
    timed, outcomes, others, done = TimedAnalyser(networks), Counter[str](), Counter[str](), 0
    start = time.perf_counter()
    seconds = busy = silent = last = 0.0
    with Fetcher(own.fetch, resolve) as fetcher:
        for group in result_rows(iter([pa.RecordBatch.from_pylist(rows)]), timed, fetcher, own):  # type: ignore[arg-type]
            outcomes.update(str(row["status"]) for row in group)
            silent, last = max(silent, time.perf_counter() - start - last), time.perf_counter() - start
            for row in group:
                kind = bad.get(row["photo_id"])
                if row["status"] not in ((*GOOD,) if kind is None else (BAD[kind].status, Outcome.PUT_OFF)):
                    others.update([f"{kind or 'good'}: {row['status']}"])
            if here := [row for row in group if row["photo_id"] not in bad]:
                seconds, busy, done = time.perf_counter() - start, timed.seconds, done + len(here)
    return {
        "good_photos_per_second": round(done / seconds, 1),
        "networks_busy": round(busy / seconds, 3),
        "seconds": round(seconds, 1),
        "longest_silence_seconds": round(silent, 1),
        "most_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "outcomes": dict(outcomes),
        "other_outcomes_than_expected": dict(others),
    }


def serve(photos: Path, line: Connection) -> None:
    with PhotoServer(photos, takes=TAKES) as good, bad_photos() as bad:
        line.send((good.url("/"), bad.url("/")))
        line.recv()


if __name__ == "__main__":
    typer.run(main)
