"""What a crawl takes, minute by minute, into `load` while it runs."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

from facejoin.conf.schemas import LOAD
from facejoin.jobs.store.errors import SPARK_ERRORS, one_line
from facejoin.jobs.store.session import LEDGER, cores_of, in_pool
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.watch.timeline import Edge, Period, Timeline
from facejoin.udfs.web.service import KeeperService

STORE_SECONDS = 300.0  # between two commits
MOST_PAUSED = 100  # hosts of a row
MOST_ROWS = 1_440  # that wait to be stored, where that fails

log = logging.getLogger(__name__)


@contextmanager
def recorded(warehouse: Warehouse, keeper: KeeperService | None, crawl: str, seconds: float) -> Iterator[None]:
    """A row each so many seconds, of what workers have told the keeper; a crawl that is over before the first has none.
    keeper: None: nothing is known, and nothing recorded."""
    if keeper is None:
        yield
        return
    recorder, ended = _Recorder(warehouse, keeper, crawl), threading.Event()
    thread = threading.Thread(target=recorder.run, args=(seconds, ended), name="load", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Recorder:
    def __init__(self, warehouse: Warehouse, keeper: KeeperService, crawl: str) -> None:
        self._warehouse, self._keeper, self._crawl = warehouse, keeper, crawl
        self._timeline, self._rows = Timeline(self._edge()), list[tuple[Any, ...]]()

    def run(self, seconds: float, ended: threading.Event) -> None:
        looked, stored = False, time.monotonic()
        while not ended.wait(seconds):
            looked = True
            self._look()
            if time.monotonic() - stored >= STORE_SECONDS:
                self._store()
                stored = time.monotonic()
        if looked:
            self._look(at_end=True)
            self._store()

    def _look(self, at_end: bool = False) -> None:
        self._timeline.add(self._keeper.readings(), self._edge())
        self._rows += [_row(self._crawl, period) for period in self._timeline.told(at_end)]

    def _edge(self) -> Edge:
        now, paused = time.time(), self._keeper.paused()
        longest = heapq.nlargest(MOST_PAUSED, paused, key=paused.__getitem__)
        return Edge(now, self._cores(), {host: now + paused[host] for host in longest})

    def _cores(self) -> int:
        """0 where Spark has gone: then the crawl ends by itself."""
        with suppress(*SPARK_ERRORS):
            return cores_of(self._warehouse.spark) or 0
        return 0

    def _store(self) -> None:
        """Rows that cannot be written now are tried again with the next ones; a crawl does not end of it."""
        if not self._rows:
            return
        spark = self._warehouse.spark
        try:
            with in_pool(spark, LEDGER):
                self._warehouse.append("load", spark.createDataFrame(self._rows, LOAD).coalesce(1))
            self._rows = []
        except SPARK_ERRORS as error:
            self._rows = self._rows[-MOST_ROWS:]
            log.warning("what the crawl takes could not be stored: %s", one_line(error))


def _row(crawl: str, period: Period) -> tuple[Any, ...]:
    """Of `load`."""
    end = period.end
    waves = [(wave, *astuple(use)) for wave, use in period.waves.items()]
    paused = [(host, _time(until)) for host, until in end.paused.items()]
    return _time(end.at), end.at - period.start, crawl, end.cores, *astuple(period.use), waves, paused


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
