"""What a task of the crawl does to get photos, in a process of its own: for download.py, which counts what it costs."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import typer

from facejoin.conf.settings import FetchSettings
from facejoin.demo.logging_host import HERE
from facejoin.udfs.web.ahead import ahead
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.hosts import hosts_of
from facejoin.udfs.web.service import KeeperService


def main(urls: Path, into: Path, threads: int, alone: bool = False) -> None:
    """urls: file with one a line; into: folder for stats.json; alone: without a keeper."""
    budget = {"connections": threads, "requests_per_second": 1e6}
    settings = FetchSettings.model_validate(
        {"allowed_networks": [f"{HERE}/32"], "each_host": budget, "concurrency": threads}
    )
    outcomes: Counter[str] = Counter()
    with ExitStack() as stack:
        hosts = None
        if not alone:
            keeper = stack.enter_context(KeeperService(settings, HERE))
            hosts = hosts_of(keeper.place(HERE), settings, 1)
        fetcher = stack.enter_context(Fetcher(settings, hosts=hosts))
        for _, fetched in ahead(fetcher.fetch, urls.read_text().split(), threads):
            outcomes[fetched.outcome or "here"] += 1
            fetched.release()
    into.mkdir(parents=True)
    said = {"count": outcomes.total(), "successes": outcomes["here"], **outcomes}
    (into / "stats.json").write_text(json.dumps(said))


if __name__ == "__main__":
    typer.run(main)
