"""Whether there is room for a wave's results, before hours are spent on them."""

from __future__ import annotations

import shutil

from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.session import runs_locally
from facejoin.jobs.store.warehouse import Warehouse

PHOTO_BYTES = 10_000  # of a photo's result, about: of three faces with vectors of 512 numbers, compressed
SPARE = 2  # times that much, as another wave is in flight


def check_disk(warehouse: Warehouse, photos: int) -> None:
    """Raises JobError where the disk of this machine's folder is too full. Of other stores nothing is known."""
    if not runs_locally(warehouse.spark) or "://" in warehouse.folder:
        return
    needed, free = photos * PHOTO_BYTES * SPARE, shutil.disk_usage(warehouse.folder).free
    if free < needed:
        raise JobError(
            f"the disk of the warehouse {warehouse.folder} has {free / 1e6:,.0f} MB free; a wave of {photos} photos "
            f"needs up to {needed / 1e6:,.0f} MB: make room, or set a smaller crawl.wave_photos"
        )
