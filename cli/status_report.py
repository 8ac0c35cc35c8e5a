"""What the command line says of a status, once or again and again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from facejoin.cli.reports import console
from facejoin.jobs.store.errors import SPARK_ERRORS, one_line

if TYPE_CHECKING:  # which takes seconds to import
    from facejoin.jobs.watch.report import StatusReport

MOST_PAUSED = 10  # hosts that are named; the JSON report names all that are known
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")

log = logging.getLogger(__name__)


def watch(look: Callable[[], StatusReport], tell: Callable[[StatusReport], None], every: float | None) -> None:
    """Once; or every so many seconds until Ctrl-C, where a look that fails after the first is told and passed over."""
    with suppress(KeyboardInterrupt):
        tell(look())
        while every is not None:
            time.sleep(every)
            try:
                tell(look())
            except SPARK_ERRORS as error:
                log.warning("the status could not be read: %s", one_line(error))


def status(report: StatusReport) -> None:
    console.print(f"status at {_time(report.at)}, model version {report.model_version}")
    share = f" ({report.done / report.photos:.1%})" if report.photos else ""
    console.print(f"  photos: {report.done:,} of {report.photos:,} done{share}, {report.left:,} left")
    for name, count in sorted(report.statuses.items(), key=lambda item: (-item[1], item[0])):
        console.print(f"    {name} {count:,} ({count / max(report.done, 1):.1%})")
    _pace(report)
    _workers(report)
    _costs(report)
    _hosts(report)
    for reason in report.unknown:
        console.print(f"  not known: {reason}")


def _pace(report: StatusReport) -> None:
    if report.rate is not None and report.seconds_left is not None:
        left = f"; {_span(report.seconds_left)} left at this rate" if report.left else ""
        console.print(f"  rate: {report.rate:,.1f} results/s over the last of {report.waves:,} waves{left}")
    if report.mean_bytes is not None and report.with_face is not None:
        arrived = f"{_size(report.mean_bytes)} on average; {report.with_face:.1%} with a face"
        console.print(f"  photos that arrived: {arrived}")
    if report.projected_bytes is not None:
        console.print(f"  downloaded: {_size(report.bytes)}; {_size(report.projected_bytes)} when all photos are done")
    for wave in report.at_work:
        console.print(f"  at work: {wave}")
    if not report.at_work:
        console.print("  at work: nobody")


def _workers(report: StatusReport) -> None:
    if report.load:
        last = report.load[-1]
        memory = f"memory {_size(last.memory_mean)} on average, {_size(last.memory_max)} the largest"
        busy = f"{last.busy:.1f} of {last.cores:.0f} cores busy"
        console.print(f"  workers at {_time(last.at)}: {last.workers}, {busy}, {memory}")


def _costs(report: StatusReport) -> None:
    if report.core_hours is not None and report.core_hours_left is not None:
        console.print(f"  core-hours: {report.core_hours:,.2f} so far, {report.core_hours_left:,.2f} to come")
    so_far, to_come = report.cost.total, report.cost_left.total
    if so_far is not None and to_come is not None:
        console.print(f"  cost: {so_far:,.2f} {report.currency} so far, {to_come:,.2f} to come")


def _hosts(report: StatusReport) -> None:
    longest = sorted(report.paused.items(), key=lambda pause: -pause[1])
    for host, until in longest[:MOST_PAUSED]:
        console.print(f"  paused: {host} until {_time(until)}")
    if len(longest) > MOST_PAUSED:
        console.print(f"  and {len(longest) - MOST_PAUSED} more hosts paused; --out FILE lists them all")


def _size(count: float) -> str:
    """
    >>> _size(999), _size(112_000), _size(11.2e12)
    ('999 B', '112 kB', '11.2 TB')
    """
    for unit in UNITS[:-1]:
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} {UNITS[-1]}"


def _span(seconds: float) -> str:
    """
    >>> _span(59.6), _span(100_000)
    ('0:01:00', '1 day, 3:46:40')
    """
    return str(timedelta(seconds=round(seconds)))


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
