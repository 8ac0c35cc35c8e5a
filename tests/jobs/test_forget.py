"""Who asks out is out of the tables, out of the page, and never comes back."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from named_photos import BIDEN_AND_COLLINS, BOB, MIRRORED_BIDEN, OBAMA

from facejoin.conf.schemas import PERSONAL
from facejoin.conf.settings import SettingsError
from facejoin.jobs.crawl import crawl
from facejoin.jobs.enroll import enroll
from facejoin.jobs.forget import Kind, forget
from facejoin.jobs.match import match
from facejoin.jobs.publish import publish
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.warehouse import Warehouse

pytestmark = pytest.mark.slow  # every job runs twice
PERSON, PHOTO, OWNER, OWNERS_PHOTO = "Eileen_Collins", OBAMA, BOB, MIRRORED_BIDEN  # who and what ask out


@pytest.fixture(scope="module")
def forgotten(spark, campaign, published, tmp_path_factory):
    """A copy of the finished campaign, in which a photo, an owner and a person ask out; then every job runs again."""
    folder = tmp_path_factory.mktemp("forgotten")
    shutil.copytree(campaign.warehouse.folder, folder / "warehouse")
    warehouse = Warehouse(spark, str(folder / "warehouse"))
    copy = replace(campaign, warehouse=warehouse, site=folder / "site")
    asked: list[tuple[Kind, str]] = [("photo", str(PHOTO.photo_id)), ("owner", OWNER), ("person", PERSON)]
    for kind, value in asked:
        forget(spark, warehouse, kind, value, "by mail")
    erased = {
        "results": {row["photo_id"] for row in warehouse.read("results").collect()},
        "matches": {(row["photo_id"], row["person"]) for row in warehouse.read("matches").collect()},
        "people": {row["person"] for row in warehouse.read("people").collect()},
        "references": {row["person"] for row in warehouse.read("references").collect()},
        "gallery_models": warehouse.read("gallery_models").count(),
    }
    with pytest.raises(JobError, match="run `facejoin enroll` first"):
        publish(spark, warehouse, copy.settings, copy.site)
    asked = campaign.server.requests
    crawled = crawl(spark, warehouse, copy.settings)
    enrolled = enroll(spark, warehouse, copy.settings, copy.gallery)
    match(spark, warehouse, copy.settings)
    publish(spark, warehouse, copy.settings, copy.site)
    site = {path.name: path.read_text() for path in copy.site.rglob("*") if path.is_file()}
    return SimpleNamespace(
        campaign=copy, erased=erased, crawled=crawled, enrolled=enrolled, site=site,
        asked_again=campaign.server.requests - asked,
    )  # fmt: skip


def test_their_rows_are_gone_at_once(forgotten):
    erased = forgotten.erased
    assert not {PHOTO.photo_id, OWNERS_PHOTO.photo_id} & erased["results"]
    assert erased["matches"] == {(BIDEN_AND_COLLINS.photo_id, "Joe_Biden")}
    assert erased["people"] == erased["references"] == {"Barack_Obama", "Joe_Biden"}
    assert erased["gallery_models"] == 0


def test_their_photos_stay_in_the_books_without_what_is_personal(forgotten, campaign):
    photos = {row["photo_id"]: row for row in forgotten.campaign.warehouse.read("photos").collect()}
    assert len(photos) == len(campaign.rows)
    for photo in (PHOTO, OWNERS_PHOTO):
        assert all(photos[photo.photo_id][name] is None for name in PERSONAL)
        assert photos[photo.photo_id]["bucket"] is not None
    assert photos[BIDEN_AND_COLLINS.photo_id]["title"] == campaign.rows[BIDEN_AND_COLLINS].title


def test_later_jobs_pass_them_over(forgotten, statuses_by_photo):
    assert forgotten.crawled.new_results == 2
    assert forgotten.crawled.remaining == 0
    statuses = statuses_by_photo(forgotten.campaign.warehouse)
    assert statuses[PHOTO] == statuses[OWNERS_PHOTO] == ["suppressed"]
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


def test_asking_twice_is_on_the_list_once(spark, forgotten):
    warehouse = forgotten.campaign.warehouse
    before = warehouse.read("suppressed").count()
    forget(spark, warehouse, "photo", str(PHOTO.photo_id))
    assert warehouse.read("suppressed").count() == before


def test_a_photo_is_named_by_its_number(spark, warehouse):
    with pytest.raises(SettingsError, match="by its number, not by 'abc'"):
        forget(spark, warehouse, "photo", "abc")
