"""`photos` → `results`: each photo downloaded, searched and embedded once per model version, in waves."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Observation, SparkSession

from facejoin.conf.schemas import RESULTS
from facejoin.conf.settings import Settings
from facejoin.jobs.hosts.asking import Asking, asking
from facejoin.jobs.hosts.contact import require_contact
from facejoin.jobs.hosts.layout import laid_out
from facejoin.jobs.hosts.stop import stop_if_most_failed
from facejoin.jobs.store.executor_files import ship_weights
from facejoin.jobs.store.leases import Held, Lease, held, sweep
from facejoin.jobs.store.once import record_plain
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.races import retried
from facejoin.jobs.store.results import STEPS
from facejoin.jobs.store.session import LEDGER, cores_of, in_pool
from facejoin.jobs.store.turns import working
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.watch.recording import recorded
from facejoin.jobs.waves.asked import Asked, sampled
from facejoin.jobs.waves.books import Books, count_books
from facejoin.jobs.waves.disk import check_disk
from facejoin.jobs.waves.in_flight import droppable, in_flight
from facejoin.jobs.waves.placeholders import Placeholders, known_placeholders
from facejoin.jobs.waves.plan import Wave, overlap, planned, wave_unit
from facejoin.jobs.waves.unfinished import remaining, settled, unfinished
from facejoin.jobs.waves.unrecorded import JOB, measures, record_unrecorded, run_of
from facejoin.udfs.find_faces import find_faces
from facejoin.udfs.vision.analyse import model_version
from facejoin.udfs.web.outcomes import Outcome

PUT_OFF = f"status_{Outcome.PUT_OFF.value}"  # the measure of that name


@dataclass
class CrawlReport:
    model_version: str
    photos: int = 0  # in the manifest, or in the sample of it
    new_results: int = 0  # rows of this run
    remaining: int = 0  # of the photos, counted: those without a row; 0: the crawl is complete
    doubles: int = 0  # rows that this run found beside another of the same attempt, and dropped
    statuses: dict[str, int] = field(default_factory=dict)  # of all those photos, by outcome
    seconds: dict[str, float] = field(default_factory=dict)  # of this run: by step, summed over photos; total by clock
    held: list[str] = field(default_factory=list)  # waves that others are at, and who they are
    recorded: list[str] = field(default_factory=list)  # waves of a run that was killed before it could record them
    placeholders: dict[str, int] = field(default_factory=dict)  # learnt by this run: SHA-256 → owners of such photos


@dataclass
class WaveReport:
    seen: dict[str, float] = field(default_factory=dict)  # measures of its rows; none: there was nothing to do
    doubles: int = 0
    commits: int = 0  # to `results`
    held: Lease | None = None  # by somebody else, instead


@dataclass(frozen=True)
class _Crawl:
    """What all waves have in common."""

    spark: SparkSession
    warehouse: Warehouse
    settings: Settings
    version: str
    asked: Asked
    books: Books
    asks: Asking
    placeholders: Placeholders
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])  # no two are the same crawl


def crawl(spark: SparkSession, warehouse: Warehouse, settings: Settings, asked: Asked | None = None) -> CrawlReport:
    """Does what is missing: photos without a result of this model version, or as much of it as is asked for. Photos
    that were put off are tried again at the end.

    Raises, before any work, WeightsError where the weights are not there and SettingsError where a contact is needed;
    JobError where most of a wave failed; Stopped where the process is told to stop.
    """
    start = time.monotonic()
    report = CrawlReport(version := model_version(settings.vision))
    ship_weights(spark, settings.networks)
    sweep(warehouse)
    asked, before = sampled(warehouse, asked or Asked()), warehouse.version("results")
    books = count_books(warehouse, version, asked)
    report.recorded = record_unrecorded(warehouse, version, books)
    if any(books.todo(bucket) for bucket in books.photos):
        require_contact(warehouse.read("photos"), settings.crawl.fetch)
    placeholders = known_placeholders(warehouse, version, settings.crawl)
    with asking(spark, settings.crawl) as asks, task_progress(spark, "crawl"):
        work = _Crawl(spark, warehouse, settings, version, asked, books, asks, placeholders)
        with recorded(warehouse, asks.keeper, work.name, settings.crawl.load_seconds):
            done = _waves_and_rounds(work)
        if not asked.is_part and any(wave.seen for wave in done):
            placeholders.learn_of_all(books)
    report.placeholders = placeholders.learnt
    _sum_up(report, done)
    report.held = _still_held(warehouse, [wave.held for wave in done if wave.held is not None])
    if warehouse.version("results") != before + sum(wave.commits for wave in done):  # others write, too
        books = count_books(warehouse, version, asked)
    report.photos, report.statuses = sum(ids.count for ids in books.photos.values()), books.statuses
    report.remaining = remaining(warehouse, version, asked, books)
    report.seconds["total"] = time.monotonic() - start
    return report


def _waves_and_rounds(crawl: _Crawl) -> list[WaveReport]:
    """Every wave, then rounds over what was put off in the ones before. A part of the crawl has none: they would go
    beyond it."""
    done = last = _waves(crawl)
    for _ in range(0 if crawl.asked.is_part else crawl.settings.crawl.put_off_rounds):
        if not any(wave.seen.get(PUT_OFF) for wave in last) or not crawl.asks.wait():
            break
        again = crawl.asked.only(Outcome.PUT_OFF)
        books = count_books(crawl.warehouse, crawl.version, again)
        last = _waves(replace(crawl, asked=again, books=books))
        crawl.books.results.update(books.results)
        done = done + last
    return done


def _waves(crawl: _Crawl) -> list[WaveReport]:
    waves = planned(crawl.books, crawl.asked, crawl.settings.crawl.wave_photos)
    return [*in_flight(crawl.spark, waves, partial(_leased_wave, crawl))]


def _leased_wave(crawl: _Crawl, wave: Wave) -> WaveReport:
    check_disk(crawl.warehouse, wave.photos)
    try:
        with (
            in_pool(crawl.spark, LEDGER),
            working(crawl.warehouse, JOB, wave_unit(wave, crawl.version), clash=overlap),
        ):
            done = retried(lambda: _crawl_wave(crawl, wave))
    except Held as others:
        return WaveReport(held=others.lease)
    stop_if_most_failed(wave, done.seen, crawl.settings.crawl)
    return done


def _crawl_wave(crawl: _Crawl, wave: Wave) -> WaveReport:
    """One commit, and another one where it learns of placeholders. What is to do is read before it, so that Delta sees
    rows that are added and nothing else: waves that commit at once do not conflict. Leases keep two crawls from the
    same photos; should one have slept through its lease, the doubles are dropped afterwards."""
    start = time.monotonic()
    scope = (crawl.warehouse, crawl.version, crawl.asked, wave.buckets)
    todo = unfinished(*scope) if wave.most is None else unfinished(*scope).limit(wave.most)
    todo = todo.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        photos = todo.count()
        seen = _crawled(crawl, wave, todo, photos) if photos else {}
    finally:
        todo.unpersist()
    corrections = crawl.placeholders.learn_of_wave(str(wave), wave.buckets, photos) if seen else 0
    doubles = settled(crawl.books, *scope)
    if seen:
        report = seen | {"crawl": crawl.name, "cores": cores_of(crawl.spark)}
        record_plain(crawl.warehouse, [(run_of(str(wave), crawl.version), report)], time.monotonic() - start)
    return WaveReport(seen, doubles.rows, doubles.commits + bool(seen) + corrections)


def _crawled(crawl: _Crawl, wave: Wave, todo: DataFrame, photos: int) -> dict[str, float]:
    """The measures of the rows that it appends."""
    constants = {"model_version": crawl.version, "wave": str(wave)}
    udf = find_faces(crawl.settings.networks, crawl.placeholders.told(), constants, crawl.asks.hosts)
    results = laid_out(todo, photos, crawl.settings.crawl, crawl.asks.at_once).mapInArrow(udf, RESULTS)
    observation = Observation(f"wave {wave}")
    with in_pool(crawl.spark, "default"), droppable(crawl.spark):
        crawl.warehouse.append("results", results.observe(observation, *measures()))
    return dict(observation.get)


def _still_held(warehouse: Warehouse, leases: list[Lease]) -> list[str]:
    """Of those that waves were left to."""
    holders = {lease.holder for lease in held(warehouse)} if leases else set()
    return [str(lease) for lease in leases if lease.holder in holders]


def _sum_up(report: CrawlReport, waves: list[WaveReport]) -> None:
    spent: Counter[str] = Counter()
    for wave in waves:
        report.new_results += int(wave.seen.get("rows", 0))
        report.doubles += wave.doubles
        spent.update({step: wave.seen.get(step) or 0.0 for step in STEPS})
    report.seconds = {step: float(spent[step]) for step in STEPS}
