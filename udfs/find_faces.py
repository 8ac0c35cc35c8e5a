"""Photo URLs → result rows: what Spark's executors run. Pixels never leave a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import cast

from facejoin.conf.schemas import RESULTS
from facejoin.conf.settings import CrawlSettings, NetworkSettings
from facejoin.udfs.arrow import Batches, Stage, record_batch
from facejoin.udfs.careful import CarefulAnalyser
from facejoin.udfs.meter import Meter, metered
from facejoin.udfs.rows import Row, analysis_row
from facejoin.udfs.task_networks import is_later_attempt, task_loading
from facejoin.udfs.vision.analyse import Analyser, analyser
from facejoin.udfs.web.ahead import groups_ahead, in_time
from facejoin.udfs.web.fetch import Fetched, Fetcher
from facejoin.udfs.web.hosts import Hosts

Download = tuple[Row, Fetched | None]  # photo, and what came of it where it was asked for


def find_faces(
    networks: NetworkSettings, crawl: CrawlSettings, constants: Row, hosts: Callable[[], Hosts] | None = None
) -> Stage:
    """For mapInArrow: photo_id, bucket, download_url, attempt, status → rows of `results`, one a photo.

    A row that comes with a status is passed on as it is, without a download. `constants` are the columns that are the
    same in every row: model_version and wave. Downloads run ahead of the networks. hosts: with whom the task shares the
    hosts' budgets, and whose keeper is told what it takes of its machine; None: with nobody. A task's later attempts
    are careful: one of its photos may have been what ended the first.
    """

    def stage(batches: Batches) -> Batches:
        meter = Meter()
        with _analyser(networks, crawl) as loaded:
            shared = hosts() if hosts is not None else None
            telling = metered(meter, shared, str(constants["wave"]), crawl.load_seconds)
            with Fetcher(crawl.fetch, hosts=shared) as fetcher, telling:
                for rows in result_rows(batches, loaded, fetcher, crawl):
                    yield record_batch([row | constants for row in rows], RESULTS)

    return stage


def _analyser(networks: NetworkSettings, crawl: CrawlSettings) -> AbstractContextManager[Analyser | CarefulAnalyser]:
    loading = task_loading(networks)
    if is_later_attempt():
        analyser.cache_clear()  # networks that this worker has from another task make room for the other process's
        return CarefulAnalyser(loading, crawl.careful)
    return nullcontext(loading.load())


def result_rows(
    batches: Batches, networks: Analyser | CarefulAnalyser, fetcher: Fetcher, crawl: CrawlSettings
) -> Iterator[list[Row]]:
    """The rows of at most `photo_batch` photos at a time, without the columns that are the same in all of them; of
    fewer where their bytes are half of what may be in flight, or where they have waited for `batch_seconds`.

    Knows no Spark: the input columns are those of `find_faces`, in batches of any size. The rows come in the order in
    which the downloads end.
    """

    def begin(photo: Row) -> Future[Fetched | None]:
        if photo["status"] is None:
            return cast("Future[Fetched | None]", fetcher.begin(photo["download_url"]))
        nothing: Future[Fetched | None] = Future()
        nothing.set_result(None)
        return nothing

    def full(group: list[Download]) -> bool:
        return sum(found.size for _, found in group if found is not None) >= crawl.fetch.room / 2

    photos = (row for batch in batches for row in batch.to_pylist())
    together = (crawl.photo_batch, crawl.batch_seconds)
    for group in groups_ahead(begin, photos, 2 * crawl.fetch.concurrency, *together, full):
        yield from in_time(_rows_of(group, networks, crawl.batch_seconds), *together)
        _release(group)


def _rows_of(group: list[Download], networks: Analyser | CarefulAnalyser, seconds: float) -> Iterator[Row]:
    bodies = [found.body for _, found in group if found is not None and found.body is not None]
    analyses = networks.rows(bodies) if isinstance(networks, CarefulAnalyser) else _analyses(bodies, networks, seconds)
    for photo, found in group:
        yield _result(photo, found, next(analyses) if found is not None and found.body is not None else None)


def _analyses(bodies: list[bytes], networks: Analyser, seconds: float) -> Iterator[Row]:
    """All at once, but that the first are not held back for longer than these seconds."""
    while bodies:
        found = networks.analyse_some(bodies, seconds)
        yield from map(analysis_row, found)
        bodies = bodies[len(found) :]


def _release(group: list[Download]) -> None:
    """Nothing else holds on to the bodies."""
    for _, found in group:
        if found is not None:
            found.release()
    group.clear()


def _result(photo: Row, fetched: Fetched | None, analysis: Row | None) -> Row:
    """One row of `results`: what the list, the download or the analysis had the last word on."""
    row: Row = {key: photo[key] for key in ("photo_id", "bucket", "attempt", "status")}
    row["crawled_at"] = datetime.now(UTC)
    row["seconds"] = {"download": fetched.seconds if fetched else 0.0, "decode": 0.0, "detect": 0.0, "embed": 0.0}
    if fetched is not None:
        row |= {"status": fetched.outcome, "http_status": fetched.http_status, "error": fetched.error}
        row |= {"sha256": fetched.sha256, "bytes": None if fetched.body is None else len(fetched.body)}
    if analysis is not None:
        row |= analysis | {"seconds": row["seconds"] | analysis["seconds"]}
    return row
