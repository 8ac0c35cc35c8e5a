"""A warehouse that version 0.1.0 wrote is read, and goes on, as if nothing had happened.

warehouse_0_1_0.zip was made once with the code of 0.1.0: `manifest` read a list of twelve photos, a trained gallery was
stored with its report, an owner was forgotten, `match` and `publish` ran. All in it is made up: names, photos and
owners, and the vectors are random ones of a seed, no faces. Beside the tables lie the list, and the two JSON files that
`publish` wrote.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from delta import DeltaTable
from PIL import Image
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from facejoin.conf.schemas import RESULTS
from facejoin.conf.settings import load_settings, validated
from facejoin.demo.photo_server import PhotoServer
from facejoin.jobs.crawl import crawl
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.enroll import UNIT, EnrollReport
from facejoin.jobs.erasure.asked import Asked
from facejoin.jobs.forget import forget
from facejoin.jobs.manifest import manifest
from facejoin.jobs.match import match
from facejoin.jobs.publish import publish
from facejoin.jobs.store.galleries import stored_gallery
from facejoin.jobs.store.list_report import ListReport
from facejoin.jobs.store.match_report import FalseMatches, MatchReport
from facejoin.jobs.store.once import last_report
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.vision.analyse import model_version

MODEL_VERSION = "mtcnn-165b.sface-fb143eea.3c4033b99155"
GALLERY = "07201d9b6eac56ed"
LISTED_AT = datetime(2025, 1, 2, 3, 4, 5)  # the list's time, by the clock of whoever reads it
ANN, BOB, CY = PEOPLE = ("Ann_Made_Up", "Bob_Made_Up", "Cy_Made_Up")
PHOTO_OF_BOB_AND_CY = 2
MAKE, MODEL, CAMERA, TAKEN = 0x010F, 0x0110, 0x8769, 0x9003  # EXIF's tags
FALSE_MATCHES = FalseMatches(
    expected=0.010878781634613565,
    low=0,
    high=0,
    strangers=120,
    strangers_from="120 faces of the cohort",
    extrapolated=True,
    people={ANN: 0.00661259275829452, BOB: 0.002346403881975475, CY: 0.0019197849943435705},
)
MATCH_REPORT = MatchReport(
    gallery=GALLERY,
    threshold=0.363,
    threshold_from="published by the embedder; 120 faces of the cohort are too few for one of its own",
    faces=8,
    not_faces=0,
    matches=5,
    people_found=3,
    taken=1,
    people={ANN: 2, BOB: 2, CY: 1},
    false_matches=FALSE_MATCHES,
    already_matched=True,
)


@pytest.fixture
def folder(tmp_path) -> Path:
    """What 0.1.0 left."""
    with zipfile.ZipFile(Path(__file__).with_name("warehouse_0_1_0.zip")) as archive:
        archive.extractall(tmp_path)
    os.utime(tmp_path / "list.bz2", (LISTED_AT.timestamp(),) * 2)
    return tmp_path


@pytest.fixture
def old(spark, folder) -> Warehouse:
    return Warehouse(spark, str(folder / "warehouse"))


@pytest.fixture(scope="module")
def settings():
    """Those of one machine, as they were delivered then."""
    settings = load_settings(vision={"detect": {"model": "mtcnn"}, "embed": {"model": "sface"}})
    fetch_needed_weights(settings.networks)
    return settings


@pytest.fixture
def new_photo(old, tmp_path, add_photos, photo_row):
    """A thirteenth photo, by the camera of a phone, listed and on a server; nobody is in it."""
    exif = Image.Exif()
    exif[MAKE], exif[MODEL] = "Apple", "iPhone 4"
    exif.get_ifd(CAMERA)[TAKEN] = "2011:06:12 12:30:05"
    (tmp_path / "photos").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photos" / "13.png", exif=exif)
    with PhotoServer(tmp_path / "photos") as server:
        add_photos(old, [photo_row(13, download_url=server.url("/13.png"))])
        yield 13


def runs(warehouse):
    rows = warehouse.read("runs").select("job", "unit", "inputs", "report").collect()
    return Counter((row["job"], row["unit"], row["inputs"], row["report"]) for row in rows)


def test_the_jobs_that_were_done_are_done_and_their_books_stay_as_they_were(spark, old, folder, settings, versions):
    """match, crawl and publish, in one test: each would write if it found anything to do."""
    before, tables = runs(old), versions(old)
    assert model_version(settings.vision) == MODEL_VERSION
    assert match(spark, old, settings) == MATCH_REPORT
    crawled = crawl(spark, old, settings)
    assert (crawled.model_version, crawled.photos, crawled.new_results, crawled.remaining) == (MODEL_VERSION, 12, 0, 0)
    assert crawled.statuses == {"faces": 5} | dict.fromkeys(
        ("corrupt", "gone", "http_error", "no_face", "placeholder", "suppressed", "video"), 1
    )
    assert versions(old) == tables | {"runs": tables["runs"] + 1}
    assert [(job, unit) for job, unit, *_ in runs(old) - before] == [("crawl", "0000-2047")]  # which it lacked
    publish(spark, old, settings, folder / "new site")
    for name in ("matches.json", "results.json"):
        assert (folder / "new site" / name).read_text() == (folder / "site" / name).read_text()
    assert before - runs(old) == Counter()


def test_a_column_that_is_new_since_is_added_once_and_null_in_the_rows_of_then(spark, old):
    then = spark.read.format("delta").load(old.path("results"))
    (before,) = DeltaTable.forPath(spark, old.path("results")).history(1).collect()
    assert then.columns == [name for name in RESULTS.names if name != "exif"]
    results = old.read("results")
    assert results.schema["exif"] == RESULTS["exif"]
    assert results.where("exif IS NOT NULL").isEmpty()
    assertDataFrameEqual(results.drop("exif"), then)
    (added,) = DeltaTable.forPath(spark, old.path("results")).history(1).collect()
    assert (added["operation"], added["version"]) == ("ADD COLUMNS", before["version"] + 1)
    assert old.version("results") == before["version"]  # so that nothing is matched again
    Warehouse(spark, old.folder).read("results")
    (last,) = DeltaTable.forPath(spark, old.path("results")).history(1).collect()
    assert last == added


def test_a_crawl_goes_on_in_it_and_matches_and_forgets_rows_of_both_versions(spark, old, settings, new_photo):
    local = settings.model_dump()
    local["crawl"]["fetch"]["allowed_networks"] = ["127.0.0.1/32"]
    report = crawl(spark, old, validated(local, "test"))
    assert (report.model_version, report.photos, report.new_results, report.remaining) == (MODEL_VERSION, 13, 1, 0)
    said = {row["photo_id"]: row["exif"] for row in old.read("results").collect()}
    assert (said[new_photo]["make"], said[new_photo]["model"], said[new_photo]["lens"]) == ("Apple", "iPhone 4", None)
    taken = old.read("results").where(f"photo_id = {new_photo}").select(F.unix_timestamp("exif.taken")).first()[0]
    assert taken == datetime(2011, 6, 12, 12, 30, 5, tzinfo=UTC).timestamp()
    assert {said[photo_id] for photo_id in said if photo_id != new_photo} == {None}
    assert match(spark, old, settings).matches == MATCH_REPORT.matches
    asked: list[Asked] = [("photo", str(photo_id)) for photo_id in (PHOTO_OF_BOB_AND_CY, new_photo)]
    assert forget(spark, old, settings, asked).failure is None
    left = {row["photo_id"] for row in old.read("results").collect()}
    assert left < {*said} - {PHOTO_OF_BOB_AND_CY, new_photo}  # those of the owner of then are gone for good, too


def test_what_match_makes_of_it_today_is_what_it_made_then(spark, old, settings):
    matches = old.read("matches").drop("threshold")
    then = sorted(matches.collect(), key=str)
    DeltaTable.forPath(spark, old.path("runs")).delete("job = 'match'")
    again = match(spark, old, settings)
    assert not again.already_matched
    assert (again.threshold, again.matches, again.taken) == (MATCH_REPORT.threshold, 5, 1)
    assert again.false_matches == FALSE_MATCHES
    assert sorted(matches.collect(), key=str) == then


def test_the_list_that_was_read_is_known(spark, old, folder, settings):
    """Wherever it lies by now: the table is told of the new place, as a user who moves lists has to."""
    here = f"file:{folder}/list.bz2"
    DeltaTable.forPath(spark, old.path("runs")).update("job = 'manifest'", {"unit": F.lit(here)})
    (report,) = manifest(spark, old, settings.manifest, [str(folder / "list.bz2")])
    assert report.already_read
    assert (report.lines, report.photos, report.quarantined, report.excluded) == (13, 12, {"columns": 1}, {"video": 1})
    assert isinstance(report, ListReport)


def test_the_gallery_and_its_report_are_read(old):
    report = last_report(old, "enroll", UNIT, EnrollReport)
    assert report is not None
    assert (report.gallery, report.kind, report.people, report.references) == (GALLERY, "centred_cosine", 3, 12)
    assert [photo["file"] for photo in report.unused] == [f"{CY}/small.jpg"]
    assert [finding["kind"] for finding in report.audit] == ["outlier"]
    assert report.nonface_photos == 0
    digest, stored = stored_gallery(old, MODEL_VERSION)
    gallery = load_gallery(*stored)
    assert digest == gallery.digest == GALLERY
    assert gallery.parameters.people == PEOPLE


def test_reports_are_kept_as_the_json_that_they_were(old):
    jobs = sorted((row["job"], json.loads(row["report"])) for row in old.read("runs").where("job != 'match'").collect())
    assert [job for job, _ in jobs] == ["enroll", "manifest", "publish"]
    assert all("version" not in report for _, report in jobs)


def test_who_asks_out_is_out_of_it(spark, old, settings, folder):
    """And who did then, of whom 0.1.0 left a row without what is personal, old files, and the name on the list."""
    [owner] = [row["value"] for row in old.read("suppressed").collect()]
    assert owner.encode() in b"".join(path.read_bytes() for path in (folder / "warehouse").rglob("*.json"))
    report = forget(spark, old, settings, [("person", CY), ("photo", str(PHOTO_OF_BOB_AND_CY))], site=folder / "site")
    assert (report.failure, report.traces, report.unknown) == (None, {}, [])
    assert {row["person"] for row in old.read("references").collect()} == {ANN, BOB}
    assert old.read("results").where(f"photo_id = {PHOTO_OF_BOB_AND_CY}").isEmpty()
    assert sorted(row["photo_id"] for row in old.read("matches").collect()) == [1, 3, 5]
    assert load_gallery(*stored_gallery(old, MODEL_VERSION)[1]).parameters.people == (ANN, BOB)
    assert old.read("photos").where(F.col("owner") == owner).isEmpty()
    assert {row["value"][:7] for row in old.read("suppressed").collect()} == {"sha256:"}
    left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".bz2")
    assert owner.encode() not in left
    assert old.read("suppressed").count() == 3  # the owner of then, and these two
