"""What a task of the crawl does to get photos, in a process of its own: for download.py, which counts what it costs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import typer
from beside import beside

from facejoin.conf.settings import FetchSettings
from facejoin.demo.logging_host import HERE
from facejoin.udfs.web.ahead import ahead
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.hosts import Hosts, hosts_alone, hosts_of
from facejoin.udfs.web.service import KeeperService


def main(urls: Path, into: Path, threads: int, alone: bool = False) -> None:
    """urls: file with one a line; into: folder for stats.json; alone: without a keeper."""
    budget = {"connections": threads, "requests_per_second": 1e6}
    settings = FetchSettings.model_validate(
        {"allowed_networks": [f"{HERE}/32"], "each_host": budget, "concurrency": threads}
    )
    outcomes: Counter[str] = Counter()
    with shared(settings, alone) as hosts, Fetcher(settings, hosts=hosts) as fetcher:
        for _, fetched in ahead(fetcher.begin, urls.read_text().split(), 2 * threads):
            outcomes[fetched.outcome or "here"] += 1
            fetched.release()
    into.mkdir(parents=True)
    said = {"count": outcomes.total(), "successes": outcomes["here"], **outcomes}
    (into / "stats.json").write_text(json.dumps(said))


@contextmanager
def shared(settings: FetchSettings, alone: bool) -> Iterator[Hosts]:
    """A keeper lives in another process than its tasks, as a rule the driver's."""
    if alone:
        yield hosts_alone(settings)
        return
    with beside(keep, settings) as place:
        yield hosts_of(place, settings, 1)


def keep(settings: FetchSettings, line: Connection) -> None:
    with KeeperService(settings, HERE) as keeper:
        line.send(keeper.place(HERE))
        line.recv()


if __name__ == "__main__":
    typer.run(main)
