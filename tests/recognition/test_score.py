from collections.abc import Callable

import numpy as np
import pytest

from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.score import Scores, score

KINDS = ["cosine", "svm_rbf", "svm_linear"]


@pytest.fixture(scope="module")
def faces(make_crowd: Callable) -> np.ndarray:
    """Photos of six people who are in the galleries here, and of 40 who are not."""
    return np.vstack([make_crowd(6).photos(5, seed=2)[0], make_crowd(40, seed=9).photos(1, seed=3)[0]])


@pytest.fixture(scope="module", params=KINDS)
def gallery(request: pytest.FixtureRequest, make_crowd: Callable, make_gallery: Callable) -> Gallery:
    return make_gallery(*make_crowd(6).photos(6, seed=1), kind=request.param, fpir=0.3)


@pytest.fixture(scope="module")
def scores(gallery: Gallery, faces: np.ndarray) -> Scores:
    return score(gallery, faces)


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


def test_members_are_recognised(scores: Scores) -> None:
    assert (scores.person[:30] == np.repeat(np.arange(6), 5)).mean() > 0.95


def test_the_similarity_is_the_cosine_with_the_best_persons_mean(
    scores: Scores, gallery: Gallery, faces: np.ndarray
) -> None:
    expected = [face @ gallery.means[person] for face, person in zip(faces, scores.person, strict=True)]
    assert np.allclose(scores.similarity, expected, atol=1e-6)


def test_a_face_is_accepted_where_its_deciding_score_reaches_the_threshold(scores: Scores, gallery: Gallery) -> None:
    deciding = scores.similarity if gallery.parameters.kind == "cosine" else scores.confidence
    assert np.array_equal(scores.decisive, deciding)
    assert np.array_equal(scores.accepted, deciding >= gallery.parameters.threshold)
    assert scores.accepted[:30].mean() >= scores.accepted[30:].mean()


def test_another_threshold_replaces_the_gallerys_own(scores: Scores, gallery: Gallery, faces: np.ndarray) -> None:
    between = float(np.median(scores.decisive))
    assert np.array_equal(score(gallery, faces, between).accepted, scores.decisive >= between)
    assert score(gallery, faces, 0.0).accepted.sum() == (scores.decisive >= 0).sum()
    assert not score(gallery, faces, 1.1).accepted.any()


def test_the_nearest_reference_is_the_best_persons_own(scores: Scores, gallery: Gallery, faces: np.ndarray) -> None:
    assert np.array_equal(gallery.owners[scores.nearest], scores.person)
    for row, face in enumerate(faces):
        own = gallery.references[gallery.owners == scores.person[row]] @ face
        assert scores.nearest_similarity[row] == pytest.approx(own.max(), abs=1e-6)


def test_faces_together_score_as_they_do_alone(scores: Scores, gallery: Gallery, faces: np.ndarray) -> None:
    for row in (0, 17, 45):
        alone = score(gallery, faces[row : row + 1])
        assert alone.person[0] == scores.person[row] and alone.runner_up[0] == scores.runner_up[row]
        assert alone.confidence[0] == pytest.approx(scores.confidence[row], abs=1e-6)


def test_the_order_of_the_references_does_not_change_a_decision(
    make_crowd: Callable, make_gallery: Callable, faces: np.ndarray
) -> None:
    references, owners = make_crowd(6).photos(6, seed=1)
    shuffled = np.random.default_rng(0).permutation(len(owners))
    first = score(make_gallery(references, owners), faces)
    second = score(make_gallery(references[shuffled], owners[shuffled]), faces)
    for name in ("person", "runner_up", "accepted"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert np.allclose(first.confidence, second.confidence, atol=1e-6)
    assert np.array_equal(first.nearest, shuffled[second.nearest])


def test_a_face_between_two_people_is_the_nearers_and_the_other_is_the_runner_up(make_gallery: Callable) -> None:
    trained = hand_made(make_gallery)
    at = np.radians([10, 50, 170])
    found = score(trained, np.stack([np.cos(at), np.sin(at)], axis=1).astype(np.float32))
    assert found.person.tolist() == [0, 1, 2]
    assert found.runner_up.tolist() == [1, 0, 1]
    assert found.nearest.tolist() == [0, 2, 3]
    assert np.allclose(found.similarity, np.cos(np.radians([10, 25, 10])), atol=1e-6)
    assert np.allclose(found.nearest_similarity, np.cos(np.radians([10, 10, 10])), atol=1e-6)


def test_a_nearer_reference_of_someone_else_does_not_count(make_gallery: Callable) -> None:
    """At 30 degrees a face is nearest to b's second reference, but nearer to a than to b's mean at 77.5."""
    degrees = np.radians([0, 120, 35])
    references = np.stack([np.cos(degrees), np.sin(degrees)], axis=1).astype(np.float32)
    trained = make_gallery(references, np.array([0, 1, 1]))
    found = score(trained, np.array([[np.cos(np.radians(30)), np.sin(np.radians(30))]], np.float32))
    assert found.person.tolist() == [0]
    assert found.nearest.tolist() == [0]


def test_of_two_people_equally_like_a_face_the_first_is_taken(make_gallery: Callable) -> None:
    trained = make_gallery(np.array([[0, 1], [0, 1]], np.float32), np.array([0, 1]))
    found = score(trained, np.array([[0.6, 0.8]], np.float32))
    assert (found.person[0], found.runner_up[0]) == (0, 1)
    assert found.confidence[0] == found.runner_up_confidence[0]


def test_no_faces_have_no_scores(make_gallery: Callable) -> None:
    found = score(hand_made(make_gallery), np.zeros((0, 2), np.float32))
    assert all(len(getattr(found, name)) == 0 for name in Scores.__dataclass_fields__)
