"""Results and gallery → matches."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import yaml
from pyspark.testing import assertSchemaEqual

from facejoin.conf.schemas import GALLERY_MODELS, MATCHES
from facejoin.jobs import show
from facejoin.jobs.enroll import stored_gallery
from facejoin.jobs.errors import JobError
from facejoin.jobs.match import match
from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.nonfaces import SURE, NonfaceFilter
from facejoin.udfs.recognition.train import Cohort, References, train

TRUTH = {1: {"Barack_Obama"}, 2: {"Eileen_Collins", "Joe_Biden"}, 3: {"Joe_Biden"}}  # of the photos with faces


def test_everyone_is_found_where_they_are_and_nowhere_else(campaign, matched):
    found = {}
    for photo_id, person in campaign.warehouse.read("matches").select("photo_id", "person").collect():
        found.setdefault(photo_id, set()).add(person)
    assert found == TRUTH
    assert (matched.faces, matched.matches, matched.people_found) == (4, 4, 3)
    assert (matched.taken, matched.not_faces) == (0, 0)
    assert matched.people == {"Barack_Obama": 1, "Eileen_Collins": 1, "Joe_Biden": 2}


def test_of_three_references_nothing_is_said_about_false_matches(matched):
    assert matched.false_matches is None


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


@pytest.fixture
def append_photo(spark):
    """(copy, photo id, change of its faces): photo 1, which shows Obama, once more and changed."""

    def append(copy, photo_id, change):
        results = copy.warehouse.read("results")
        row = results.where("photo_id = 1").first().asDict(recursive=True)
        row |= {"photo_id": photo_id, "faces": change(row["faces"])}
        copy.warehouse.append("results", spark.createDataFrame([row], results.schema))
        return row["faces"]

    return append


@pytest.fixture
def put_gallery(spark):
    """(copy, change): the campaign's gallery as changed is the one that was enrolled last."""

    def put(copy, change):
        _, stored = stored_gallery(copy.warehouse, _version(copy))
        gallery = change(load_gallery(*stored))
        row = (
            gallery.digest, gallery.parameters.kind, gallery.parameters.model_version, gallery.parameters_json(),
            gallery.arrays(), gallery.classifier_file(), datetime.now(UTC),
        )  # fmt: skip
        copy.warehouse.append("gallery_models", spark.createDataFrame([row], GALLERY_MODELS))
        return gallery

    return put


def _version(copy):
    return copy.warehouse.read("gallery_models").first()["model_version"]


def with_made_up_strangers(gallery):
    """The same references, and 400 strangers in any direction, two photos of each."""
    noise = np.random.default_rng(3).normal(size=(400, gallery.references.shape[1]))
    vectors = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    parameters, own = gallery.parameters, gallery.references
    references = References(own, own, gallery.owners, parameters.people, parameters.files)
    cohort = Cohort(vectors, np.arange(400) // 2)
    return train(references, "centred_cosine", 0.001, 0.363, parameters.model_version, cohort)


def test_of_two_faces_alike_in_one_photo_one_is_the_person_and_the_other_is_taken(
    spark, campaign, matched, copy_of, append_photo, capsys
):
    copy = copy_of(campaign)
    append_photo(copy, 21, lambda faces: faces * 2)
    report = match(spark, copy.warehouse, copy.settings)
    assert (report.faces, report.matches, report.taken) == (6, 5, 1)
    assert report.people == matched.people | {"Barack_Obama": 2}
    (row,) = copy.warehouse.read("matches").where("photo_id = 21").collect()
    assert row["person"] == "Barack_Obama" and row["face"] in (0, 1)
    show.match(report)
    assert "\n  1 faces resemble only a person who is another face of the photo\n" in capsys.readouterr().out


def test_what_the_gallerys_filter_takes_for_no_face_is_counted_and_not_matched(
    spark, campaign, matched, copy_of, append_photo, put_gallery, capsys
):
    copy = copy_of(campaign)
    (face,) = append_photo(copy, 21, lambda faces: [faces[0] | {"score": SURE - 0.01}])
    centroid = np.array([face["embedding"]], np.float32)
    put_gallery(copy, lambda gallery: replace(gallery, nonfaces=NonfaceFilter(centroid, np.array([0.99], np.float32))))
    report = match(spark, copy.warehouse, copy.settings)
    assert (report.faces, report.not_faces, report.matches) == (4, 1, 4)
    assert copy.warehouse.read("matches").where(f"gallery = '{report.gallery}' and photo_id = 21").isEmpty()
    show.match(report)
    assert "\n  1 detections are taken for no faces\n" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [{"match__fpir": 0.01}, {"match__max_false_matches": 2.0}])
def test_a_rate_or_a_budget_that_three_strangers_cannot_tell_is_an_error(
    spark, campaign, matched, copy_of, make_settings, versions, asked
):
    copy = copy_of(campaign)
    before = versions(copy.warehouse, ("matches", "runs"))
    with pytest.raises(JobError) as raised:
        match(spark, copy.warehouse, make_settings(**asked))
    assert str(raised.value) == (
        "a false-match rate cannot be told from 3 strangers' faces; at least 50 expected: "
        "enrol with a cohort of strangers (facejoin enroll --cohort DIR), or give a threshold"
    )
    assert versions(copy.warehouse, ("matches", "runs")) == before


def test_a_rate_that_no_threshold_keeps_is_an_error(spark, campaign, matched, copy_of, put_gallery, make_settings):
    copy, nobody = copy_of(campaign), np.zeros(60, int)
    put_gallery(copy, lambda gallery: replace(gallery, impostors=Impostors(np.full(60, 0.9), nobody, np.arange(60))))
    with pytest.raises(JobError, match=r"^a false-match rate of 0\.01 cannot be kept .* 1 of strangers' faces have"):
        match(spark, copy.warehouse, make_settings(match__fpir=0.01))


def test_with_a_cohort_a_budget_sets_the_threshold_and_what_is_expected_is_reported(
    spark, campaign, matched, copy_of, put_gallery, make_settings
):
    copy = copy_of(campaign)
    gallery = put_gallery(copy, with_made_up_strangers)
    report = match(spark, copy.warehouse, make_settings(match__max_false_matches=0.1))
    assert report.gallery == gallery.digest and report.faces == 4
    assert report.threshold == gallery.impostors.level(0.1 / 4)
    assert report.threshold_from == "at most 0.1 false matches expected among 4 faces"
    false = report.false_matches
    assert false.expected == pytest.approx(0.1) and false.low <= 0.1 <= false.high
    assert sum(false.people.values()) == pytest.approx(0.1) and set(false.people) == set(report.people)
    assert (false.strangers, false.strangers_from) == (400, "400 faces of the cohort") and not false.extrapolated
    assert match(spark, copy.warehouse, make_settings(match__max_false_matches=0.1)).false_matches == false
    generous = match(spark, copy.warehouse, make_settings(match__max_false_matches=40))
    assert generous.matches == 4 and generous.false_matches.expected == pytest.approx(4)


def test_the_command_takes_a_rate_and_says_what_is_expected_of_each_person(
    spark, campaign, matched, copy_of, put_gallery, facejoin, tmp_path
):
    copy, config = copy_of(campaign), tmp_path / "config.yaml"
    gallery = put_gallery(copy, with_made_up_strangers)
    config.write_text(yaml.safe_dump(campaign.settings.model_dump(mode="json") | {"warehouse": copy.warehouse.folder}))
    status, printed, _ = facejoin("match", "--config", config, "--fpir", "0.0001")
    assert status == 0
    level = gallery.impostors.level(0.0001)
    assert f"among 4 faces, threshold {level:.3f}, from: false-positive rate 0.0001\n" in printed
    assert "false matches expected: 0.0004, 95 % interval 0 to " in printed
    assert "from 400 faces of the cohort; extrapolated beyond the highest of them\n" in printed
    assert "false ones expected" in printed and "Joe_Biden" in printed
