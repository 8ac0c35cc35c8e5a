"""Once for equal inputs: what a job has done already is not done again, whoever starts it and however often."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError
from pyspark.sql import functions as F

from facejoin.conf.schemas import RUNS
from facejoin.jobs.store.turns import working
from facejoin.jobs.store.warehouse import Warehouse

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class Report(DataclassInstance, Protocol):
        """What a job says of one unit, kept as JSON in `runs`."""

        VERSION: ClassVar[int]  # raised when the meaning of a field changes, not when one with a default is added


R = TypeVar("R", bound="Report")


@dataclass(frozen=True)
class Run:
    """One unit of a job's work."""

    job: str
    unit: str  # a photo list, a gallery, a site …
    inputs: str  # fingerprint of all that its outcome depends on


def fingerprint(**inputs: Any) -> str:
    """A short name for exactly these inputs of a job."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]


def once(
    warehouse: Warehouse, run: Run, kind: type[R], work: Callable[[], R], stands: Callable[[R], bool] = lambda _: True
) -> tuple[R, bool]:
    """(report, whether it was there before): that of the unit's last run, if its inputs were these and what it made
    still `stands`; else that of `work`, which is then recorded. Raises Held where somebody else is at it."""
    before = finished(warehouse, run.job, {run.unit: run.inputs}, kind).get(run.unit)
    if before is not None and stands(before):
        return before, True
    with working(warehouse, run.job, run.unit):
        start = time.monotonic()
        report = work()
        record(warehouse, [(run, report)], time.monotonic() - start)
    return report, False


def finished(warehouse: Warehouse, job: str, inputs: Mapping[str, str], kind: type[R]) -> dict[str, R]:
    """unit → report, of the units whose last run had these very inputs: there is nothing to do for them.

    A report that this version cannot read, or reads otherwise, counts as none.
    """
    last = _last_runs(warehouse, job, inputs)
    reports = {unit: _read(kind, report) for unit, (given, report) in last.items() if given == inputs[unit]}
    return {unit: report for unit, report in reports.items() if report is not None}


def last_report(warehouse: Warehouse, job: str, unit: str, kind: type[R]) -> R | None:
    """Of the unit's last run, whatever its inputs."""
    last = _last_runs(warehouse, job, [unit])
    return _read(kind, last[unit][1]) if unit in last else None


def record(warehouse: Warehouse, runs: Iterable[tuple[Run, Report]], seconds: float) -> None:
    """One commit. `seconds` is what all of them took together."""
    plain = [(run, asdict(report) | {"version": type(report).VERSION}) for run, report in runs]
    record_plain(warehouse, plain, seconds)


def record_plain(warehouse: Warehouse, runs: Iterable[tuple[Run, Mapping[str, Any]]], seconds: float) -> None:
    """Of what is never looked up again."""
    now = datetime.now(UTC)
    rows = [(run.job, run.unit, run.inputs, now, seconds, json.dumps(report, sort_keys=True)) for run, report in runs]
    warehouse.append("runs", warehouse.spark.createDataFrame(rows, RUNS).coalesce(1))


def _last_runs(warehouse: Warehouse, job: str, units: Iterable[str]) -> dict[str, tuple[str, str]]:
    """unit → (inputs, report) of its last run."""
    runs = warehouse.read("runs").where((F.col("job") == job) & F.col("unit").isin([*units]))
    latest = F.max_by(F.struct("inputs", "report"), "finished_at").alias("last")
    return {row["unit"]: tuple(row["last"]) for row in runs.groupBy("unit").agg(latest).collect()}


def _read(kind: type[R], report: str) -> R | None:
    """Fields that are new since take their defaults, those that are gone are passed over."""
    values = json.loads(report)
    if values.pop("version", 1) != kind.VERSION:
        return None
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError:
        return None
