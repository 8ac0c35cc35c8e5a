"""Who works on what: rows of `leases`, each good for as long as its holder renews it, so that two crawls of one
warehouse take different waves.

Two that reach for one unit at the same moment are told apart by Delta, which lets one of two conflicting commits
through; the other one looks again. A lease whose holder was killed runs out; one that was held by a process of this
machine which is no more counts no longer at once. Times are the holders' clocks: they must agree to within a small part
of a lease. It is a courtesy between jobs and no lock on the tables: what a job commits must be safe without it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from pyspark.sql import Column
from pyspark.sql import functions as F

from facejoin.conf.schemas import LEASES
from facejoin.jobs.store.errors import SPARK_ERRORS, JobError, one_line
from facejoin.jobs.store.races import retried
from facejoin.jobs.store.session import in_pool
from facejoin.jobs.store.warehouse import Warehouse

SECONDS = 1800.0  # of a lease: a beat waits for a free processor of the cluster, which a task may hold for minutes
BEATS = 6  # in that time
HOLDER = re.compile(r"(?P<machine>\w*)-\w+ on .+, process (?P<process>\d+)")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """A row of `leases`; times in UTC."""

    job: str
    unit: str
    holder: str
    since: datetime
    beat: datetime
    until: datetime

    def __str__(self) -> str:
        return f"{self.job} {self.unit}, held by {self.holder} since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class Held(JobError):
    """Somebody else has the unit."""

    def __init__(self, lease: Lease):
        super().__init__(
            f"{lease}; it lets go at the end, and at the latest at {lease.until:%H:%M:%S} if it was killed"
        )
        self.lease = lease


def held(warehouse: Warehouse) -> list[Lease]:
    """Those that are not run out, by job and unit."""
    live = warehouse.read("leases").where(F.col("until") > F.lit(_now())).collect()
    leases = (Lease(*(_utc(value) for value in row)) for row in live)
    return sorted((lease for lease in leases if not _is_dead(lease)), key=lambda lease: (lease.job, lease.unit))


@contextmanager
def lease(warehouse: Warehouse, job: str, unit: str, seconds: float = SECONDS) -> Iterator[Lease]:
    """Held within, renewed meanwhile, let go at the end, whatever that is. Raises Held where somebody else has it."""
    mine = retried(lambda: _take(warehouse, job, unit, seconds))
    ended = threading.Event()
    beats = threading.Thread(target=_renew, args=(warehouse, mine, seconds, ended), name=f"lease {unit}", daemon=True)
    beats.start()
    try:
        yield mine
    finally:
        ended.set()
        beats.join()
        _let_go(warehouse, mine)


def _take(warehouse: Warehouse, job: str, unit: str, seconds: float) -> Lease:
    """One commit, unless somebody has it, seen before or after."""
    since = _now()
    mine = Lease(job, unit, _new_holder(), since, since, since + timedelta(seconds=seconds))
    before = _of(warehouse, job, unit)
    if before is not None and before.until > since and not _is_dead(before):
        raise Held(before)
    rows = warehouse.spark.createDataFrame([astuple(mine)], LEASES)
    gone = "old.holder = '{}'".format(before.holder.replace("'", "\\'")) if before else "false"
    warehouse.merge("leases", rows, same="old.job = new.job AND old.unit = new.unit", where=gone)
    after = _of(warehouse, job, unit)
    if after is not None and after.holder != mine.holder:
        raise Held(after)
    return mine


def _renew(warehouse: Warehouse, mine: Lease, seconds: float, ended: threading.Event) -> None:
    """A beat that fails is told and followed by the next one: the lease lives on until its time is over."""
    while not ended.wait(seconds / BEATS):
        beat = _now()
        times = {"beat": F.lit(beat), "until": F.lit(beat + timedelta(seconds=seconds))}
        try:
            with in_pool(warehouse.spark, "leases"):
                retried(lambda: warehouse.update("leases", times, _is(mine)))  # noqa: B023 (called at once)
        except SPARK_ERRORS as error:
            log.warning("the lease of %s could not be renewed: %s", mine, one_line(error))


def _let_go(warehouse: Warehouse, mine: Lease) -> None:
    try:
        retried(lambda: warehouse.delete("leases", _is(mine)))
    except SPARK_ERRORS as error:  # whatever ended the work within is what its caller should hear of
        log.warning("the lease of %s could not be let go, and runs out at %s: %s", mine, mine.until, one_line(error))


def _of(warehouse: Warehouse, job: str, unit: str) -> Lease | None:
    rows = warehouse.read("leases").where((F.col("job") == job) & (F.col("unit") == unit)).collect()
    return Lease(*(_utc(value) for value in rows[0])) if rows else None


def _is(lease: Lease) -> Column:
    return F.col("holder") == lease.holder


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


def _utc(value: object) -> object:
    """Spark gives times without a zone, by this process's clock."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value
