"""From a similarity to a probability, on scores whose likelihood ratio is known."""

import numpy as np
import pytest
from scipy.special import logit

from facejoin.jobs.evaluate.measures.open_set import reliability
from facejoin.udfs.recognition.calibration import ENOUGH, SLOPE, Curve, fit_curve

SAME_PERSON = 0.363
GENUINE, IMPOSTORS, SPREAD = 0.7, 0.3, 0.1  # normal distributions: the ratio's logarithm is linear
TRUE_SLOPE = (GENUINE - IMPOSTORS) / SPREAD**2


def drawn(seed: int, genuine: int, impostors: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(GENUINE, SPREAD, genuine), rng.normal(IMPOSTORS, SPREAD, impostors)


def test_with_as_many_faces_of_either_kind_the_midpoint_is_even():
    assert Curve(20, 0.4, "").confidence(np.array([0.4]), share=0.5) == pytest.approx([0.5])


@pytest.mark.parametrize("share", [0.5, 0.1, 0.001, 1e-6])
def test_the_share_of_gallery_people_moves_the_odds_by_its_own(share):
    curve, similarity = Curve(20, 0.4, ""), np.linspace(-0.2, 0.9, 12)
    odds, even = logit(curve.confidence(similarity, share)), logit(curve.confidence(similarity, 0.5))
    assert np.allclose(odds - even, logit(share), atol=1e-6)


def test_confidence_is_a_probability_that_grows_with_similarity():
    confidence = Curve(30, 0.45, "").confidence(np.linspace(-1, 1, 50, dtype=np.float32), 0.001)
    assert (np.diff(confidence) > 0).all()
    assert confidence.min() >= 0
    assert confidence.max() <= 1


def test_the_curve_is_the_likelihood_ratio_however_many_there_are_of_either_kind():
    for number in ((4000, 4000), (4000, 500), (500, 4000)):
        curve = fit_curve(*drawn(1, *number), SAME_PERSON)
        assert curve.slope == pytest.approx(TRUE_SLOPE, rel=0.15)
        assert curve.midpoint == pytest.approx((GENUINE + IMPOSTORS) / 2, abs=0.01)
        assert curve.origin == f"{number[0]} genuine and {number[1]} impostor scores"


@pytest.mark.parametrize("number", [(ENOUGH - 1, 5000), (5000, ENOUGH - 1), (0, 0), (3, 9)])
def test_with_too_few_scores_what_is_published_is_the_midpoint(number):
    curve = fit_curve(*drawn(1, *number), SAME_PERSON)
    assert (curve.slope, curve.midpoint) == (SLOPE, SAME_PERSON)
    assert curve.origin == (
        f"published by the embedder; {number[0]} genuine and {number[1]} impostor scores are too few for one of its own"
    )


def test_enough_of_both_are_enough():
    assert "published" not in fit_curve(*drawn(1, ENOUGH, ENOUGH), SAME_PERSON).origin


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.5, 0.1, 0.001])
def test_confidences_of_other_faces_are_right_as_often_as_they_say(seed, share):
    curve = fit_curve(*drawn(seed, 1000, 1000), SAME_PERSON)
    genuine, strangers = drawn(seed + 100, 20_000, 20_000)
    confidence = curve.confidence(np.concatenate([genuine, strangers]), share)
    known = np.arange(40_000) < 20_000
    assert reliability(confidence, known, known, share).error < 0.01


def test_strangers_who_score_above_people_themselves_give_no_curve():
    strangers, genuine = drawn(2, ENOUGH, ENOUGH)
    curve = fit_curve(genuine, strangers, SAME_PERSON)
    assert (curve.slope, curve.midpoint) == (SLOPE, SAME_PERSON)
    assert "do not tell people apart" in curve.origin
