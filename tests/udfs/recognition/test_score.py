from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.nonface_filter import SURE, NonfaceFilter
from facejoin.udfs.recognition.score import DECISIONS, Probes, Scores, score
from facejoin.udfs.recognition.scorer import SUREST, log_odds, off_centre
from facejoin.udfs.recognition.training.kinds import CLASSIFIERS, KINDS

SHARE = 0.001


@pytest.fixture(scope="module")
def faces(make_crowd: Callable) -> np.ndarray:
    """Photos of six people who are in the galleries here, and of 40 who are not."""
    return np.vstack([make_crowd(6).photos(5, seed=2)[0], make_crowd(40, seed=9).photos(1, seed=3)[0]])


@pytest.fixture(scope="module", params=KINDS)
def gallery(request: pytest.FixtureRequest, make_crowd: Callable, make_gallery: Callable) -> Gallery:
    return make_gallery(*make_crowd(6).photos(6, seed=1), kind=request.param, fpir=0.3)


@pytest.fixture(scope="module")
def scores(gallery: Gallery, faces: np.ndarray, recognise: Callable) -> Scores:
    return recognise(gallery, faces)


def hand_made(make_gallery: Callable) -> Gallery:
    """a at 0 degrees, b at 90 with a second reference at 60, c at 180."""
    degrees = np.radians([0, 90, 60, 180])
    references = np.stack([np.cos(degrees), np.sin(degrees)], axis=1).astype(np.float32)
    return make_gallery(references, np.array([0, 1, 1, 2]))


def test_every_field_has_one_entry_a_face(scores: Scores, faces: np.ndarray) -> None:
    assert all(getattr(scores, name).shape == (len(faces),) for name in Scores.__dataclass_fields__)


def test_confidences_are_probabilities_and_the_runner_ups_is_not_larger(scores: Scores) -> None:
    assert ((scores.confidence >= 0) & (scores.confidence <= 1)).all()
    assert (scores.runner_up_confidence <= scores.confidence).all()
    assert (scores.runner_up != scores.person).all()


def test_members_are_recognised(scores: Scores, gallery: Gallery) -> None:
    expected = 0.3 if gallery.parameters.kind == "decision_tree" else 0.95
    assert (scores.person[:30] == np.repeat(np.arange(6), 5)).mean() > expected


def test_the_similarity_is_the_cosine_with_the_best_persons_mean_off_the_centre(
    scores: Scores, gallery: Gallery, faces: np.ndarray
) -> None:
    centred = off_centre(faces, gallery.scorer.centre)
    expected = [face @ gallery.scorer.means[person] for face, person in zip(centred, scores.person, strict=True)]
    assert np.allclose(scores.similarity, expected, atol=1e-6)


def reach(scored: np.ndarray, threshold: float) -> np.ndarray:
    """Confidences beyond the surest are all alike."""
    return (scored >= threshold) | (scored >= SUREST)


def test_a_face_alone_is_accepted_where_its_score_reaches_the_threshold(scores: Scores, gallery: Gallery) -> None:
    classifies = gallery.parameters.kind in CLASSIFIERS
    scored = scores.confidence if classifies else scores.similarity
    assert np.array_equal(scores.evidence, log_odds(scored) if classifies else scored)
    assert np.array_equal(scores.accepted, reach(scored, gallery.parameters.threshold))
    assert set(scores.decision) <= {"accepted", "below"} <= set(DECISIONS)
    assert scores.accepted[:30].mean() >= scores.accepted[30:].mean()


def test_another_threshold_replaces_the_gallerys_own(
    scores: Scores, gallery: Gallery, faces: np.ndarray, recognise: Callable
) -> None:
    scored = scores.confidence if gallery.parameters.kind in CLASSIFIERS else scores.similarity
    between = float(np.quantile(scored, 0.4))
    assert np.array_equal(recognise(gallery, faces, between).accepted, reach(scored, between))
    assert recognise(gallery, faces, 0.0).accepted.sum() == (scored >= 0).sum()
    assert recognise(gallery, faces, -np.inf).accepted.all()
    assert not recognise(gallery, faces, 1.1).accepted.any()


def test_confidence_grows_with_the_share_of_gallery_people_unless_a_classifier_has_its_own(
    gallery: Gallery, faces: np.ndarray, recognise: Callable
) -> None:
    few, many = (recognise(gallery, faces, share=share) for share in (0.001, 0.5))
    if gallery.parameters.kind in CLASSIFIERS:
        assert np.array_equal(few.confidence, many.confidence)
    else:
        assert (few.confidence < many.confidence).all()
    assert np.array_equal(few.person, many.person)
    assert np.array_equal(few.decision, many.decision)


def test_the_nearest_reference_is_the_best_persons_own(scores: Scores, gallery: Gallery, faces: np.ndarray) -> None:
    assert np.array_equal(gallery.owners[scores.nearest], scores.person)
    for row, face in enumerate(faces):
        own = gallery.references[gallery.owners == scores.person[row]] @ face
        assert scores.nearest_similarity[row] == pytest.approx(own.max(), abs=1e-6)


def test_faces_of_different_photos_score_as_they_do_alone(
    scores: Scores, gallery: Gallery, faces: np.ndarray, recognise: Callable
) -> None:
    for row in (0, 17, 45):
        alone = recognise(gallery, faces[row : row + 1])
        assert alone.person[0] == scores.person[row]
        assert alone.runner_up[0] == scores.runner_up[row]
        assert alone.confidence[0] == pytest.approx(scores.confidence[row], abs=1e-6)


def test_the_order_of_the_references_does_not_change_a_decision(
    make_crowd: Callable, make_gallery: Callable, faces: np.ndarray, recognise: Callable
) -> None:
    references, owners = make_crowd(6).photos(6, seed=1)
    shuffled = np.random.default_rng(0).permutation(len(owners))
    first = recognise(make_gallery(references, owners), faces)
    second = recognise(make_gallery(references[shuffled], owners[shuffled]), faces)
    for name in ("person", "runner_up", "accepted"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert np.allclose(first.confidence, second.confidence, atol=1e-6)
    assert np.array_equal(first.nearest, shuffled[second.nearest])


def test_a_face_between_two_people_is_the_nearers_and_the_other_is_the_runner_up(
    make_gallery: Callable, recognise: Callable
) -> None:
    trained = hand_made(make_gallery)
    at = np.radians([10, 50, 170])
    found = recognise(trained, np.stack([np.cos(at), np.sin(at)], axis=1).astype(np.float32))
    assert found.person.tolist() == [0, 1, 2]
    assert found.runner_up.tolist() == [1, 0, 1]
    assert found.nearest.tolist() == [0, 2, 3]
    assert np.allclose(found.similarity, np.cos(np.radians([10, 25, 10])), atol=1e-6)
    assert np.allclose(found.nearest_similarity, np.cos(np.radians([10, 10, 10])), atol=1e-6)


def test_a_nearer_reference_of_someone_else_does_not_count(make_gallery: Callable, recognise: Callable) -> None:
    """At 30 degrees a face is nearest to b's second reference, but nearer to a than to b's mean at 77.5."""
    degrees = np.radians([0, 120, 35])
    references = np.stack([np.cos(degrees), np.sin(degrees)], axis=1).astype(np.float32)
    trained = make_gallery(references, np.array([0, 1, 1]))
    found = recognise(trained, np.array([[np.cos(np.radians(30)), np.sin(np.radians(30))]], np.float32))
    assert found.person.tolist() == [0]
    assert found.nearest.tolist() == [0]


def test_of_two_people_equally_like_a_face_the_first_is_taken(make_gallery: Callable, recognise: Callable) -> None:
    trained = make_gallery(np.array([[0, 1], [0, 1]], np.float32), np.array([0, 1]))
    found = recognise(trained, np.array([[0.6, 0.8]], np.float32))
    assert (found.person[0], found.runner_up[0]) == (0, 1)
    assert found.confidence[0] == found.runner_up_confidence[0]


def test_no_faces_have_no_scores(make_gallery: Callable, recognise: Callable) -> None:
    found = recognise(hand_made(make_gallery), np.zeros((0, 2), np.float32))
    assert all(len(getattr(found, name)) == 0 for name in Scores.__dataclass_fields__)


def at(*degrees: float) -> np.ndarray:
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1).astype(np.float32)


def test_of_two_faces_of_one_photo_that_are_most_like_one_person_the_nearer_one_is(make_gallery: Callable) -> None:
    trained = hand_made(make_gallery)
    probes = Probes(at(5, 20, 20), np.array([0, 0, 1]), np.ones(3))
    found = score(trained, probes, SHARE, threshold=0.9)
    assert found.decision.tolist() == ["accepted", "taken", "accepted"]
    assert found.person.tolist() == [0, 0, 0]


def test_who_loses_a_person_is_given_the_next_one_if_that_is_enough(make_gallery: Callable) -> None:
    trained = hand_made(make_gallery)
    probes = Probes(at(0, 35), np.array([7, 7]), np.ones(2))  # 35 degrees off a, 40 off b's mean
    found = score(trained, probes, SHARE, threshold=0.7)
    assert found.person.tolist() == [0, 1]
    assert found.accepted.all()
    assert found.runner_up.tolist() == [1, 0]
    assert found.similarity[1] == pytest.approx(np.cos(np.radians(40)), abs=1e-6) == found.evidence[1]
    assert found.nearest[1] == 2
    assert found.runner_up_confidence[1] > found.confidence[1]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_twice_in_one_photo_whatever_decides(kind: str, make_crowd: Callable, make_gallery: Callable) -> None:
    trained = make_gallery(*make_crowd(6).photos(6, seed=1), kind=kind)
    vectors, _ = make_crowd(6).photos(5, seed=2)
    found = score(trained, Probes(vectors, np.arange(30) % 3, np.ones(30)), SHARE, threshold=-np.inf)
    for photo in range(3):
        people = found.person[found.accepted & (np.arange(30) % 3 == photo)]
        assert sorted(people) == list(range(6))
    assert set(found.decision) == {"accepted", "taken"}


def test_what_is_no_face_is_nobody_and_takes_nobody_away(make_gallery: Callable) -> None:
    trained = replace(hand_made(make_gallery), nonfaces=NonfaceFilter(at(2), np.array([0.9995], np.float32)))
    probes = Probes(at(1, 5, 90), np.array([0, 0, 0]), np.array([0.9, 0.9, 0.9]))
    found = score(trained, probes, SHARE, threshold=0.5)
    assert found.decision.tolist() == ["no_face", "accepted", "accepted"]
    assert found.person.tolist() == [0, 0, 1]
    sure = Probes(probes.vectors, probes.photos, np.full(3, SURE))
    assert score(trained, sure, SHARE, threshold=0.5).decision.tolist() == ["accepted", "taken", "accepted"]
