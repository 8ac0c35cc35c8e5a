"""What a run of the demo found, held against the truth."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from facejoin.conf.settings import Settings
from facejoin.demo.collection import Collection
from facejoin.jobs.crawl import CrawlReport
from facejoin.jobs.evaluate.measures.collection import Candidate, PersonResult, by_person, photo_fnir, photo_rank1
from facejoin.jobs.match import SCORED, photos_with_faces
from facejoin.jobs.store.galleries import stored_gallery
from facejoin.jobs.store.results import STEPS, final_results
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.match_faces import StoredGallery, match_faces
from facejoin.udfs.vision.analyse import model_version

FPIRS = ("0.01", "0.001")


@dataclass
class DemoReport:
    photos: int
    results: int
    new_results: int
    statuses: dict[str, int]
    expected_statuses: dict[str, int]  # of the injected faults
    people: dict[str, PersonResult]
    rank1: float | None
    fnir: dict[str, float | None]  # by FPIR
    photos_per_second: float
    seconds: dict[str, float]  # of the crawl: by step, summed over photos and tasks; total by the clock
    site: str
    warehouse: str


def judged(
    warehouse: Warehouse, settings: Settings, collection: Collection, crawled: CrawlReport, site: str
) -> DemoReport:
    """The jobs' outcome held against the truth."""
    version = model_version(settings.vision)
    gallery, stored = stored_gallery(warehouse, version)
    candidates = _candidates(photos_with_faces(warehouse, version, settings.match), stored, settings.match.share)
    matches = warehouse.read("matches").where(F.col("gallery") == gallery).select("photo_id", "person").collect()
    people = sorted(path.name for path in collection.gallery.iterdir())
    seconds = _seconds(warehouse, version)
    results = sum(crawled.statuses.values())
    return DemoReport(
        photos=crawled.photos,
        results=results,
        new_results=crawled.new_results,
        statuses=crawled.statuses,
        expected_statuses=collection.expected_statuses,
        people=by_person(collection.truth, {(row[0], row[1]) for row in matches}, people),
        rank1=photo_rank1(collection.truth, candidates),
        fnir={fpir: photo_fnir(collection.truth, collection.unknown, candidates, float(fpir)) for fpir in FPIRS},
        photos_per_second=results / seconds["total"] if seconds["total"] else 0.0,
        seconds=seconds,
        site=site,
        warehouse=warehouse.folder,
    )


def _candidates(compared: DataFrame, stored: StoredGallery, share: float) -> list[Candidate]:
    """Every face with its best person, enough or not, by the jobs' own stage; a demo is small enough to do it here."""
    nothing_is_enough = float("inf")
    scored = match_faces(stored, share, nothing_is_enough, SCORED)(iter(compared.toArrow().to_batches()))
    rows = (row for batch in scored for row in batch.select(["photo_id", "person", "evidence"]).to_pylist())
    return [Candidate(row["photo_id"], row["person"], row["evidence"]) for row in rows]


def _seconds(warehouse: Warehouse, version: str) -> dict[str, float]:
    """Of all waves of this model version so far, whichever run did them."""
    [sums] = final_results(warehouse, version).agg(*[F.sum(f"seconds.{step}") for step in STEPS]).collect()
    [(total,)] = warehouse.read("runs").where(F.col("job") == "crawl").agg(F.sum("seconds")).collect()
    return {step: spent or 0.0 for step, spent in zip((*STEPS, "total"), (*sums, total), strict=True)}
