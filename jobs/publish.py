"""`matches` → the two JSON files of the original study, its figures, and a page over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.site.figures import site_figures
from facejoin.jobs.site.places import Place, towns_of
from facejoin.jobs.site.tally import tally
from facejoin.jobs.store.galleries import stored_gallery
from facejoin.jobs.store.match_report import MatchReport
from facejoin.jobs.store.once import Run, fingerprint, last_report, once
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.results import final_results
from facejoin.jobs.store.suppressed import is_suppressed, keep_unsuppressed_people
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.vision.analyse import model_version
from facejoin.viewer.site import write_site


@dataclass
class PublishReport:
    VERSION: ClassVar[int] = 1

    site: str
    people: int
    pictures: int
    located: int  # pictures with a town
    figures: list[str] = field(default_factory=list)  # files below the site
    already_published: bool = False


def publish(spark: SparkSession, warehouse: Warehouse, settings: Settings, site: Path) -> PublishReport:
    """Writes `site`: the JSON files, the figures and the page, unless they are there and nothing has changed since.

    Raises SettingsError where the folder cannot be written.
    """
    site = _writable(site)
    version = model_version(settings.vision)
    gallery, _ = stored_gallery(warehouse, version)
    tables = {name: warehouse.version(name) for name in ("matches", "photos", "suppressed", "people")}
    expected = expected_false(warehouse, gallery)
    inputs = fingerprint(gallery=gallery, expected_false=expected, **tables)

    def published() -> PublishReport:
        with task_progress(spark, "publish"):
            found = found_pictures(warehouse, version, gallery).collect()
            people = gallery_people(warehouse, gallery).collect()
        towns = towns_of((row["latitude"], row["longitude"]) for row in found)
        figures = [asdict(figure) for figure in site_figures(tally(people, found, expected))]
        results = results_json([row["person"] for row in people], found, towns)
        write_site(site, results, matches_json(found), figures)
        return PublishReport(str(site), len(people), len(found), len(towns), [figure["file"] for figure in figures])

    def is_there(report: PublishReport) -> bool:
        return all((site / name).exists() for name in ("index.html", *report.figures))

    report, was_there = once(warehouse, Run("publish", str(site), inputs), PublishReport, published, is_there)
    return replace(report, already_published=was_there)


def found_pictures(warehouse: Warehouse, version: str, gallery: str) -> DataFrame:
    """One row a match, with what the page shows of the photo, the most confident first."""
    sizes = final_results(warehouse, version).select("photo_id", "width", "height")
    return (
        warehouse.read("matches")
        .where(F.col("gallery") == gallery)
        .transform(keep_unsuppressed_people, warehouse)
        .join(warehouse.read("photos"), "photo_id")
        .where(~is_suppressed(warehouse))
        .join(sizes, "photo_id")
        .orderBy(F.desc("confidence"), "person", "photo_id", "face")
    )


def gallery_people(warehouse: Warehouse, gallery: str) -> DataFrame:
    """One row a person who has not asked out, by name."""
    people = warehouse.read("people").where(F.col("gallery") == gallery)
    return people.transform(keep_unsuppressed_people, warehouse).orderBy("person")


def expected_false(warehouse: Warehouse, gallery: str) -> dict[str, float] | None:
    """Of each person's matches, as the last matching told it; null where too few strangers are known."""
    report = last_report(warehouse, "match", gallery, MatchReport)
    return report.false_matches.people if report is not None and report.false_matches is not None else None


def matches_json(found: Sequence[Row]) -> list[dict[str, Any]]:
    """The study's Figure 4: sorted by confidence and person."""
    return [{"url": row["download_url"], "person": row["person"], "conf": round(row["confidence"], 6)} for row in found]


def results_json(names: Sequence[str], found: Sequence[Row], towns: Mapping[Place, str]) -> list[dict[str, Any]]:
    """The study's Figure 5: persons by name, their pictures ranked by confidence; `found` comes in that order."""
    pictures: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        pictures[row["person"]].append(_picture(row, len(pictures[row["person"]]), towns))
    return [
        {"name": name, "profilePic": pictures[name][0]["URL"] if pictures[name] else None, "foundPics": pictures[name]}
        for name in sorted(names)
    ]


def _picture(row: Row, rank: int, towns: Mapping[Place, str]) -> dict[str, Any]:
    return {
        "URL": row["download_url"],
        "location": towns.get((row["latitude"], row["longitude"])),
        "rank": rank,
        "confidence": round(row["confidence"], 6),
        "similarity": round(row["similarity"], 6),
        "pageURL": row["page_url"],
        "latitude": row["latitude"],
        "longitude": row["longitude"],
        "licence": row["licence"],
        "licenceURL": row["licence_url"],
        "owner": row["owner"],
        "ownerName": row["owner_name"],
        "title": row["title"],
        "dateTaken": None if row["taken"] is None else row["taken"].isoformat(sep=" "),
        "box": [round(side, 1) for side in row["box"]],
        "width": row["width"],
        "height": row["height"],
    }


def _writable(site: Path) -> Path:
    site = site.expanduser().absolute()
    try:
        site.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the site {site} cannot be written: {error.strerror}") from error
    return site
