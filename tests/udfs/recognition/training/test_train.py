from collections.abc import Callable

import numpy as np
import pytest

from facejoin.udfs.recognition.calibration import ENOUGH
from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.scorer import log_odds, mean_vectors
from facejoin.udfs.recognition.tail import FEWEST
from facejoin.udfs.recognition.training.kinds import CLASSIFIERS, KINDS, TrainingError
from facejoin.udfs.recognition.training.train import Cohort, common_direction, fit_scorer, genuine_scores, train

COSINES = ["centred_cosine", "cosine"]
SVMS = ["svm_rbf", "svm_linear"]
SAME_PERSON = 0.5  # as conftest trains


def with_one_left_of_the_third(references: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = (owners != 2) | (np.arange(len(owners)) == np.flatnonzero(owners == 2)[0])
    return references[keep], owners[keep]


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("kind", COSINES)
def test_impostors_score_what_each_reference_does_at_best_with_anyone_else(
    kind: str, make_crowd: Callable, make_gallery: Callable
) -> None:
    references, owners = make_crowd(5).photos(4, seed=1)
    trained: Gallery = make_gallery(references, owners, kind=kind)
    likeness = trained.scorer.similarity(references)
    likeness[np.arange(20), owners] = -1
    assert np.allclose(trained.impostors.evidence, likeness.max(axis=1))
    assert np.array_equal(trained.impostors.people, likeness.argmax(axis=1))
    assert np.array_equal(trained.impostors.groups, owners)


@pytest.mark.parametrize("kind", COSINES)
def test_genuine_scores_are_each_references_with_the_mean_of_the_persons_others(
    kind: str, make_crowd: Callable, make_references: Callable
) -> None:
    references = make_references(*with_one_left_of_the_third(*make_crowd(5).photos(4, seed=1)))
    scorer = fit_scorer(references, kind)
    templates = references.vectors
    if kind == "centred_cosine":
        both = references.vectors + references.mirrored
        templates = both / np.linalg.norm(both, axis=1, keepdims=True)
    expected = []
    for row, owner in enumerate(references.owners):
        others = [templates[i] for i in np.flatnonzero(references.owners == owner) if i != row]
        if others:
            mean = np.mean(others, axis=0)
            expected.append(
                cosine(references.vectors[row] - scorer.centre, mean / np.linalg.norm(mean) - scorer.centre)
            )
    assert len(expected) == 16
    assert np.allclose(genuine_scores(references, kind, scorer), expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_training_leaves_the_references_as_they_were(
    kind: str, make_crowd: Callable, make_references: Callable
) -> None:
    references = make_references(*make_crowd(4).photos(5, seed=1))
    before = [array.copy() for array in (references.vectors, references.mirrored, references.owners)]
    train(references, kind, 0.01, SAME_PERSON, "synthetic")
    for array, was in zip((references.vectors, references.mirrored, references.owners), before, strict=True):
        assert np.array_equal(array, was)


def test_only_the_centred_kind_moves_the_centre_and_looks_at_mirrored_faces(
    make_crowd: Callable, make_gallery: Callable, make_references: Callable
) -> None:
    references, owners = make_crowd(6).photos(4, seed=1)
    mirrored = make_references(references, owners).mirrored
    for kind in KINDS:
        trained: Gallery = make_gallery(references, owners, kind=kind)
        assert np.array_equal(trained.references, references)
        if kind != "centred_cosine":
            assert not trained.scorer.centre.any()
            assert np.allclose(trained.scorer.means, mean_vectors(references, owners, 6))
    both = (references + mirrored) / np.linalg.norm(references + mirrored, axis=1, keepdims=True)
    means = mean_vectors(both, owners, 6)
    centred = means - common_direction(means)
    trained = make_gallery(references, owners, kind="centred_cosine")
    assert np.allclose(trained.scorer.means, centred / np.linalg.norm(centred, axis=1, keepdims=True), atol=1e-6)


def test_one_person_alone_has_nothing_in_common_with_anybody(make_crowd: Callable) -> None:
    assert not common_direction(make_crowd(1).directions).any()


@pytest.mark.parametrize("seed", range(10))
def test_two_people_by_chance_have_little_in_common(seed: int, make_crowd: Callable) -> None:
    """Their mean has a length of 0.7, nearly all of it by chance."""
    directions = make_crowd(2, seed).directions
    cosine_of_both = float(directions[0] @ directions[1])
    assert np.linalg.norm(common_direction(directions)) == pytest.approx(
        max(cosine_of_both, 0) / np.sqrt((1 + cosine_of_both) / 2), abs=1e-6
    )
    assert np.linalg.norm(common_direction(directions)) < 0.4


def test_what_many_people_have_in_common_is_found(make_crowd: Callable) -> None:
    shared = make_crowd(1, seed=50).directions[0]
    strangers = make_crowd(400, seed=51).directions
    across = strangers - np.outer(strangers @ shared, shared)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    common = common_direction(0.3 * shared + np.sqrt(1 - 0.3**2) * across)
    assert np.linalg.norm(common) == pytest.approx(0.3, abs=0.02)
    assert cosine(common, shared) > 0.98
    assert np.linalg.norm(common_direction(strangers)) < 0.05


@pytest.mark.parametrize("kind", COSINES)
def test_a_large_gallery_has_a_threshold_of_its_own_that_strangers_seldom_reach(
    kind: str, make_crowd: Callable, make_gallery: Callable, recognise: Callable
) -> None:
    trained: Gallery = make_gallery(*make_crowd(25).photos(12, seed=1), kind=kind, fpir=0.01)
    origin = "300 references, as strangers to the others' people"
    assert trained.parameters.impostors_from == origin
    assert trained.parameters.threshold_from.startswith(f"false-positive rate 0.01 on {origin}")
    assert trained.parameters.threshold == trained.impostors.threshold_for(0.01)
    outsiders, _ = make_crowd(5000, seed=99).photos(1, seed=2)
    assert np.mean(recognise(trained, outsiders).accepted) < 0.03
    members, owners = make_crowd(25).photos(20, seed=3)
    found = recognise(trained, members)
    assert np.mean(found.accepted & (found.person == owners)) > 0.9


@pytest.mark.parametrize("kind", COSINES)
def test_a_small_gallery_has_the_published_threshold(kind: str, make_crowd: Callable, make_gallery: Callable) -> None:
    trained = make_gallery(*make_crowd(3).photos(3, seed=1), kind=kind)
    assert trained.parameters.threshold == SAME_PERSON
    assert trained.parameters.threshold_from.startswith("published by the embedder; 9 references, as strangers")


def test_a_small_gallery_of_people_who_look_alike_has_a_larger_one(make_gallery: Callable) -> None:
    twins = np.array([[1, 0], [1, 0], [0.8, 0.6], [0.8, 0.6]], np.float32)
    trained = make_gallery(twins, np.array([0, 0, 1, 1]))
    assert trained.parameters.threshold == pytest.approx(0.8)


def test_one_impostor_score_less_than_enough_is_too_few(make_crowd: Callable, make_gallery: Callable) -> None:
    references, owners = make_crowd(20).photos(ENOUGH // 20, seed=1)
    assert "false-positive rate" in make_gallery(references, owners).parameters.threshold_from
    assert "published" in make_gallery(references[1:], owners[1:]).parameters.threshold_from


@pytest.mark.parametrize("kind", COSINES)
def test_a_cohort_gives_even_a_gallery_of_one_photo_a_threshold_of_its_own(
    kind: str, make_crowd: Callable, make_gallery: Callable, strangers: Callable
) -> None:
    cohort: Cohort = strangers(600)
    trained: Gallery = make_gallery(*make_crowd(1).photos(1, seed=1), kind=kind, fpir=0.02, cohort=cohort)
    assert trained.parameters.impostors_from == "600 faces of the cohort"
    assert trained.parameters.threshold_from == "false-positive rate 0.02 on 600 faces of the cohort"
    assert trained.parameters.threshold == trained.impostors.threshold_for(0.02)
    assert np.allclose(trained.impostors.evidence, trained.scorer.similarity(cohort.vectors)[:, 0], atol=1e-6)
    assert np.array_equal(trained.impostors.groups, cohort.groups)


def test_a_cohort_takes_the_place_of_the_galleries_own_people(
    make_crowd: Callable, make_gallery: Callable, strangers: Callable
) -> None:
    cohort: Cohort = strangers(400)
    trained: Gallery = make_gallery(*make_crowd(25).photos(12, seed=1), cohort=cohort)
    assert len(trained.impostors) == 400
    assert "400 impostor scores" in trained.parameters.curve.origin


def test_a_small_cohort_leaves_the_published_threshold_unless_a_stranger_reaches_it(
    make_crowd: Callable, make_gallery: Callable, strangers: Callable
) -> None:
    references, owners = make_crowd(3).photos(3, seed=1)
    trained = make_gallery(references, owners, cohort=strangers(ENOUGH - 1))
    assert trained.parameters.threshold_from.endswith("199 faces of the cohort are too few for one of its own")
    twin = Cohort(references[:1], np.zeros(1, int))
    assert make_gallery(references, owners, cohort=twin).parameters.threshold > 0.9


def test_a_threshold_beyond_all_strangers_seen_says_so(
    make_crowd: Callable, make_gallery: Callable, strangers: Callable
) -> None:
    trained = make_gallery(*make_crowd(3).photos(3, seed=1), fpir=1e-6, cohort=strangers(400))
    assert trained.parameters.threshold > trained.impostors.evidence.max()
    assert trained.parameters.threshold_from.endswith("cohort, extrapolated beyond the highest")


def test_a_gallery_of_one_person_has_the_published_threshold_no_strangers_and_no_runner_up(
    make_crowd: Callable, make_gallery: Callable, recognise: Callable
) -> None:
    references, owners = make_crowd(1).photos(300, seed=1)
    trained = make_gallery(references, owners)
    assert trained.parameters.threshold == SAME_PERSON
    assert len(trained.impostors) == 0
    assert trained.parameters.impostors_from == ""
    found = recognise(trained, np.vstack([references[:2], -references[:1]]))
    assert found.accepted.tolist() == [True, True, False]
    assert found.runner_up.tolist() == [-1, -1, -1]
    assert np.isnan(found.runner_up_confidence).all()


@pytest.mark.parametrize("kind", COSINES)
def test_a_gallery_of_one_person_with_one_photo_works(kind: str, make_gallery: Callable, recognise: Callable) -> None:
    trained = make_gallery(np.array([[0.6, 0.8]], np.float32), np.array([0]), kind=kind)
    faces = np.array([[0.6, 0.8], [0.8, -0.6]], np.float32)
    assert recognise(trained, faces).accepted.tolist() == [True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_the_curve_parts_genuine_scores_from_impostors_whatever_decides(
    kind: str, make_crowd: Callable, make_gallery: Callable, make_references: Callable
) -> None:
    references, owners = make_crowd(25).photos(12, seed=1)
    curve = make_gallery(references, owners, kind=kind).parameters.curve
    training_set = make_references(references, owners)
    scorer = fit_scorer(training_set, kind)
    likeness = scorer.similarity(references)
    likeness[np.arange(300), owners] = -1
    genuine = genuine_scores(training_set, kind, scorer)
    assert curve.slope > 0
    assert likeness.max(axis=1).mean() < curve.midpoint < genuine.mean()


@pytest.mark.parametrize(
    ("kind", "known"), [("svm_rbf", 0.95), ("svm_linear", 0.95), ("gaussian_nb", 0.95), ("gmm", 0.9)]
)
def test_a_classifier_knows_its_people(
    kind: str, known: float, make_crowd: Callable, make_gallery: Callable, recognise: Callable
) -> None:
    people = make_crowd(8)
    members, owners = people.photos(10, seed=2)
    trained = make_gallery(*people.photos(8, seed=1), kind=kind, fpir=0.05)
    assert np.mean(recognise(trained, members).person == owners) >= known


def test_a_decision_tree_knows_its_people_better_than_chance_does(
    make_crowd: Callable, make_gallery: Callable, recognise: Callable
) -> None:
    members, owners = make_crowd(8).photos(10, seed=2)
    trained = make_gallery(*make_crowd(8).photos(8, seed=1), kind="decision_tree")
    assert np.mean(recognise(trained, members).person == owners) > 3 / 8


@pytest.mark.parametrize("kind", SVMS)
def test_a_support_vector_machine_refuses_most_strangers(
    kind: str, make_crowd: Callable, make_gallery: Callable, recognise: Callable
) -> None:
    trained = make_gallery(*make_crowd(8).photos(8, seed=1), kind=kind, fpir=0.05)
    members, outsiders = make_crowd(8).photos(10, seed=2)[0], make_crowd(500, seed=99).photos(1, seed=3)[0]
    assert np.mean(recognise(trained, outsiders).accepted) < 0.15
    assert recognise(trained, members).accepted.mean() > recognise(trained, outsiders).accepted.mean()


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifiers_strangers_are_people_whom_it_was_not_trained_on(
    kind: str, make_crowd: Callable, make_gallery: Callable
) -> None:
    references, owners = make_crowd(10).photos(6, seed=1)
    impostors = make_gallery(references, owners, kind=kind).impostors
    assert np.isfinite(impostors.evidence).all()
    assert len(impostors) == 60
    assert (impostors.people != owners).all()
    assert np.array_equal(impostors.groups, owners)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_cohort_gives_a_classifier_the_threshold_that_few_of_it_reach(
    kind: str, make_crowd: Callable, make_gallery: Callable, recognise: Callable, strangers: Callable
) -> None:
    cohort: Cohort = strangers(400)
    trained: Gallery = make_gallery(*make_crowd(3).photos(8, seed=1), kind=kind, fpir=0.05, cohort=cohort)
    odds = log_odds(recognise(trained, cohort.vectors).confidence)
    assert np.allclose(trained.impostors.evidence, odds)
    share = np.mean(recognise(trained, cohort.vectors).accepted)
    if trained.parameters.threshold_from.startswith("false-positive rate 0.05 on 400 faces of the cohort"):
        assert share < 0.09
    else:
        assert "a rate of 0.05 cannot be kept" in trained.parameters.threshold_from
        assert share > 0.05


def test_a_tree_that_is_sure_of_strangers_says_that_no_threshold_keeps_them_out(
    make_crowd: Callable, make_gallery: Callable, recognise: Callable, strangers: Callable
) -> None:
    cohort: Cohort = strangers(400)
    trained: Gallery = make_gallery(*make_crowd(4).photos(6, seed=1), kind="decision_tree", cohort=cohort)
    assert trained.parameters.threshold_from == (
        "the highest score there is, which 1 of 400 faces of the cohort reach: a rate of 0.01 cannot be kept"
    )
    assert recognise(trained, cohort.vectors).accepted.all()


@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.parametrize("people", [2, 3])
@pytest.mark.parametrize("each", [3, 4, 7])
def test_a_classifier_of_few_people_has_a_threshold(
    kind: str, people: int, each: int, make_crowd: Callable, make_gallery: Callable
) -> None:
    trained = make_gallery(*make_crowd(people).photos(each, seed=1), kind=kind)
    assert len(trained.impostors) < FEWEST
    assert 0 < trained.parameters.threshold <= 1
    assert "too few people" in trained.parameters.threshold_from


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifier_of_few_people_and_two_references_says_what_it_needs(
    kind: str, make_crowd: Callable, make_gallery: Callable
) -> None:
    with pytest.raises(TrainingError, match="two or three people needs three references of each"):
        make_gallery(*make_crowd(3).photos(2, seed=1), kind=kind)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifier_of_four_people_trains_on_two_references_of_each(
    kind: str, make_crowd: Callable, make_gallery: Callable
) -> None:
    trained = make_gallery(*make_crowd(4).photos(2, seed=1), kind=kind)
    assert 0 < trained.parameters.threshold <= 1
    assert trained.parameters.threshold_from == (
        "the highest score of 8 references of people left out: too few for a rate"
    )


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifier_names_the_people_with_one_reference(kind: str, make_gallery: Callable) -> None:
    references = np.eye(5, dtype=np.float32)
    with pytest.raises(TrainingError, match=r"two references a person; too few: b, d$"):
        make_gallery(references[[0, 0, 1, 2, 2, 3]], np.array([0, 0, 1, 2, 2, 3]), kind=kind)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifier_needs_two_people(kind: str, make_crowd: Callable, make_gallery: Callable) -> None:
    with pytest.raises(TrainingError, match="two people at least; use kind: centred_cosine"):
        make_gallery(*make_crowd(1).photos(5, seed=1), kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_references_train_the_same_gallery(kind: str, make_crowd: Callable, make_gallery: Callable) -> None:
    references, owners = make_crowd(4).photos(5, seed=1)
    first, second = (make_gallery(references.copy(), owners.copy(), kind=kind) for _ in range(2))
    assert first.digest == second.digest
    assert first.parameters == second.parameters
