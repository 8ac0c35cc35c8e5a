"""Results and gallery → matches."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import yaml
from named_photos import OBAMA, OF_PEOPLE, PEOPLE
from pyspark.testing import assertSchemaEqual

from facejoin.cli import reports as show
from facejoin.conf.schemas import GALLERY_MODELS, MATCHES
from facejoin.jobs.match import match
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.galleries import stored_gallery
from facejoin.jobs.waves.asked import Asked
from facejoin.jobs.waves.books import count_books
from facejoin.jobs.waves.placeholders import known_placeholders
from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.nonface_filter import NonfaceFilter
from facejoin.udfs.recognition.training.train import Cohort, TrainingSet, train

WITH_COHORT = "facejoin enroll DIR --cohort STRANGERS"
ANOTHER, A_THIRD = 21, 22  # photos that are nowhere but in a copy's results


def test_everyone_is_found_where_they_are_and_nowhere_else(campaign, matched):
    found: dict[int, set[str]] = {}
    for photo_id, person in campaign.warehouse.read("matches").select("photo_id", "person").collect():
        found.setdefault(photo_id, set()).add(person)
    assert found == {photo.photo_id: photo.people for photo in OF_PEOPLE}
    assert (matched.faces, matched.matches, matched.people_found) == (4, 4, 3)
    assert (matched.taken, matched.not_faces) == (0, 0)
    assert matched.people == {"Barack_Obama": 1, "Eileen_Collins": 1, "Joe_Biden": 2}


def test_of_three_references_nothing_is_said_about_false_matches_but_how_to_know_more(matched, capsys):
    assert matched.false_matches is None
    show.match(matched, WITH_COHORT)
    line = f"  how many are false cannot be told: too few strangers are known; for more: {WITH_COHORT}"
    assert line in capsys.readouterr().out.splitlines()


def test_a_match_says_how_sure_it_is_and_who_else_it_could_be(campaign, matched):
    rows = campaign.warehouse.read("matches").collect()
    assertSchemaEqual(campaign.warehouse.read("matches").schema, MATCHES)
    for row in rows:
        assert row["nearest_reference"].startswith(f"{row['person']}/")
        assert row["runner_up"] in {*PEOPLE} - {row["person"]}
        assert row["runner_up_confidence"] < row["confidence"] <= 1
        assert row["similarity"] >= row["threshold"] == matched.threshold
        assert row["nearest_similarity"] == pytest.approx(row["similarity"], abs=0.1)  # off the centre
        assert row["gallery"] == matched.gallery
        assert len(row["box"]) == 4
    assert sorted((row["photo_id"], row["face"]) for row in rows) == [
        (photo.photo_id, face) for photo in OF_PEOPLE for face in range(len(photo.people))
    ]


def test_matching_again_changes_nothing(spark, campaign, matched, versions):
    before = versions(campaign.warehouse, ("matches", "runs"))
    again = match(spark, campaign.warehouse, campaign.settings)
    assert again.already_matched
    assert vars(again) | {"already_matched": False} == vars(matched)
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
    later = copy.warehouse.read("results").where(f"photo_id = {OBAMA.photo_id}").first().asDict(recursive=True)
    rows = [later | {"photo_id": ANOTHER}, later | {"photo_id": A_THIRD, "status": "no_face", "faces": None}]
    copy.warehouse.append("results", spark.createDataFrame(rows, copy.warehouse.read("results").schema))
    report = match(spark, copy.warehouse, copy.settings)
    assert not report.already_matched
    assert (report.faces, report.matches) == (5, 5)
    assert copy.warehouse.read("matches").where(f"photo_id = {ANOTHER}").first()["person"] == "Barack_Obama"


def test_matches_of_what_is_learnt_to_be_a_placeholder_are_gone_from_the_next_match(spark, campaign, matched, copy_of):
    copy = copy_of(campaign)
    photos = copy.warehouse.read("photos")
    obama = copy.warehouse.read("results").where(f"photo_id = {OBAMA.photo_id}").first().asDict(recursive=True)
    of_him = photos.where(f"photo_id = {OBAMA.photo_id}").first().asDict(recursive=True)
    same_file = [(ANOTHER, "a second owner"), (A_THIRD, "a third owner")]
    for table, row in (("results", obama), ("photos", of_him)):
        owned = {"photos": lambda owner: {"owner": owner}, "results": lambda owner: {}}[table]
        rows = [row | {"photo_id": photo} | owned(owner) for photo, owner in same_file]
        copy.warehouse.append(table, spark.createDataFrame(rows, copy.warehouse.read(table).schema))
    before = match(spark, copy.warehouse, copy.settings)
    assert before.people["Barack_Obama"] == 1 + len(same_file)
    crawl = copy.settings.crawl.model_copy(update={"placeholder_owners": 3})
    placeholders = known_placeholders(copy.warehouse, _version(copy), crawl)
    placeholders.learn_of_all(count_books(copy.warehouse, _version(copy), Asked()))
    assert placeholders.learnt == {obama["sha256"]: 3}
    after = match(spark, copy.warehouse, copy.settings)
    assert not after.already_matched
    assert after.people == matched.people | {"Barack_Obama": 0}
    assert copy.warehouse.read("matches").where("person = 'Barack_Obama'").isEmpty()


@pytest.fixture
def append_photo(spark):
    """(copy, change of its faces): the photo of Obama as ANOTHER one, changed → its faces before."""

    def append(copy, change):
        results = copy.warehouse.read("results")
        row = results.where(f"photo_id = {OBAMA.photo_id}").first().asDict(recursive=True)
        row |= {"photo_id": ANOTHER, "faces": change(row["faces"])}
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
    references = TrainingSet(own, own, gallery.owners, parameters.people, parameters.files)
    cohort = Cohort(vectors, np.arange(400) // 2)
    return train(references, "centred_cosine", 0.001, 0.363, parameters.model_version, cohort)


def test_of_two_faces_alike_in_one_photo_one_is_the_person_and_the_other_is_taken(
    spark, campaign, matched, copy_of, append_photo, capsys
):
    copy = copy_of(campaign)
    append_photo(copy, lambda faces: faces * 2)
    report = match(spark, copy.warehouse, copy.settings)
    assert (report.faces, report.matches, report.taken) == (6, 5, 1)
    assert report.people == matched.people | {"Barack_Obama": 2}
    (row,) = copy.warehouse.read("matches").where(f"photo_id = {ANOTHER}").collect()
    assert row["person"] == "Barack_Obama"
    assert row["face"] in (0, 1)
    show.match(report, WITH_COHORT)
    assert "\n  1 faces resemble only a person who is another face of the photo\n" in capsys.readouterr().out


def test_what_the_gallerys_filter_takes_for_no_face_is_counted_and_not_matched(
    spark, campaign, matched, copy_of, append_photo, put_gallery, capsys
):
    copy = copy_of(campaign)
    (face,) = append_photo(copy, lambda faces: [faces[0] | {"score": 0.59}])
    centroid = np.array([face["embedding"]], np.float32)
    put_gallery(
        copy, lambda gallery: replace(gallery, nonfaces=NonfaceFilter(centroid, np.array([0.99], np.float32), 0.6))
    )
    report = match(spark, copy.warehouse, copy.settings)
    assert (report.faces, report.not_faces, report.matches) == (4, 1, 4)
    assert copy.warehouse.read("matches").where(f"gallery = '{report.gallery}' and photo_id = {ANOTHER}").isEmpty()
    show.match(report, WITH_COHORT)
    assert "\n  1 detections are taken for no faces\n" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [{"match__fpir": 0.01}, {"match__max_false_matches": 2.0}])
def test_a_rate_or_a_budget_that_three_strangers_cannot_tell_is_an_error(
    spark, campaign, matched, make_settings, versions, asked
):
    before = versions(campaign.warehouse, ("matches", "runs"))
    with pytest.raises(JobError) as raised:
        match(spark, campaign.warehouse, make_settings(**asked))
    assert str(raised.value) == (
        "a false-match rate cannot be told from 3 strangers' faces; at least 50 expected: "
        "enrol with a cohort of strangers (facejoin enroll GALLERY --cohort DIR), or give a threshold"
    )
    assert versions(campaign.warehouse, ("matches", "runs")) == before


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
    assert report.gallery == gallery.digest
    assert report.faces == 4
    assert report.threshold == gallery.impostors.threshold_for(0.1 / 4)
    assert report.threshold_from == "at most 0.1 false matches expected among 4 faces"
    false = report.false_matches
    assert false is not None
    assert false.expected == pytest.approx(0.1)
    assert false.low <= 0.1 <= false.high
    assert sum(false.people.values()) == pytest.approx(0.1)
    assert set(false.people) == set(report.people)
    assert (false.strangers, false.strangers_from) == (400, "400 faces of the cohort")
    assert not false.extrapolated
    assert match(spark, copy.warehouse, make_settings(match__max_false_matches=0.1)).false_matches == false
    generous = match(spark, copy.warehouse, make_settings(match__max_false_matches=40))
    assert generous.matches == 4
    assert generous.false_matches is not None
    assert generous.false_matches.expected == pytest.approx(4)


def test_the_command_takes_a_rate_and_says_what_is_expected_of_each_person(
    spark, campaign, matched, copy_of, put_gallery, facejoin, tmp_path
):
    copy, config = copy_of(campaign), tmp_path / "config.yaml"
    gallery = put_gallery(copy, with_made_up_strangers)
    config.write_text(yaml.safe_dump(campaign.settings.model_dump(mode="json") | {"warehouse": copy.warehouse.folder}))
    status, printed, _ = facejoin("match", "--config", config, "--fpir", "0.0001")
    assert status == 0
    threshold = gallery.impostors.threshold_for(0.0001)
    assert f"among 4 faces, threshold {threshold:.3f}, from: false-positive rate 0.0001\n" in printed
    assert "false matches expected: 0.0004, 95 % interval 0 to " in printed
    assert "from 400 faces of the cohort; extrapolated beyond the highest of them\n" in printed
    assert "false ones expected" in printed
    assert "Joe_Biden" in printed


def test_scores_of_all_faces_are_counted_matched_or_not(campaign, matched, capsys):
    assert sum(matched.confidences.counts) == sum(matched.similarities.counts) == matched.faces
    rows = campaign.warehouse.read("matches").select("confidence", "similarity").collect()  # here all are matched
    for name, counted in (("confidence", matched.confidences), ("similarity", matched.similarities)):
        values = np.array([row[name] for row in rows])
        assert (counted.mean, counted.deviation) == pytest.approx((values.mean(), values.std()))
        assert counted.above["0.5"] == np.mean(values >= 0.5)
    assert matched.similarities.above[f"{matched.threshold:g}"] == 1
    show.match(matched, WITH_COHORT)
    assert "  confidence of all faces compared: mean " in capsys.readouterr().out


def test_who_takes_most_of_the_matches_is_named_in_a_warning(spark, campaign, matched, copy_of, capsys):
    copy = copy_of(campaign)
    results = copy.warehouse.read("results")
    obama = results.where(f"photo_id = {OBAMA.photo_id}").first().asDict(recursive=True)
    rows = [obama | {"photo_id": ANOTHER + number} for number in range(20)]
    copy.warehouse.append("results", spark.createDataFrame(rows, results.schema))
    report = match(spark, copy.warehouse, copy.settings)
    assert matched.warnings == []
    [warning] = report.warnings
    assert warning.startswith("Barack_Obama has 88 % of all 24 matches: ")
    show.match(report, WITH_COHORT)
    assert f"  warning: {warning}" in capsys.readouterr().out.splitlines()
