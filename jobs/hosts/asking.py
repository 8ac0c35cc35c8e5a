"""The keeper of a crawl: started on the driver, found by every task."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from pyspark.sql import SparkSession

from facejoin.conf.settings import CrawlSettings, SettingsError
from facejoin.udfs.web.hosts import Hosts, hosts_of
from facejoin.udfs.web.service import KeeperService, Place

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asking:
    """How the tasks of a crawl share the hosts' budgets."""

    crawl: CrawlSettings
    at_once: int  # tasks that the cluster runs
    keeper: KeeperService | None
    place: Place | None

    @property
    def hosts(self) -> Callable[[], Hosts]:
        """For a task, which calls it."""
        return partial(hosts_of, self.place, self.crawl.fetch, self.at_once)

    def wait(self) -> bool:
        """Until no host pauses or is left alone; False at once where that takes longer than `put_off_wait`."""
        seconds = self.crawl.fetch.left_alone if self.keeper is None else self.keeper.quiet()
        if seconds > self.crawl.put_off_wait:
            return False
        log.info("waiting %.0f s for hosts that were left alone", seconds)
        time.sleep(seconds)
        return True


@contextmanager
def asking(spark: SparkSession, crawl: CrawlSettings) -> Iterator[Asking]:
    """Runs the keeper for as long as the crawl lasts.

    On Spark Connect the driver is another machine than this one, which no task can reach: there each task has a fixed
    part of every budget, and pauses by itself. Raises SettingsError where the keeper's port cannot be had.
    """
    if not hasattr(spark, "_jsparkSession"):
        yield Asking(crawl, int(spark.conf.get("spark.sql.shuffle.partitions") or 200), None, None)
        return
    conf, at_once = spark.sparkContext.getConf(), spark.sparkContext.defaultParallelism
    host = conf.get("spark.driver.host") or "localhost"
    listen = conf.get("spark.driver.bindAddress") or host
    with _keeper(crawl, listen) as keeper:
        yield Asking(crawl, at_once, keeper, keeper.place(host))


def _keeper(crawl: CrawlSettings, listen: str) -> KeeperService:
    try:
        return KeeperService(crawl.fetch, listen, crawl.keeper_port)
    except OSError as error:
        raise SettingsError(
            f"the crawl's keeper cannot listen at {listen}, port {crawl.keeper_port}: {error}"
        ) from error
