"""The study's classifiers: whom they were made of, what they answer, and what they refuse to learn from."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from facejoin.conf.settings import EnrollSettings
from facejoin.udfs.recognition.mixture import MixtureClassifier
from facejoin.udfs.recognition.training.kinds import (
    CLASSIFIERS,
    KINDS,
    TrainingError,
    check_for_classifier,
    fitted,
    untrained,
)
from facejoin.udfs.recognition.tree import DEPTH, TreeClassifier

PEOPLE = 6


@pytest.fixture(scope="module")
def enrolled(make_crowd):
    return make_crowd(PEOPLE).photos(8, seed=1)


@pytest.fixture(scope="module")
def probes(make_crowd):
    return make_crowd(PEOPLE).photos(20, seed=2)


def test_the_settings_know_the_same_kinds_and_centre_unless_told():
    assert EnrollSettings().kind == KINDS[0] == "centred_cosine"
    assert [EnrollSettings.model_validate({"kind": kind}).kind for kind in KINDS] == list(KINDS)
    assert set(KINDS) == {"centred_cosine", "cosine", *CLASSIFIERS}


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifiers_answers_are_probabilities_over_its_people(kind, enrolled, probes):
    vectors, owners = enrolled
    classifier = fitted(kind, vectors, owners, fewest=8)
    confidence = classifier.predict_proba(probes[0])
    assert list(classifier.classes_) == list(range(PEOPLE))
    assert confidence.shape == (20 * PEOPLE, PEOPLE)
    assert np.allclose(confidence.sum(axis=1), 1, atol=1e-5)
    assert (confidence >= 0).all()
    assert np.array_equal(classifier.predict(probes[0][:5]), confidence[:5].argmax(axis=1))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifier_is_trained_alike_each_time(kind, enrolled, probes):
    vectors, owners = enrolled
    one, two = (fitted(kind, vectors, owners, fewest=8).predict_proba(probes[0]) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_people_keep_their_own_numbers_where_some_are_left_out(kind, enrolled, probes):
    vectors, owners = enrolled
    classifier = fitted(kind, vectors[owners % 2 == 1], owners[owners % 2 == 1], fewest=8)
    odd = probes[1] % 2 == 1
    assert list(classifier.classes_) == [1, 3, 5]
    assert set(classifier.predict(probes[0][odd])) == {1, 3, 5}
    assert np.mean(classifier.predict(probes[0][odd]) == probes[1][odd]) > 0.5


def test_a_machine_is_calibrated_in_as_many_parts_as_the_fewest_references_allow():
    assert [untrained("svm_rbf", fewest).cv for fewest in (2, 3, 5, 40)] == [2, 3, 5, 5]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([5], "two people at least; use kind: centred_cosine"),
        ([2, 1, 2, 1], "two references a person; too few: b, d$"),
        ([2, 2, 2], "two or three people needs three references of each"),
        ([3, 2], "two or three people needs three references of each"),
    ],
)
def test_too_little_to_learn_from_is_refused_with_what_is_missing(counts, message):
    with pytest.raises(TrainingError, match=message):
        check_for_classifier(np.repeat(np.arange(len(counts)), counts), tuple("abcd"[: len(counts)]))


@pytest.mark.parametrize("counts", [[3, 3], [3, 3, 4], [2, 2, 2, 2]])
def test_just_enough_to_learn_from_is_enough(counts):
    check_for_classifier(np.repeat(np.arange(len(counts)), counts), tuple("abcd"[: len(counts)]))


def test_a_mixtures_component_answers_for_the_people_whose_faces_it_holds():
    """Two people in one place are one component between them, whatever the order of people and components."""
    rng = np.random.default_rng(0)
    middles = np.array([[5.0, 0], [5.0, 0], [-5.0, 0]])
    owners = np.repeat([0, 1, 2], 30)
    vectors = middles[owners] + 0.1 * rng.normal(size=(90, 2))
    confidence = MixtureClassifier().fit(vectors, owners).predict_proba(np.array([[5.0, 0], [-5.0, 0]]))
    assert confidence[0, :2] == pytest.approx([0.5, 0.5], abs=0.3)
    assert confidence[0, 2] < 1e-6
    assert confidence[1] == pytest.approx([0, 0, 1], abs=1e-6)


def test_a_mixture_of_people_apart_knows_each(enrolled, probes):
    mixture = MixtureClassifier().fit(*enrolled)
    assert np.mean(mixture.predict(probes[0]) == probes[1]) > 0.9


def test_a_tree_of_plain_arrays_answers_as_scikit_learns_own(enrolled, probes):
    own = TreeClassifier().fit(*enrolled)
    theirs = DecisionTreeClassifier(max_depth=DEPTH, random_state=0).fit(*enrolled)
    faces = np.concatenate([probes[0], np.random.default_rng(0).normal(size=(2000, 32)).astype(np.float32)])
    assert np.array_equal(own.predict_proba(faces), theirs.predict_proba(faces))
    assert np.array_equal(own.predict(faces), theirs.predict(faces))


def test_a_tree_that_must_stop_early_answers_with_shares():
    """One dimension, in which the people alternate: more questions are needed than there may be."""
    vectors = np.cumsum(1.5 ** np.arange(60))[:, None]
    owners = np.arange(60) % 2
    own = TreeClassifier().fit(vectors, owners)
    theirs = DecisionTreeClassifier(max_depth=DEPTH, random_state=0).fit(vectors, owners)
    assert np.allclose(own.predict_proba(vectors), theirs.predict_proba(vectors))


def test_a_tree_whose_file_points_nowhere_fails_instead_of_reading_there(enrolled):
    broken = TreeClassifier().fit(*enrolled)
    broken.children_ = np.where(broken.children_ >= 0, 10**6, -1)
    with pytest.raises(IndexError):
        broken.predict_proba(enrolled[0])
