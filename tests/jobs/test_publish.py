"""Matches → the two JSON files, the figures and the page."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from named_photos import BIDEN_AND_COLLINS, MIRRORED_BIDEN, OBAMA, OF_PEOPLE, PEOPLE

from facejoin.conf.schemas import SUPPRESSED
from facejoin.conf.settings import SettingsError
from facejoin.jobs.publish import publish
from facejoin.jobs.site.pages import expected_false, results_json
from facejoin.jobs.store.match_report import FalseMatches, MatchReport
from facejoin.jobs.store.once import Run, record

FIRST = ["URL", "location", "rank"]  # the study's own fields of a picture
FURTHER = {"confidence", "pageURL", "latitude", "longitude", "licence", "owner", "box"}  # what the issue adds at least


@pytest.fixture(scope="module")
def files(published, campaign):
    """matches.json, results.json"""
    return [json.loads((campaign.site / name).read_text()) for name in ("matches.json", "results.json")]


def test_matches_json_is_sorted_by_confidence_and_person(files, campaign):
    matches, _ = files
    assert [list(match) for match in matches] == [["url", "person", "conf"]] * 4
    assert matches == sorted(matches, key=lambda match: (-match["conf"], match["person"]))
    found = {(match["url"], match["person"]) for match in matches}
    assert found == {(campaign.rows[photo].download_url, name) for photo in OF_PEOPLE for name in photo.people}


def test_results_json_has_persons_by_name_and_pictures_by_rank(files):
    _, results = files
    assert [list(person) for person in results] == [["name", "profilePic", "foundPics"]] * 3
    assert [person["name"] for person in results] == [*PEOPLE]
    for person in results:
        pictures = person["foundPics"]
        assert [picture["rank"] for picture in pictures] == list(range(len(pictures)))
        assert pictures == sorted(pictures, key=lambda picture: -picture["confidence"])
        assert all(list(picture)[:3] == FIRST and {*picture} >= FURTHER for picture in pictures)
        assert person["profilePic"] == pictures[0]["URL"]
        assert person["profilePic"].startswith("http://")


def test_pictures_lie_in_the_nearest_town_and_those_without_a_place_in_none(files, campaign):
    _, results = files
    places = {p["URL"]: (p["location"], p["latitude"]) for person in results for p in person["foundPics"]}
    towns = {OBAMA: "Paris", MIRRORED_BIDEN: "Nairobi", BIDEN_AND_COLLINS: None}
    assert places == {campaign.rows[photo].download_url: (town, photo.place[0]) for photo, town in towns.items()}


def test_a_picture_carries_what_its_page_shows(files, campaign):
    _, results = files
    [picture], row = results[0]["foundPics"], campaign.rows[OBAMA]
    assert (picture["pageURL"], picture["owner"], picture["ownerName"]) == (row.page_url, row.owner, row.nickname)
    assert (picture["licence"], picture["licenceURL"]) == (row.licence, row.licence_url)
    assert picture["dateTaken"] == "2011-11-07 07:20:22"
    assert picture["title"] == row.title
    left, top, right, bottom = picture["box"]
    assert 0 <= left < right <= picture["width"]
    assert 0 <= top < bottom <= picture["height"]


def test_publishing_again_leaves_the_files_alone(spark, campaign, published, versions):
    before = {path: path.stat().st_mtime_ns for path in campaign.site.rglob("*")}
    runs = campaign.warehouse.version("runs")
    again = publish(spark, campaign.warehouse, campaign.settings, campaign.site)
    assert again.already_published
    assert vars(again) | {"already_published": False} == vars(published)
    assert {path: path.stat().st_mtime_ns for path in campaign.site.rglob("*")} == before
    assert campaign.warehouse.version("runs") == runs


def test_the_figures_are_well_formed_and_the_page_shows_each(campaign, published):
    assert published.figures == ["figures/confidences.svg", "figures/training.svg", "figures/people.svg"]
    page = (campaign.site / "index.html").read_text()
    for name in published.figures:
        assert ElementTree.parse(campaign.site / name).getroot().tag.endswith("svg")
        assert f'"file":"{name}"' in page
    people = (campaign.site / "figures/people.svg").read_text()
    assert all(name.replace("_", " ") in people for name in PEOPLE)


def test_a_figure_that_was_deleted_is_drawn_again_alike(spark, campaign, published, copy_of):
    own = copy_of(campaign)
    publish(spark, own.warehouse, own.settings, own.site)
    figure = own.site / "figures/people.svg"
    before = figure.read_bytes()
    figure.unlink()
    again = publish(spark, own.warehouse, own.settings, own.site)
    assert not again.already_published
    assert figure.read_bytes() == before


def test_a_person_who_asked_out_is_in_no_file(spark, campaign, published, copy_of):
    own = copy_of(campaign)
    asked = [("person", "Joe_Biden", None, None)]
    own.warehouse.append("suppressed", spark.createDataFrame(asked, SUPPRESSED))
    publish(spark, own.warehouse, own.settings, own.site)
    assert (own.site / "figures/people.svg").exists()
    assert [path for path in own.site.rglob("*") if path.is_file() and "Biden" in path.read_text()] == []


def test_false_matches_are_those_that_the_last_matching_expects(spark, warehouse):
    assert expected_false(warehouse, "g") is None
    report = MatchReport("g", 0.5, "as given", 2, 0, 1, 1, 0)
    strangers = FalseMatches(0.5, 0, 2, 50, "50 faces", False, {"Ann": 0.5})
    record(warehouse, [(Run("match", "g", "first"), replace(report, false_matches=strangers))], 1.0)
    assert expected_false(warehouse, "g") == {"Ann": 0.5}
    record(warehouse, [(Run("match", "g", "second"), report)], 1.0)
    assert expected_false(warehouse, "g") is None


def test_a_person_who_is_found_nowhere_is_on_the_page_without_a_picture():
    assert results_json(["Bob", "Ann"], [], {}) == [
        {"name": "Ann", "profilePic": None, "foundPics": []},
        {"name": "Bob", "profilePic": None, "foundPics": []},
    ]


def test_a_site_below_a_file_is_a_setting_that_cannot_work(spark, campaign, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SettingsError, match=r"the site .*/file/site cannot be written"):
        publish(spark, campaign.warehouse, campaign.settings, tmp_path / "file" / "site")
