"""What one host sees of a whole cluster: 16 tasks in 4 executors ask it through one keeper, and its own log says how
many connections and requests a second there were, how often robots.txt was read, and what came after a Retry-After.

    .venv/bin/python benchmarks/politeness.py --out build/benchmarks/politeness.json
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from pyspark.sql import SparkSession
from rich.console import Console

from facejoin.conf.settings import CrawlSettings
from facejoin.demo.logging_host import HERE, Answer, LoggingHost, fine, most_within
from facejoin.jobs.hosts.asking import asking
from facejoin.jobs.store.session import spark_session
from facejoin.udfs.arrow import Batches, Stage
from facejoin.udfs.web.ahead import ahead
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.hosts import Hosts

CONNECTIONS, RATE = 8, 40.0
PAUSE = 5  # seconds of the Retry-After
MOMENT = 0.3  # seconds after it in which a request may still arrive that had begun
OUTCOMES = "url string, outcome string"


def main(
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/politeness.json"),
    executors: Annotated[int, typer.Option(min=1)] = 4,
    cores: Annotated[int, typer.Option(min=1, help="Of each executor.")] = 4,
    photos: Annotated[int, typer.Option(min=1)] = 800,
) -> None:
    spark = spark_session(
        {
            "spark.master": f"local-cluster[{executors},{cores},1024]",
            "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "spark.ui.enabled": "false",
        }
    )
    report = {
        "executors": executors,
        "tasks": executors * cores,
        "budget": {"connections": CONNECTIONS, "requests_per_second": RATE},
        "plain": measured(spark, executors * cores, photos, fine),
        "retry_after": measured(spark, executors * cores, photos, busy_once(photos // 2), photos // 2),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    Console().print_json(json.dumps(report))


def busy_once(at: int) -> Callable[[str, int], Answer]:
    def answer(path: str, number: int) -> Answer:
        return (429, {"Retry-After": str(PAUSE)}) if path == "/a.jpg" and number == at else (200, {})

    return answer


def measured(
    spark: SparkSession, tasks: int, photos: int, answer: Callable[[str, int], Answer], busy_at: int | None = None
) -> dict[str, Any]:
    """So many photos of one host, spread over all tasks without regard to it. busy_at: the one of the Retry-After."""
    each = {"connections": CONNECTIONS, "requests_per_second": RATE}
    crawl = CrawlSettings.model_validate({"fetch": {"allowed_networks": [f"{HERE}/32"], "each_host": each}})
    with LoggingHost(answer, takes=0.1).running() as host, asking(spark, crawl) as asks:
        urls = spark.createDataFrame([(f"{host.url}/a.jpg",)] * photos, "url string").repartition(tasks)
        rows = urls.mapInArrow(downloads(crawl, asks.hosts), OUTCOMES).collect()
    times = sorted(host.times("/a.jpg"))
    pause = {} if busy_at is None else {"requests_in_the_pause": _in_pause(times, busy_at)}
    return {
        "photos": len(rows),
        "outcomes": dict(Counter(row["outcome"] for row in rows)),
        "seconds": round(times[-1] - times[0], 2),
        "connections_at_most": host.most_open,
        "requests_at_once_at_most": host.most_at_once,
        "requests_in_any_second_at_most": most_within(times, 1.0),
        "requests_a_second": round((len(times) - 1) / (times[-1] - times[0]), 2),
        "robots_txt_read": len(host.times("/robots.txt")),
    } | pause


def _in_pause(times: list[float], at: int) -> int:
    """Of those that came after the answer with the Retry-After, which took 0.1 s, but for the moment after it."""
    said = times[at - 1] + 0.1
    return sum(MOMENT < when - said < PAUSE for when in times)


def downloads(crawl: CrawlSettings, hosts: Callable[[], Hosts]) -> Stage:
    def stage(batches: Batches) -> Batches:
        urls = [url for batch in batches for url in batch["url"].to_pylist()]
        with Fetcher(crawl.fetch, hosts=hosts()) as fetcher:
            done = ahead(fetcher.begin, urls, 2 * crawl.fetch.concurrency)
            rows = [{"url": url, "outcome": str(fetched.outcome or "here")} for url, fetched in done]
        yield pa.RecordBatch.from_pylist(rows, schema=pa.schema({"url": pa.string(), "outcome": pa.string()}))

    return stage


if __name__ == "__main__":
    typer.run(main)
