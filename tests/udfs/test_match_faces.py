"""Faces → who they are, on Arrow batches as Spark sends them, without Spark."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from facejoin.jobs.match import SCORED
from facejoin.udfs.arrow import arrow_schema
from facejoin.udfs.match_faces import PHOTOS, match_faces
from facejoin.udfs.recognition.nonface_filter import SURE, NonfaceFilter
from facejoin.udfs.recognition.training.train import TrainingSet, train

DIMENSIONS = 8
ANN, BOB, CY, STRANGER, PATTERN = np.eye(DIMENSIONS, dtype=np.float32)[:5]  # the last: what looks like a face
THRESHOLD, SHARE = 0.6, 0.001
FACE = pa.struct(
    {
        "face": pa.int32(),
        "size": pa.float32(),
        "box": pa.list_(pa.float32()),
        "score": pa.float32(),
        "embedding": pa.list_(pa.float32()),
    }
)
PHOTO = pa.schema({"photo_id": pa.int64(), "faces": pa.list_(FACE)})


def like(*parts):
    """A unit vector; with likenesses to match, such as like(0.8 * ANN, 0.6 * STRANGER): cosine 0.8 with Ann."""
    mixed = np.sum(parts, axis=0)
    return mixed / np.linalg.norm(mixed)


def gallery_of(kind="cosine", **people):
    """Person → vectors of the references."""
    vectors = np.array([vector for own in people.values() for vector in own], np.float32)
    owners = np.repeat(np.arange(len(people)), [len(own) for own in people.values()])
    files = tuple(f"{person}/{number}.jpg" for person, own in people.items() for number in range(len(own)))
    references = TrainingSet(vectors, vectors, owners, tuple(people), files)
    return train(references, kind, fpir=0.001, same_person=0.363, model_version="made up")


@pytest.fixture(scope="module")
def gallery():
    return gallery_of(Ann=[ANN, like(ANN, 0.1 * CY)], Bob=[BOB])


def batch(*photos):
    """(photo id, its faces: a vector, or a vector and the detector's score, each) → what Spark sends."""
    rows = []
    for photo_id, faces in photos:
        found = [face if isinstance(face, tuple) else (face, 0.99) for face in faces]
        rows.append(
            {
                "photo_id": photo_id,
                "faces": [
                    {
                        "face": number,
                        "size": 50.0,
                        "box": [number, photo_id, 50, 60],
                        "score": detector,
                        "embedding": vector.astype(np.float32),
                    }
                    for number, (vector, detector) in enumerate(found)
                ],
            }
        )
    return pa.RecordBatch.from_pylist(rows, PHOTO)


@pytest.fixture(scope="module")
def matched(gallery):
    def matched(*batches, gallery=gallery, threshold=THRESHOLD):
        """→ the batches that come back."""
        stored = (gallery.parameters_json(), gallery.arrays(), gallery.classifier_file())
        return list(match_faces(stored, SHARE, threshold, SCORED)(iter(batches)))

    return matched


def rows_of(batches):
    return [row for found in batches for row in found.to_pylist()]


def decisions(batches):
    return {(row["photo_id"], row["face"]): (row["decision"], row["person"]) for row in rows_of(batches)}


def test_a_row_is_a_face_with_its_photo_its_place_and_its_box(matched):
    rows = rows_of(matched(batch((7, [STRANGER, ANN]), (3, []), (5, [BOB]))))
    assert [(row["photo_id"], row["face"], row["box"][:2]) for row in rows] == [
        (7, 0, [0, 7]),
        (7, 1, [1, 7]),
        (5, 0, [0, 5]),
    ]


def test_a_row_says_who_it_is_how_sure_that_is_and_who_else_it_could_be(matched, gallery):
    (row,) = rows_of(matched(batch((1, [like(0.9 * ANN, 0.3 * BOB)]))))
    assert (row["person"], row["runner_up"], row["decision"]) == ("Ann", "Bob", "accepted")
    assert row["similarity"] == row["evidence"] == pytest.approx(0.9 / np.hypot(0.9, 0.3), abs=0.01)
    expected = gallery.parameters.curve.confidence(np.array([row["similarity"], row["runner_up_confidence"]]), SHARE)
    assert row["confidence"] == pytest.approx(expected[0])
    assert 0 < row["runner_up_confidence"] < row["confidence"] < 1
    assert row["nearest_reference"] == "Ann/0.jpg"
    assert row["nearest_similarity"] == pytest.approx(0.9 / np.hypot(0.9, 0.3))


def test_the_batches_have_the_schema_that_spark_expects(matched):
    found = matched(batch((1, [ANN])), batch((2, [BOB, STRANGER])))
    assert [each.schema for each in found] == [arrow_schema(SCORED)] * 2
    for each in found:
        each.validate(full=True)


def test_nothing_comes_of_batches_without_photos_or_faces(matched):
    assert matched() == []
    assert matched(batch(), batch((1, []), (2, []))) == []
    assert decisions(matched(batch(), batch((1, []), (2, [ANN])))) == {(2, 0): ("accepted", "Ann")}


def test_a_batch_that_is_a_part_of_a_larger_one_is_read_from_where_it_starts(matched):
    part = batch((1, [ANN]), (2, []), (3, [BOB, STRANGER]), (4, [ANN])).slice(1, 2)
    assert decisions(matched(part)) == {(3, 0): ("accepted", "Bob"), (3, 1): ("below", "Ann")}


def test_each_decision_has_its_faces(matched, gallery):
    filtered = replace(gallery, nonfaces=NonfaceFilter(PATTERN[None], np.array([0.9], np.float32)))
    photos = batch(
        (1, [ANN]),
        (2, [like(0.5 * ANN, 0.85 * STRANGER)]),  # not enough
        (3, [like(0.7 * ANN, 0.7 * STRANGER), ANN]),  # the second one is Ann
        (4, [(PATTERN, SURE - 0.01)]),
        (5, [(PATTERN, SURE)]),  # of which the detector is sure
    )
    found = {face: decision for face, (decision, _) in decisions(matched(photos, gallery=filtered)).items()}
    assert found == {
        (1, 0): "accepted",
        (2, 0): "below",
        (3, 0): "taken",
        (3, 1): "accepted",
        (4, 0): "no_face",
        (5, 0): "below",
    }


def test_a_person_is_on_a_photo_once_and_on_every_photo(matched):
    twins = [ANN, like(ANN, 0.05 * STRANGER)]
    for batches in ([batch((1, twins), (2, twins))], [batch((1, twins)), batch((2, twins))]):
        found = Counter((photo, *decision) for (photo, _), decision in decisions(matched(*batches)).items())
        assert found == {(n, word, "Ann"): 1 for n in (1, 2) for word in ("accepted", "taken")}


def test_who_loses_a_person_to_another_face_is_given_the_next_one(matched):
    both = like(0.75 * ANN, 0.7 * BOB)
    assert decisions(matched(batch((1, [both, ANN])))) == {(1, 0): ("accepted", "Bob"), (1, 1): ("accepted", "Ann")}


def test_a_threshold_above_is_reached_by_nobody(matched):
    assert set(decisions(matched(batch((1, [ANN, BOB])), threshold=1.1)).values()) == {
        ("below", "Ann"),
        ("below", "Bob"),
    }


def test_in_a_gallery_of_one_there_is_no_runner_up(matched):
    (row,) = rows_of(matched(batch((1, [ANN])), gallery=gallery_of(Ann=[ANN])))
    assert row["person"] == "Ann"
    assert (row["runner_up"], row["runner_up_confidence"]) == (None, None)


def test_a_classifier_decides_by_its_confidence(matched):
    rng = np.random.default_rng(0)
    scattered = {
        name: [like(own, 0.5 * rng.normal(size=DIMENSIONS)) for _ in range(6)]
        for name, own in (("Ann", ANN), ("Bob", BOB))
    }
    likeliest = gallery_of("gaussian_nb", **scattered)
    (row,) = rows_of(matched(batch((1, [like(ANN, 0.8 * BOB)])), gallery=likeliest, threshold=0.5))
    assert (row["person"], row["decision"]) == ("Ann", "accepted")
    assert 0.5 <= row["confidence"] < 1
    assert row["evidence"] == pytest.approx(np.log(row["confidence"] / (1 - row["confidence"])), rel=1e-3)


def test_at_most_a_thousand_photos_are_compared_at_once(matched):
    """However many Spark sends; what is found does not depend on where a batch is cut."""
    photos = [(n, [(ANN, BOB, STRANGER)[n % 3]] * (1 + n % 2)) for n in range(2 * PHOTOS + 3)]
    found = matched(batch(*photos))
    assert PHOTOS == 1_000
    assert [len({row["photo_id"] for row in each.to_pylist()}) for each in found] == [PHOTOS, PHOTOS, 3]
    assert rows_of(found) == rows_of(matched(*(batch(photo) for photo in photos[:5]))) + rows_of(found)[7:]
