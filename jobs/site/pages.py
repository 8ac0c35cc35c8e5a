"""What a site shows of one gallery, out of the tables: written by `publish`, and again when somebody is forgotten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from facejoin.jobs.site.figures import site_figures
from facejoin.jobs.site.places import Place, towns_of
from facejoin.jobs.site.tally import tally
from facejoin.jobs.store.match_report import MatchReport
from facejoin.jobs.store.once import last_report
from facejoin.jobs.store.results import final_results
from facejoin.jobs.store.suppressed import is_suppressed, keep_unsuppressed_people
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.viewer.site import write_site


@dataclass(frozen=True)
class Pages:
    """What was written of a site."""

    people: int
    pictures: int
    located: int  # pictures with a town
    figures: list[str]  # files below the site


def write_pages(warehouse: Warehouse, version: str, gallery: str, site: Path) -> Pages:
    """The JSON files, the figures and the page; of a gallery that there is not, without anybody."""
    found = found_pictures(warehouse, version, gallery).collect()
    people = gallery_people(warehouse, gallery).collect()
    towns = towns_of((row["latitude"], row["longitude"]) for row in found)
    figures = [asdict(figure) for figure in site_figures(tally(people, found, expected_false(warehouse, gallery)))]
    results = results_json([row["person"] for row in people], found, towns)
    write_site(site, results, matches_json(found), figures)
    return Pages(len(people), len(found), len(towns), [figure["file"] for figure in figures])


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
