"""`matches` → the two JSON files of the original study, its figures, and a page over them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from pyspark.sql import SparkSession

from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.site.pages import write_pages
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.galleries import check_last, last_gallery
from facejoin.jobs.store.match_report import MatchReport
from facejoin.jobs.store.once import Run, fingerprint, last_report, once
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.vision.analyse import model_version
from facejoin.viewer.site import picture_files

JSON_FILES = ("matches.json", "results.json")


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

    Raises SettingsError where the folder cannot be written, JobError where no gallery is enrolled.
    """
    site = _writable(site)
    version = model_version(settings.vision)
    gallery = last_gallery(warehouse, version)
    if gallery is None:
        raise JobError(f"no gallery is enrolled for the model version {version}: run `facejoin enroll` first")
    tables = {name: warehouse.version(name) for name in ("matches", "photos", "suppressed", "people")}
    matched = last_report(warehouse, "match", gallery, MatchReport)
    inputs = fingerprint(gallery=gallery, matched=None if matched is None else asdict(matched), **tables)

    def published() -> PublishReport:
        check_last(warehouse, version, gallery)
        with task_progress(spark, "publish"):
            pages = write_pages(warehouse, version, gallery, site)
        return PublishReport(str(site), **asdict(pages))

    def is_there(report: PublishReport) -> bool:
        files = all((site / name).exists() for name in ("index.html", *JSON_FILES, *report.figures))
        return files and picture_files(site) == report.picture_files

    report, was_there = once(warehouse, Run("publish", str(site), inputs), PublishReport, published, is_there)
    return replace(report, already_published=was_there)


def _writable(site: Path) -> Path:
    site = site.expanduser().absolute()
    try:
        site.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the site {site} cannot be written: {error.strerror}") from error
    return site
