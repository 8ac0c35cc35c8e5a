"""`matches` → the two JSON files of the original study, its figures, and a page over them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.site.figures import site_figures
from facejoin.jobs.site.pictures import by_rank, found_by_part, found_of_people, match_pieces, people_of_page
from facejoin.jobs.site.tally import tally
from facejoin.jobs.store.galleries import stored_gallery
from facejoin.jobs.store.match_report import MatchReport, taking_most
from facejoin.jobs.store.once import Run, fingerprint, last_report, once
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.results import final_results
from facejoin.jobs.store.suppressed import is_suppressed, keep_unsuppressed_people
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.vision.analyse import model_version
from facejoin.viewer.site import picture_files, write_site

JSON_FILES = ("matches.json", "results.json")
SHOWN = (
    "person", "photo_id", "face", "confidence", "similarity", "box", "width", "height", "download_url", "page_url",
    "latitude", "longitude", "licence", "licence_url", "owner", "owner_name", "title", "taken",
)  # fmt: skip


@dataclass
class PublishReport:
    VERSION: ClassVar[int] = 1

    site: str
    people: int
    pictures: int
    located: int  # pictures with a town
    figures: list[str] = field(default_factory=list)  # files below the site
    picture_files: int = 0  # that the page loads when their pictures are to be seen
    already_published: bool = False


def publish(spark: SparkSession, warehouse: Warehouse, settings: Settings, site: Path) -> PublishReport:
    """Writes `site`: the JSON files, the figures and the page, unless they are there and nothing has changed since.

    Raises SettingsError where the folder cannot be written.
    """
    site = _writable(site)
    version = model_version(settings.vision)
    gallery, _ = stored_gallery(warehouse, version)
    tables = {name: warehouse.version(name) for name in ("matches", "photos", "suppressed", "people")}
    matched = last_report(warehouse, "match", gallery, MatchReport)
    inputs = fingerprint(gallery=gallery, matched=None if matched is None else asdict(matched), **tables)

    def published() -> PublishReport:
        with task_progress(spark, "publish"):
            return _published(warehouse, version, gallery, matched, site)

    def is_there(report: PublishReport) -> bool:
        files = all((site / name).exists() for name in ("index.html", *JSON_FILES, *report.figures))
        return files and picture_files(site) == report.picture_files

    report, was_there = once(warehouse, Run("publish", str(site), inputs), PublishReport, published, is_there)
    return replace(report, already_published=was_there)


def found_pictures(warehouse: Warehouse, version: str, gallery: str) -> DataFrame:
    """One row a match, with what the page shows of the photo."""
    sizes = final_results(warehouse, version).select("photo_id", "width", "height")
    people = gallery_people(warehouse, gallery).select("person")
    return (
        warehouse.read("matches")
        .where(F.col("gallery") == gallery)
        .join(people, "person", "left_semi")
        .join(warehouse.read("photos"), "photo_id")
        .where(~is_suppressed(warehouse))
        .join(sizes, "photo_id")
        .select(*SHOWN)
    )


def gallery_people(warehouse: Warehouse, gallery: str) -> DataFrame:
    """One row a person who has not asked out."""
    people = warehouse.read("people").where(F.col("gallery") == gallery)
    return people.transform(keep_unsuppressed_people, warehouse)


def _published(
    warehouse: Warehouse, version: str, gallery: str, matched: MatchReport | None, site: Path
) -> PublishReport:
    people = gallery_people(warehouse, gallery).collect()
    count = warehouse.read("matches").where(F.col("gallery") == gallery).count()
    with by_rank(found_pictures(warehouse, version, gallery), count) as pictures:
        parts = found_by_part(pictures)
        found = found_of_people(parts)
        matches = {row["person"]: found[row["person"]].matches if row["person"] in found else 0 for row in people}
        warnings = dict(filter(None, [taking_most(matches)]))
        figures = [asdict(figure) for figure in site_figures(tally(pictures, found, people, matched))]
        shown = people_of_page([*matches], pictures, parts, warnings)
        write_site(site, shown, match_pieces(pictures, count), figures)
    return PublishReport(
        site=str(site),
        people=len(people),
        pictures=sum(matches.values()),
        located=sum(own.placed for own in found.values()),
        figures=[figure["file"] for figure in figures],
        picture_files=picture_files(site),
    )


def _writable(site: Path) -> Path:
    site = site.expanduser().absolute()
    try:
        site.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the site {site} cannot be written: {error.strerror}") from error
    return site
