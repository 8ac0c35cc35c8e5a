"""What a site shows of one gallery, out of the tables: written by `publish`, and again when somebody is forgotten."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from facejoin.jobs.site.figures import site_figures
from facejoin.jobs.site.pictures import by_rank, found_by_part, found_of_people, match_pieces, people_of_page
from facejoin.jobs.site.tally import tally
from facejoin.jobs.store.match_report import MatchReport, taking_most
from facejoin.jobs.store.once import last_report
from facejoin.jobs.store.results import final_results
from facejoin.jobs.store.suppressed import is_suppressed, keep_unsuppressed_people
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.viewer.site import picture_files, write_site

SHOWN = (
    "person", "photo_id", "face", "confidence", "similarity", "box", "width", "height", "download_url", "page_url",
    "latitude", "longitude", "licence", "licence_url", "owner", "owner_name", "title", "taken",
)  # fmt: skip


@dataclass(frozen=True)
class Pages:
    """What was written of a site."""

    people: int
    pictures: int
    located: int  # pictures with a town
    figures: list[str]  # files below the site
    picture_files: int  # that the page loads when their pictures are to be seen


def write_pages(warehouse: Warehouse, version: str, gallery: str, site: Path) -> Pages:
    """The JSON files, the figures and the page; of a gallery that there is not, without anybody."""
    matched = last_report(warehouse, "match", gallery, MatchReport)
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
    return Pages(
        people=len(people),
        pictures=sum(matches.values()),
        located=sum(own.placed for own in found.values()),
        figures=[figure["file"] for figure in figures],
        picture_files=picture_files(site),
    )


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
