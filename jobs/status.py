"""How far a crawl is: read from the tables, by anybody, while it runs or afterwards."""

from __future__ import annotations

import time

from facejoin.conf.settings import Settings
from facejoin.jobs.store.leases import held
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.watch.history import finished_waves, load_by_wave, load_over_time, paused_now
from facejoin.jobs.watch.report import Progress, StatusReport, cost, unknown
from facejoin.jobs.waves.asked import Asked
from facejoin.jobs.waves.books import count_books
from facejoin.jobs.waves.unrecorded import JOB
from facejoin.udfs.vision.analyse import model_version


def status(warehouse: Warehouse, settings: Settings) -> StatusReport:
    """Of the crawl under these settings' model version. What is to come is reckoned from the waves that have ended."""
    version = model_version(settings.vision)
    books = count_books(warehouse, version, Asked())
    photos, left = (sum(ids.count for ids in books.photos.values()), sum(map(books.missing, books.photos)))
    progress, load = Progress(photos, left, finished_waves(warehouse, version)), load_over_time(warehouse)
    arrived, to_come = progress.arrived, progress.bytes_left
    return StatusReport(
        model_version=version,
        at=time.time(),
        photos=photos,
        left=left,
        statuses=books.statuses,
        waves=len(progress.waves),
        rate=progress.rate,
        seconds_left=progress.seconds_left,
        bytes=progress.bytes,
        mean_bytes=arrived.mean_bytes,
        projected_bytes=None if to_come is None else progress.bytes + to_come,
        with_face=arrived.with_face,
        core_hours=progress.core_hours,
        core_hours_left=progress.core_hours_left,
        cost=cost(settings.status, progress.core_hours, progress.bytes),
        cost_left=cost(settings.status, progress.core_hours_left, to_come),
        currency=settings.status.currency,
        at_work=[str(lease) for lease in held(warehouse) if lease.job == JOB],
        paused=paused_now(warehouse),
        load=load,
        wave_load=load_by_wave(warehouse),
        unknown=unknown(progress, load, settings.status),
    )
