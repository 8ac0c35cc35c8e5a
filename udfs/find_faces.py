"""Photo URLs → result rows: what Spark's executors run. Pixels never leave a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

from facejoin.conf.schemas import RESULTS
from facejoin.conf.settings import CrawlSettings, NetworkSettings
from facejoin.udfs.arrow import Batches, Stage, record_batch
from facejoin.udfs.rows import Row, analysis_columns
from facejoin.udfs.task_networks import task_networks
from facejoin.udfs.vision.analyse import Analyser, Analysis
from facejoin.udfs.web.ahead import ahead
from facejoin.udfs.web.fetch import Fetched, Fetcher
from facejoin.udfs.web.hosts import Hosts


def find_faces(
    networks: NetworkSettings, crawl: CrawlSettings, constants: Row, hosts: Callable[[], Hosts] | None = None
) -> Stage:
    """For mapInArrow: photo_id, bucket, download_url, attempt, status → rows of `results`, one a photo.

    A row that comes with a status is passed on as it is, without a download. `constants` are the columns that are the
    same in every row: model_version and wave. Downloads run ahead of the networks. hosts: with whom the task shares the
    hosts' budgets; None: with nobody.
    """

    def stage(batches: Batches) -> Batches:
        loaded = task_networks(networks)
        with Fetcher(crawl.fetch, hosts=hosts and hosts()) as fetcher:
            for rows in result_rows(batches, loaded, fetcher, crawl):
                yield record_batch([row | constants for row in rows], RESULTS)

    return stage


def result_rows(batches: Batches, networks: Analyser, fetcher: Fetcher, crawl: CrawlSettings) -> Iterator[list[Row]]:
    """The rows of at most `photo_batch` photos at a time, without the columns that are the same in all of them.

    Knows no Spark: the input columns are those of `find_faces`, in batches of any size. The rows come in the order in
    which the downloads end.
    """

    def fetched(photo: Row) -> Fetched | None:
        return None if photo["status"] is not None else fetcher.fetch(photo["download_url"])

    photos = (row for batch in batches for row in batch.to_pylist())
    downloads = ahead(fetched, photos, crawl.fetch.concurrency)
    while group := list(islice(downloads, crawl.photo_batch)):
        bodies = [found.body for _, found in group if found is not None and found.body is not None]
        analyses = iter(networks.analyse(bodies))
        yield [
            _result(photo, found, next(analyses) if found is not None and found.body is not None else None)
            for photo, found in group
        ]


def _result(photo: Row, fetched: Fetched | None, analysis: Analysis | None) -> Row:
    """One row of `results`: what the list, the download or the analysis had the last word on."""
    row: Row = {key: photo[key] for key in ("photo_id", "bucket", "attempt", "status")}
    row["crawled_at"] = datetime.now(UTC)
    row["seconds"] = {"download": fetched.seconds if fetched else 0.0, "decode": 0.0, "detect": 0.0, "embed": 0.0}
    if fetched is not None:
        row |= {"status": fetched.outcome, "http_status": fetched.http_status, "error": fetched.error}
        row |= {"sha256": fetched.sha256, "bytes": None if fetched.body is None else len(fetched.body)}
    if analysis is not None:
        row |= analysis_columns(analysis)
        row["seconds"] |= analysis.seconds
    return row
