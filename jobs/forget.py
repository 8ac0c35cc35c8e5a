"""Somebody asks out: on the list of suppressed that every job honours, out of all tables and files, and proven so."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from facejoin.conf.schemas import TABLES
from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.erasure.asked import Asked
from facejoin.jobs.erasure.found import Found, find
from facejoin.jobs.erasure.rows import erase
from facejoin.jobs.erasure.search import Searched, search, search_here
from facejoin.jobs.site.pages import write_pages
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.galleries import last_gallery
from facejoin.jobs.store.history import drop_history
from facejoin.jobs.store.leases import held
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.session import java
from facejoin.jobs.store.suppressed import listed, plain_list, suppress
from facejoin.jobs.store.turns import alone
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.traces.traces import Traces
from facejoin.udfs.vision.analyse import model_version

WAIT = 3600.0  # seconds for running jobs to end
MOST_NAMED = 3  # files in the line that says where something is left


@dataclass
class ForgetReport:
    found: dict[str, int] = field(default_factory=dict)  # `kind value` → rows of all tables
    unknown: list[str] = field(default_factory=list)  # `kind value` of whom there was nothing, so not on the list
    rows: dict[str, int] = field(default_factory=dict)  # by table
    vectors: int = 0
    sites: list[str] = field(default_factory=list)  # written anew
    files: int = 0  # that were searched afterwards: all of the warehouse and the sites
    bytes: int = 0
    traces: dict[str, int] = field(default_factory=dict)  # that are left, by kind
    traced: list[str] = field(default_factory=list)  # the files that they are in

    @property
    def failure(self) -> str | None:
        """In one line."""
        if self.traces:
            more = f" and {len(self.traced) - MOST_NAMED} more files" if len(self.traced) > MOST_NAMED else ""
            return f"{sum(self.traces.values())} traces are left, in {', '.join(self.traced[:MOST_NAMED])}{more}"
        if self.unknown:
            return f"nothing found of {', '.join(self.unknown)}: misspelt? To suppress it all the same: --in-advance"
        return None


def forget(
    spark: SparkSession,
    warehouse: Warehouse,
    settings: Settings,
    asked: Sequence[Asked],
    site: Path | None = None,
    wait: float = WAIT,
    in_advance: bool = False,
    reason: str | None = None,
) -> ForgetReport:
    """The list first, so that a job which starts meanwhile honours it; then, when those that run have ended, erases
    what tables, their histories and sites hold, and searches every file for what may be left.

    Who is not found is not put on the list, unless `in_advance`. `site` is written anew beside the sites that `publish`
    has on record. Raises SettingsError for a reason that tells who asks, JobError on Spark Connect, and where others
    still work after `wait` seconds.
    """
    java(spark)  # refused before anything is done where files cannot be deleted
    _check_reason(asked, reason)
    known = _known(warehouse, find(warehouse, asked), in_advance)
    if not known and not held(warehouse):
        return ForgetReport(unknown=_named(asked))
    suppress(warehouse, known, reason)
    with _alone(warehouse, wait, known), task_progress(spark, "forget"):
        found = find(warehouse, asked)  # jobs that have ended since may have written more
        known = _known(warehouse, found, in_advance)
        if not known:
            return ForgetReport(unknown=_named(asked))
        suppress(warehouse, known, reason)
        report = ForgetReport(
            found={f"{kind} {value}": found.rows[kind, value] for kind, value in known},
            unknown=_named(one for one in asked if one not in known),
        )
        everyone = [*known, *_old(warehouse, known)]
        found = found if everyone == [*found.asked] else find(warehouse, everyone)
        _forget(warehouse, settings, found, site, report)
        return report


def _forget(warehouse: Warehouse, settings: Settings, found: Found, site: Path | None, report: ForgetReport) -> None:
    report.rows, report.vectors = dict(sorted(found.counts.items())), len(found.traces.vectors)
    sites = _sites(warehouse, site)
    erase(warehouse, found)
    for one in sites:
        _write_anew(warehouse, model_version(settings.vision), one)
    report.sites = [str(one) for one in sites]
    searched = _searched(warehouse, sites, found.traces)
    if dirty := _tables_of(warehouse, searched):  # what an earlier run left when it was cut short
        for name in dirty:
            drop_history(warehouse, name)
        searched = _searched(warehouse, sites, found.traces)
    report.files, report.bytes = searched.files, searched.bytes
    report.traces, report.traced = dict(sorted(searched.traces.items())), sorted(searched.paths)


def _check_reason(asked: Sequence[Asked], reason: str | None) -> None:
    words = frozenset(value for _, value in asked)
    if reason is not None and Traces(names=words).in_text(reason.encode()):
        raise SettingsError("the reason names who asks out, and would stay: expected one that does not")


def _known(warehouse: Warehouse, found: Found, in_advance: bool) -> list[Asked]:
    """Who is in the tables, or was asked for before, maybe by a run that was cut short."""
    before = listed(warehouse, found.asked)
    return [one for one in found.asked if in_advance or found.rows[one] or one in before]


def _old(warehouse: Warehouse, known: Sequence[Asked]) -> list[Asked]:
    """Others whom an older version has put on the list, and left in `photos` and old files."""
    return [one for one in plain_list(warehouse) if one not in known]


@contextmanager
def _alone(warehouse: Warehouse, wait: float, known: Sequence[Asked]) -> Iterator[None]:
    with alone(warehouse, wait) as others:
        if others:
            done = f"{len(known)} on the list, which jobs honour from now on" if known else "nothing is done"
            still = "; ".join(map(str, others))
            raise JobError(
                f"{done}, but nothing is erased yet: still running after {wait:g} seconds: {still}. Run it again"
            )
        yield


def _sites(warehouse: Warehouse, site: Path | None) -> list[Path]:
    """Those of this machine that are there."""
    runs = warehouse.read("runs").where(F.col("job") == "publish").select("unit").distinct().collect()
    paths = {Path(row["unit"]) for row in runs} | ({site.expanduser().absolute()} if site is not None else set())
    return sorted(path for path in paths if (path / "index.html").is_file())


def _write_anew(warehouse: Warehouse, version: str, site: Path) -> None:
    """And takes away what a `publish` that was cut short, or of an older version, has left."""
    pages = write_pages(warehouse, version, last_gallery(warehouse, version) or "", site)
    for left in site.glob(".site-*"):
        shutil.rmtree(left)
    for figure in (site / "figures").glob("*.svg"):
        if str(figure.relative_to(site)) not in pages.figures:
            figure.unlink()


def _searched(warehouse: Warehouse, sites: Sequence[Path], traces: Traces) -> Searched:
    return search(warehouse.spark, warehouse.folder, traces) + search_here(sites, traces)


def _tables_of(warehouse: Warehouse, searched: Searched) -> list[str]:
    """But for leases, where jobs that wait write."""
    folders = {name: f"{warehouse.path(name)}/" for name in TABLES if name != "leases"}
    return [name for name, folder in folders.items() if any(folder in path for path in searched.paths)]


def _named(asked: Iterable[Asked]) -> list[str]:
    return [f"{kind} {value}" for kind, value in asked]
