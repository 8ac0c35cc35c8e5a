"""What a face is compared with: directions of people, and the two scales, of the score and of the evidence."""

from collections.abc import Callable

import numpy as np
import pytest

from facejoin.udfs.recognition.scorer import SUREST, Scorer, log_odds, mean_vectors, off_centre
from facejoin.udfs.recognition.training.kinds import KINDS
from facejoin.udfs.recognition.training.train import fit_scorer


@pytest.fixture(scope="module", params=KINDS)
def scorer(request: pytest.FixtureRequest, make_crowd: Callable, make_references: Callable) -> Scorer:
    return fit_scorer(make_references(*make_crowd(4).photos(5, seed=1)), request.param)


def test_mean_vectors_are_the_directions_of_each_persons_mean() -> None:
    references = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    means = mean_vectors(references, np.array([1, 1, 0]), 2)
    assert np.allclose(means, [[0.6, 0.8], [2**-0.5, 2**-0.5]])
    assert means.dtype == np.float32


def test_off_centre_vectors_are_directions_from_the_centre() -> None:
    vectors = np.array([[1, 0], [0, 1]], np.float32)
    moved = off_centre(vectors, np.array([0, 0.5], np.float32))
    assert np.allclose(moved, [[0.8**0.5, -(0.2**0.5)], [0, 1]])
    assert np.array_equal(off_centre(vectors, np.zeros(2)), vectors)


def test_a_vector_that_is_the_centre_itself_is_like_nobody_and_no_number_is_lost() -> None:
    centre = np.array([0.6, 0.8], np.float32)
    assert np.array_equal(off_centre(centre[None], centre), [[0, 0]])


def test_a_threshold_of_the_score_and_one_of_the_evidence_are_two_names_of_one(scorer: Scorer) -> None:
    for threshold in (1e-6, 0.3, 0.9, 0.999999):
        assert scorer.to_score(scorer.to_evidence(threshold)) == pytest.approx(threshold, rel=1e-9)
    assert scorer.to_evidence(-np.inf) == -np.inf
    assert scorer.to_evidence(np.inf) == np.inf


def test_evidence_grows_with_the_score_that_decides(scorer: Scorer, make_crowd: Callable) -> None:
    faces, _ = make_crowd(30, seed=7).photos(2, seed=2)
    scored = scorer.similarity(faces) if scorer.classifier is None else scorer.classifier.predict_proba(faces)
    order = np.argsort(scored, axis=None)
    assert (np.diff(scorer.evidence(faces).ravel()[order]) >= 0).all()


def test_the_odds_of_the_surest_confidence_are_finite_in_every_precision() -> None:
    for precision in (np.float32, np.float64):
        odds = log_odds(np.array([0, 0.5, 1], precision))
        assert np.allclose(odds, [-np.log(SUREST / (1 - SUREST)), 0, np.log(SUREST / (1 - SUREST))])
