from collections.abc import Callable

import numpy as np
import pytest

from facejoin.udfs.recognition.gallery import Gallery, mean_vectors
from facejoin.udfs.recognition.score import score
from facejoin.udfs.recognition.train import (
    ENOUGH,
    TrainingError,
    genuine_scores,
    impostor_scores,
    tail_threshold,
)

SVMS = ["svm_rbf", "svm_linear"]
SAME_PERSON = 0.5  # as conftest trains


def test_impostor_scores_are_each_references_best_with_anyone_else(make_crowd: Callable) -> None:
    references, owners = make_crowd(5).photos(4, seed=1)
    means = mean_vectors(references, owners, 5)
    expected = [
        max(float(reference @ means[person]) for person in range(5) if person != owner)
        for reference, owner in zip(references, owners, strict=True)
    ]
    assert np.allclose(impostor_scores(references, owners, means), expected)


def test_genuine_scores_are_each_references_with_the_mean_of_the_persons_others(make_crowd: Callable) -> None:
    references, owners = make_crowd(5).photos(4, seed=1)
    keep = (owners != 2) | (np.arange(20) == 8)  # the third person has one reference only
    references, owners = references[keep], owners[keep]
    expected = []
    for row, owner in enumerate(owners):
        others = [references[i] for i in np.flatnonzero(owners == owner) if i != row]
        if others:
            mean = np.mean(others, axis=0)
            expected.append(references[row] @ mean / np.linalg.norm(mean))
    assert len(expected) == 16
    assert np.allclose(genuine_scores(references, owners), expected, atol=1e-6)


def test_scoring_leaves_the_references_as_they_were(make_crowd: Callable) -> None:
    references, owners = make_crowd(4).photos(3, seed=1)
    before = references.copy()
    impostor_scores(references, owners, mean_vectors(references, owners, 4))
    genuine_scores(references, owners)
    assert np.array_equal(references, before)


@pytest.mark.parametrize("seed", range(5))
def test_the_tails_threshold_lets_through_about_the_share_asked_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    threshold = tail_threshold(rng.gumbel(0.2, 0.05, 500), fpir=0.01)
    assert 0.01 / 3 < np.mean(rng.gumbel(0.2, 0.05, 100_000) >= threshold) < 0.01 * 3


@pytest.mark.parametrize("seed", range(5))
def test_the_tails_threshold_does_so_for_the_best_of_many_normal_scores_too(seed: int) -> None:
    """Whose tail is lighter than the exponential that is fitted to it."""
    rng = np.random.default_rng(seed)
    threshold = tail_threshold(rng.normal(0.1, 0.08, (500, 100)).max(axis=1), fpir=0.01)
    assert 0.01 / 3 < np.mean(rng.normal(0.1, 0.08, (50_000, 100)).max(axis=1) >= threshold) < 0.01 * 3


def test_the_tails_threshold_can_lie_beyond_the_largest_score_seen() -> None:
    seen = np.random.default_rng(0).gumbel(0.2, 0.05, 300)
    assert tail_threshold(seen, fpir=1e-4) > seen.max()


def test_a_smaller_share_of_strangers_needs_a_larger_threshold() -> None:
    seen = np.random.default_rng(0).gumbel(0.2, 0.05, 300)
    thresholds = [tail_threshold(seen, fpir) for fpir in (0.1, 0.01, 0.001)]
    assert thresholds == sorted(set(thresholds))


def test_a_large_gallery_has_a_threshold_of_its_own_that_strangers_seldom_reach(
    make_crowd: Callable, make_gallery: Callable
) -> None:
    trained: Gallery = make_gallery(*make_crowd(25).photos(12, seed=1), fpir=0.01)
    assert trained.parameters.threshold_from == "false-positive rate 0.01 on 300 impostor scores of the references"
    strangers, _ = make_crowd(5000, seed=99).photos(1, seed=2)
    assert np.mean(score(trained, strangers).accepted) < 0.03
    members, owners = make_crowd(25).photos(20, seed=3)
    found = score(trained, members)
    assert np.mean(found.accepted & (found.person == owners)) > 0.9


def test_a_small_gallery_has_the_published_threshold(make_crowd: Callable, make_gallery: Callable) -> None:
    trained = make_gallery(*make_crowd(3).photos(3, seed=1))
    assert trained.parameters.threshold == SAME_PERSON
    assert trained.parameters.threshold_from.startswith("published by the embedder; 9 impostor scores")


def test_a_small_gallery_of_people_who_look_alike_has_a_larger_one(make_gallery: Callable) -> None:
    twins = np.array([[1, 0], [1, 0], [0.8, 0.6], [0.8, 0.6]], np.float32)
    trained = make_gallery(twins, np.array([0, 0, 1, 1]))
    assert trained.parameters.threshold == pytest.approx(0.8)


def test_one_impostor_score_less_than_enough_is_too_few(make_crowd: Callable, make_gallery: Callable) -> None:
    references, owners = make_crowd(20).photos(ENOUGH // 20, seed=1)
    assert "false-positive rate" in make_gallery(references, owners).parameters.threshold_from
    assert "published" in make_gallery(references[1:], owners[1:]).parameters.threshold_from


def test_a_gallery_of_one_person_has_the_published_threshold_and_no_runner_up(
    make_crowd: Callable, make_gallery: Callable
) -> None:
    references, owners = make_crowd(1).photos(300, seed=1)
    trained = make_gallery(references, owners)
    assert trained.parameters.threshold == SAME_PERSON
    found = score(trained, np.vstack([references[:2], -references[:1]]))
    assert found.accepted.tolist() == [True, True, False]
    assert found.runner_up.tolist() == [-1, -1, -1]
    assert np.isnan(found.runner_up_confidence).all()


def test_a_gallery_of_one_person_with_one_photo_works(make_gallery: Callable) -> None:
    trained = make_gallery(np.array([[0.6, 0.8]], np.float32), np.array([0]))
    assert score(trained, np.array([[0.6, 0.8], [0.8, -0.6]], np.float32)).accepted.tolist() == [True, False]


def test_the_confidence_is_a_half_at_the_midpoint_and_parts_genuine_scores_from_impostors(
    make_crowd: Callable, make_gallery: Callable
) -> None:
    references, owners = make_crowd(25).photos(12, seed=1)
    curve = make_gallery(references, owners).parameters
    means = mean_vectors(references, owners, 25)
    assert curve.slope > 0
    assert impostor_scores(references, owners, means).mean() < curve.midpoint
    assert curve.midpoint < genuine_scores(references, owners).mean()


@pytest.mark.parametrize("kind", SVMS)
def test_a_support_vector_machine_knows_its_people_and_refuses_most_strangers(
    kind: str, make_crowd: Callable, make_gallery: Callable
) -> None:
    people = make_crowd(8)
    trained = make_gallery(*people.photos(8, seed=1), kind=kind, fpir=0.05)
    members, owners = people.photos(10, seed=2)
    assert np.mean(score(trained, members).person == owners) > 0.95
    strangers, _ = make_crowd(500, seed=99).photos(1, seed=3)
    assert np.mean(score(trained, strangers).accepted) < 0.15
    assert score(trained, members).accepted.mean() > score(trained, strangers).accepted.mean()


@pytest.mark.parametrize("kind", SVMS)
@pytest.mark.parametrize("people", [2, 3])
@pytest.mark.parametrize("each", [3, 4, 7])
def test_a_support_vector_machine_of_few_people_has_a_threshold(
    kind: str, people: int, each: int, make_crowd: Callable, make_gallery: Callable
) -> None:
    trained = make_gallery(*make_crowd(people).photos(each, seed=1), kind=kind)
    assert 0 < trained.parameters.threshold < 1
    assert "too few people" in trained.parameters.threshold_from


@pytest.mark.parametrize("kind", SVMS)
def test_a_support_vector_machine_of_few_people_and_two_references_says_what_it_needs(
    kind: str, make_crowd: Callable, make_gallery: Callable
) -> None:
    with pytest.raises(TrainingError, match="two or three people needs three references of each"):
        make_gallery(*make_crowd(3).photos(2, seed=1), kind=kind)


@pytest.mark.parametrize("kind", SVMS)
def test_a_support_vector_machine_of_four_people_trains_on_two_references_of_each(
    kind: str, make_crowd: Callable, make_gallery: Callable
) -> None:
    assert 0 < make_gallery(*make_crowd(4).photos(2, seed=1), kind=kind).parameters.threshold < 1


@pytest.mark.parametrize("kind", SVMS)
def test_a_support_vector_machine_names_the_people_with_one_reference(kind: str, make_gallery: Callable) -> None:
    references = np.eye(5, dtype=np.float32)
    with pytest.raises(TrainingError, match=r"two references a person; too few: b, d$"):
        make_gallery(references[[0, 0, 1, 2, 2, 3]], np.array([0, 0, 1, 2, 2, 3]), kind=kind)


@pytest.mark.parametrize("kind", SVMS)
def test_a_support_vector_machine_needs_two_people(kind: str, make_crowd: Callable, make_gallery: Callable) -> None:
    with pytest.raises(TrainingError, match="two people at least; use kind: cosine"):
        make_gallery(*make_crowd(1).photos(5, seed=1), kind=kind)


@pytest.mark.parametrize("kind", ["cosine", *SVMS])
def test_the_same_references_train_the_same_gallery(kind: str, make_crowd: Callable, make_gallery: Callable) -> None:
    references, owners = make_crowd(4).photos(5, seed=1)
    first, second = (make_gallery(references.copy(), owners.copy(), kind=kind) for _ in range(2))
    assert first.digest == second.digest
    assert first.parameters == second.parameters
