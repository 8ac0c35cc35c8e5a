"""Who works on what: rows of `leases`, good for as long as their holder renews them, so that two crawls of a warehouse
take different waves.

Rows are only added, by commits that never conflict: a claim, its beats, and a row without a beat that lets go. Of two
who claim one unit at the same moment, the one whose claim was committed first has it, and both see that in the table. A
lease whose holder was killed runs out; that of a process of this machine which is no more counts no longer at once.
Times are the holders' clocks, which must agree to within a small part of a lease. It is a courtesy between jobs and no
lock on the tables: what a job commits must be safe without it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from facejoin.conf.schemas import LEASES
from facejoin.jobs.store.errors import SPARK_ERRORS, JobError, one_line
from facejoin.jobs.store.session import LEDGER, in_pool
from facejoin.jobs.store.warehouse import Warehouse

SECONDS = 1800.0  # of a lease: a beat waits for a free processor of the cluster, which a task may hold for minutes
BEATS = 6  # in that time
MOST_ROWS = 200  # that have run out, before they are swept away
HOLDER = re.compile(r"(?P<machine>\w*)-\w+ on .+, process (?P<process>\d+)")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """A row of `leases`; times in UTC."""

    job: str
    unit: str
    holder: str
    since: datetime
    beat: datetime | None
    until: datetime

    def __str__(self) -> str:
        return f"{self.job} {self.unit}, held by {self.holder} since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class Held(JobError):
    """Somebody else has the unit."""

    def __init__(self, lease: Lease):
        super().__init__(f"{lease}; if that was killed, it is free at {lease.until:%H:%M:%S} at the latest")
        self.lease = lease


def held(warehouse: Warehouse) -> list[Lease]:
    """Those that are not run out, by job and unit."""
    first = {(lease.job, lease.unit): lease for lease in reversed(_claimed(warehouse, _now()))}
    return [first[unit] for unit in sorted(first)]


@contextmanager
def lease(
    warehouse: Warehouse,
    job: str,
    unit: str,
    seconds: float = SECONDS,
    gives_way_to: Callable[[Lease], bool] = lambda _: False,
) -> Iterator[Lease]:
    """Held within, renewed meanwhile, let go at the end, whatever that is. Raises Held where somebody else has it, or
    has an earlier lease that this one `gives_way_to`."""
    mine = _claim(warehouse, job, unit, seconds, gives_way_to)
    ended = threading.Event()
    beats = threading.Thread(target=_renew, args=(warehouse, mine, seconds, ended), name=f"lease {unit}", daemon=True)
    beats.start()
    try:
        yield mine
    finally:
        ended.set()
        beats.join()
        _let_go(warehouse, mine, seconds)


def sweep(warehouse: Warehouse) -> None:
    """Takes away rows that have run out, once they are many, and the files that held them."""
    over = F.col("until") < F.lit(_now())
    if warehouse.read("leases").where(over).count() > MOST_ROWS:
        warehouse.delete("leases", over)
        warehouse.vacuum("leases")


def _claim(warehouse: Warehouse, job: str, unit: str, seconds: float, gives_way_to: Callable[[Lease], bool]) -> Lease:
    since = _now()
    mine = Lease(job, unit, _new_holder(), since, since, since + timedelta(seconds=seconds))
    _write(warehouse, mine)
    for other in _claimed(warehouse, since):
        if other.holder == mine.holder:
            break
        if (other.job, other.unit) == (job, unit) or gives_way_to(other):
            _let_go(warehouse, mine, seconds)
            raise Held(other)
    return mine


def _renew(warehouse: Warehouse, mine: Lease, seconds: float, ended: threading.Event) -> None:
    """A beat that fails is told and followed by the next one: the lease lives on until its time is over."""
    while not ended.wait(seconds / BEATS):
        now = _now()
        try:
            with in_pool(warehouse.spark, LEDGER):
                _write(warehouse, replace(mine, beat=now, until=now + timedelta(seconds=seconds)))
        except SPARK_ERRORS as error:
            log.warning("the lease of %s could not be renewed: %s", mine, one_line(error))


def _let_go(warehouse: Warehouse, mine: Lease, seconds: float) -> None:
    """A row that runs out after all others of its holder. If it cannot be written, the lease runs out: the caller is to
    hear of what ended the work."""
    try:
        _write(warehouse, replace(mine, beat=None, until=_now() + timedelta(seconds=seconds)))
    except SPARK_ERRORS as error:
        log.warning("the lease of %s could not be let go, and will run out: %s", mine, one_line(error))


def _write(warehouse: Warehouse, row: Lease) -> None:
    warehouse.append("leases", warehouse.spark.createDataFrame([astuple(row)], LEASES).coalesce(1))


def _claimed(warehouse: Warehouse, now: datetime) -> list[Lease]:
    """Of those who have not let go, in the order of their claims."""
    rows = warehouse.read("leases").where(F.col("until") > F.lit(now))
    in_order = sorted(rows.select("_metadata.row_commit_version", *LEASES.names).collect(), key=lambda row: row[0])
    last = {row["holder"]: Lease(*map(_in_utc, row[1:])) for row in in_order}
    return [lease for lease in last.values() if lease.beat is not None and not _is_dead(lease)]


def _new_holder() -> str:
    return f"{_machine()}-{uuid.uuid4().hex[:8]} on {socket.gethostname()}, process {os.getpid()}"


def _is_dead(lease: Lease) -> bool:
    """Whether the holder is known to be no more: a process of this machine that is not there."""
    holder = HOLDER.fullmatch(lease.holder)
    if holder is None or not _machine() or holder["machine"] != _machine():
        return False
    return not Path("/proc", holder["process"]).exists()


@cache
def _machine() -> str:
    """A name for what process numbers are good within: this start of this machine, or this container of it. Empty
    where the system does not tell."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(start.encode()).hexdigest()[:8]


def _now() -> datetime:
    return datetime.now(UTC)


def _in_utc(value: Any) -> Any:
    """Spark gives times without a zone, by this process's clock."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value
