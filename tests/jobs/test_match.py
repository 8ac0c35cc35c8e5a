"""Results and gallery → matches."""

import pytest
from pyspark.testing import assertSchemaEqual

from facejoin.conf.schemas import MATCHES
from facejoin.jobs.match import match

TRUTH = {1: {"Barack_Obama"}, 2: {"Eileen_Collins", "Joe_Biden"}, 3: {"Joe_Biden"}}  # of the photos with faces


def test_everyone_is_found_where_they_are_and_nowhere_else(campaign, matched):
    found = {}
    for photo_id, person in campaign.warehouse.read("matches").select("photo_id", "person").collect():
        found.setdefault(photo_id, set()).add(person)
    assert found == TRUTH
    assert (matched.faces, matched.matches, matched.people_found) == (4, 4, 3)


def test_a_match_says_how_sure_it_is_and_who_else_it_could_be(campaign, matched):
    rows = campaign.warehouse.read("matches").collect()
    assertSchemaEqual(campaign.warehouse.read("matches").schema, MATCHES)
    for row in rows:
        assert row["nearest_reference"].startswith(f"{row['person']}/")
        assert row["runner_up"] in {"Barack_Obama", "Eileen_Collins", "Joe_Biden"} - {row["person"]}
        assert row["runner_up_confidence"] < row["confidence"] <= 1
        assert row["similarity"] >= row["threshold"] == matched.threshold
        assert row["nearest_similarity"] == pytest.approx(row["similarity"], abs=0.1)  # off the centre
        assert row["gallery"] == matched.gallery and len(row["box"]) == 4
    assert sorted((row["photo_id"], row["face"]) for row in rows) == [(1, 0), (2, 0), (2, 1), (3, 0)]


def test_matching_again_changes_nothing(spark, campaign, matched, versions):
    before = versions(campaign.warehouse, ("matches", "runs"))
    again = match(spark, campaign.warehouse, campaign.settings)
    assert again.already_matched and vars(again) | {"already_matched": False} == vars(matched)
    assert versions(campaign.warehouse, ("matches", "runs")) == before


@pytest.mark.slow
def test_a_threshold_of_ones_own_replaces_the_gallerys(spark, campaign, matched, copy_of, make_settings):
    copy = copy_of(campaign)
    similarities = sorted(row["similarity"] for row in copy.warehouse.read("matches").collect())
    threshold = (similarities[0] + similarities[1]) / 2
    report = match(spark, copy.warehouse, make_settings(match__threshold=threshold))
    assert (report.threshold, report.matches) == (threshold, 3)
    kept = copy.warehouse.read("matches").select("similarity", "threshold").collect()
    assert sorted(kept) == [(similarity, threshold) for similarity in similarities[1:]]


def test_results_that_came_later_are_matched_too(spark, campaign, matched, copy_of):
    copy = copy_of(campaign)
    later = copy.warehouse.read("results").where("photo_id = 1").collect()[0].asDict(recursive=True)
    rows = [later | {"photo_id": 21}, later | {"photo_id": 22, "status": "no_face", "faces": None}]
    copy.warehouse.append("results", spark.createDataFrame(rows, copy.warehouse.read("results").schema))
    report = match(spark, copy.warehouse, copy.settings)
    assert not report.already_matched and (report.faces, report.matches) == (5, 5)
    assert copy.warehouse.read("matches").where("photo_id = 21").first()["person"] == "Barack_Obama"
