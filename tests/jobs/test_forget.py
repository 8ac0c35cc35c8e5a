"""Who asks out is out of the tables, out of the page, and never comes back."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from named_photos import ASKED_OUT, BIDEN_AND_COLLINS, BOB, MIRRORED_BIDEN, OBAMA, OWNER_ASKED_OUT

from facejoin.jobs.crawl import crawl
from facejoin.jobs.enroll import enroll
from facejoin.jobs.erasure.asked import Asked
from facejoin.jobs.forget import forget
from facejoin.jobs.match import match
from facejoin.jobs.publish import publish
from facejoin.jobs.store.warehouse import Warehouse

pytestmark = pytest.mark.slow  # every job runs twice
PERSON, PHOTO, OWNER, OWNERS_PHOTO = "Eileen_Collins", OBAMA, BOB, MIRRORED_BIDEN  # who and what ask out


@pytest.fixture(scope="module")
def forgotten(spark, campaign, matched, tmp_path_factory):
    """A copy of the finished campaign, in which a photo, an owner and a person ask out; then every job runs again."""
    folder = tmp_path_factory.mktemp("forgotten")
    shutil.copytree(campaign.warehouse.folder, folder / "warehouse")
    warehouse = Warehouse(spark, str(folder / "warehouse"))
    copy = replace(campaign, warehouse=warehouse, site=folder / "site")
    publish(spark, warehouse, copy.settings, copy.site)
    asked: list[Asked] = [("photo", str(PHOTO.photo_id)), ("owner", OWNER), ("person", PERSON)]
    report = forget(spark, warehouse, copy.settings, asked, reason="by mail")
    erased = {
        "results": {row["photo_id"] for row in warehouse.read("results").collect()},
        "matches": {(row["photo_id"], row["person"]) for row in warehouse.read("matches").collect()},
        "people": {row["person"] for row in warehouse.read("people").collect()},
        "references": {row["person"] for row in warehouse.read("references").collect()},
        "gallery_models": warehouse.read("gallery_models").count(),
    }
    shown = publish(spark, warehouse, copy.settings, copy.site)
    asked = campaign.server.requests
    crawled = crawl(spark, warehouse, copy.settings)
    enrolled = enroll(spark, warehouse, copy.settings, copy.gallery)
    match(spark, warehouse, copy.settings)
    publish(spark, warehouse, copy.settings, copy.site)
    site = {path.name: path.read_text() for path in copy.site.rglob("*") if path.is_file()}
    return SimpleNamespace(
        campaign=copy, report=report, shown=shown, erased=erased, crawled=crawled, enrolled=enrolled, site=site,
        asked_again=campaign.server.requests - asked,
    )  # fmt: skip


def test_their_rows_are_gone_at_once(forgotten):
    erased = forgotten.erased
    assert not {PHOTO.photo_id, OWNERS_PHOTO.photo_id} & erased["results"]
    assert erased["matches"] == {(BIDEN_AND_COLLINS.photo_id, "Joe_Biden")}
    assert erased["people"] == erased["references"] == {"Barack_Obama", "Joe_Biden"}
    assert erased["gallery_models"] == 1


def test_nothing_is_left_of_them_in_any_file(forgotten):
    assert (forgotten.report.failure, forgotten.report.traces) == (None, {})
    assert forgotten.report.rows["results"] == 4  # with those of the two who had asked before
    assert forgotten.report.vectors >= 3


def test_their_photos_are_gone_and_the_others_stay_with_who_asked_before(forgotten, campaign):
    """Who was on the list of an older version is erased with them."""
    photos = {row["photo_id"]: row for row in forgotten.campaign.warehouse.read("photos").collect()}
    gone = {PHOTO, OWNERS_PHOTO, ASKED_OUT, OWNER_ASKED_OUT}
    assert {*photos} == {photo.photo_id for photo in {*campaign.rows} - gone}
    assert photos[BIDEN_AND_COLLINS.photo_id]["title"] == campaign.rows[BIDEN_AND_COLLINS].title


def test_the_others_are_published_before_anything_else_runs(forgotten):
    assert (forgotten.shown.people, forgotten.shown.pictures) == (2, 1)


def test_later_jobs_pass_them_over(forgotten):
    assert forgotten.crawled.new_results == 0
    assert forgotten.crawled.remaining == 0
    assert not forgotten.asked_again
    assert forgotten.enrolled.people == 2
    people = {row["person"] for row in forgotten.campaign.warehouse.read("references").collect()}
    assert PERSON not in people


def test_they_are_nowhere_on_the_page(forgotten, campaign):
    hidden = [PERSON, campaign.rows[PHOTO].download_url, campaign.rows[OWNERS_PHOTO].download_url, OWNER]
    for name, text in forgotten.site.items():
        assert not [word for word in hidden if word in text], name
    results = json.loads(forgotten.site["results.json"])
    assert [(person["name"], len(person["foundPics"])) for person in results] == [("Barack_Obama", 0), ("Joe_Biden", 1)]
