"""`matches` → the two JSON files of the original study, its figures, and a page over them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import reverse_geocode
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.crawl import final_results
from facejoin.jobs.drawing import drawings
from facejoin.jobs.enroll import stored_gallery
from facejoin.jobs.figures import tally
from facejoin.jobs.progress import task_progress
from facejoin.jobs.tables import Warehouse, fingerprint, is_suppressed
from facejoin.udfs.vision.analyse import model_version
from facejoin.viewer.site import write_site

Towns = dict[tuple[float, float], str]  # by latitude and longitude


@dataclass
class PublishReport:
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
    start = time.monotonic()
    site = _writable(site)
    version = model_version(settings.vision)
    gallery, _ = stored_gallery(warehouse, version)
    tables = {name: warehouse.version(name) for name in ("matches", "photos", "suppressed", "people")}
    expected = expected_false(warehouse, gallery)
    inputs = fingerprint(gallery=gallery, expected_false=expected, **tables)
    before = warehouse.report_of("publish", str(site), inputs)
    if before is not None and all((site / name).exists() for name in ("index.html", *before["figures"])):
        return PublishReport(**before | {"already_published": True})
    with task_progress(spark, "publish"):
        found = found_pictures(warehouse, version, gallery).collect()
        people = gallery_people(warehouse, gallery).collect()
    towns = _towns(found)
    figures = [vars(drawing) for drawing in drawings(tally(people, found, expected))]
    results = results_json([row["person"] for row in people], found, towns)
    write_site(site, results, matches_json(found), figures)
    report = PublishReport(str(site), len(people), len(found), len(towns), [figure["file"] for figure in figures])
    warehouse.record("publish", str(site), inputs, time.monotonic() - start, vars(report))
    return report


def found_pictures(warehouse: Warehouse, version: str, gallery: str) -> DataFrame:
    """One row a match, with what the page shows of the photo, the most confident first."""
    sizes = final_results(warehouse, version).select("photo_id", "width", "height")
    return (
        _of_gallery(warehouse, "matches", gallery)
        .join(warehouse.read("photos"), "photo_id")
        .where(~is_suppressed(warehouse.read("suppressed")))
        .join(sizes, "photo_id")
        .orderBy(F.desc("confidence"), "person", "photo_id", "face")
    )


def gallery_people(warehouse: Warehouse, gallery: str) -> DataFrame:
    """One row a person who has not asked out, by name."""
    return _of_gallery(warehouse, "people", gallery).orderBy("person")


def expected_false(warehouse: Warehouse, gallery: str) -> dict[str, float] | None:
    """Of each person's matches, as the last matching told it; null where too few strangers are known."""
    report = warehouse.last_report("match", gallery) or {}
    return (report.get("false_matches") or {}).get("people")


def matches_json(found: Sequence[Row]) -> list[dict[str, Any]]:
    """The study's Figure 4: sorted by confidence and person."""
    return [{"url": row["download_url"], "person": row["person"], "conf": round(row["confidence"], 6)} for row in found]


def results_json(
    names: Sequence[str], found: Sequence[Row], towns: dict[tuple[float, float], str]
) -> list[dict[str, Any]]:
    """The study's Figure 5: persons by name, their pictures ranked by confidence; `found` comes in that order."""
    pictures: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        pictures[row["person"]].append(_picture(row, len(pictures[row["person"]]), towns))
    return [
        {"name": name, "profilePic": pictures[name][0]["URL"] if pictures[name] else None, "foundPics": pictures[name]}
        for name in sorted(names)
    ]


def _picture(row: Row, rank: int, towns: Towns) -> dict[str, Any]:
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


def _of_gallery(warehouse: Warehouse, table: str, gallery: str) -> DataFrame:
    """Rows of one gallery, without the people who are suppressed."""
    suppressed = warehouse.read("suppressed").where("kind = 'person'").select(F.col("value").alias("person"))
    return warehouse.read(table).where(F.col("gallery") == gallery).join(suppressed, "person", "left_anti")


def _towns(found: Sequence[Row]) -> dict[tuple[float, float], str]:
    """(latitude, longitude) → the nearest town, from the geocoder's own table: nothing is asked of the network."""
    places = sorted(
        {(r["latitude"], r["longitude"]) for r in found if r["latitude"] is not None and r["longitude"] is not None}
    )
    if not places:
        return {}
    return {place: town["city"] for place, town in zip(places, reverse_geocode.search(places), strict=True)}


def _writable(site: Path) -> Path:
    site = site.expanduser().absolute()
    try:
        site.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the site {site} cannot be written: {error.strerror}") from error
    return site
