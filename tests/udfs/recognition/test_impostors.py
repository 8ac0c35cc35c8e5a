"""What strangers score: thresholds, rates, and intervals that hold the truth where the truth is known."""

import numpy as np
import pytest

from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.tail import FEWEST, TAIL, Tail

SEEDS = range(20)
ENOUGH_OF_20 = 17
START, EXCESS = 0.3, 0.04  # of the made-up strangers' evidence


def impostors(evidence, people=None, groups=None):
    """Everyone a stranger of their own who is most like the first person, unless told."""
    evidence = np.asarray(evidence, dtype=float)
    number = len(evidence)
    return Impostors(
        evidence,
        np.zeros(number, int) if people is None else np.asarray(people),
        np.arange(number) if groups is None else np.asarray(groups),
    )


def gumbel(number, seed=0):
    return impostors(np.random.default_rng(seed).gumbel(0.2, 0.05, number))


@pytest.mark.parametrize("rate", [1e-6, 0.001, 0.01, 0.1, 0.19])
def test_threshold_and_rate_are_each_others_inverse_in_the_tail(rate):
    seen = gumbel(500)
    assert seen.rate_at(seen.threshold_for(rate)) == pytest.approx(rate, rel=1e-9)
    assert seen.holds(seen.threshold_for(rate), rate)


@pytest.mark.parametrize("rate", [TAIL, 0.35, 0.5, 0.9])
def test_below_the_tail_a_threshold_is_the_quantile_of_those_seen(rate):
    seen = gumbel(500)
    assert seen.threshold_for(rate) == np.quantile(seen.evidence, 1 - rate)
    assert seen.rate_at(seen.threshold_for(rate)) == pytest.approx(rate, abs=1 / 500)
    assert seen.holds(seen.threshold_for(rate), rate)


def test_the_tail_begins_where_the_quantiles_end():
    seen = gumbel(500)
    assert seen.threshold_for(TAIL - 1e-9) == pytest.approx(seen.threshold_for(TAIL), abs=1e-6)
    assert seen.rate_at(seen.tail.start + 1e-12) == pytest.approx(seen.rate_at(seen.tail.start), abs=1 / 500)


def test_a_smaller_share_of_strangers_needs_a_higher_threshold():
    thresholds = [gumbel(300).threshold_for(rate) for rate in (0.9, 0.5, 0.21, 0.2, 0.1, 0.01, 0.001)]
    assert thresholds == sorted(set(thresholds))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("draw", [
    lambda rng, number: rng.gumbel(0.2, 0.05, number),
    lambda rng, number: rng.normal(0.1, 0.08, (number, 100)).max(axis=1),  # a lighter tail than the one that is fitted
])  # fmt: skip
def test_a_threshold_lets_through_about_the_share_asked_for(draw, seed):
    rng = np.random.default_rng(seed)
    threshold = impostors(draw(rng, 500)).threshold_for(0.01)
    assert 0.01 / 3 < np.mean(draw(rng, 50_000) >= threshold) < 0.01 * 3


def test_a_threshold_beyond_the_highest_evidence_is_extrapolated_and_that_itself_is_not():
    seen = gumbel(300)
    assert seen.is_extrapolated(seen.threshold_for(1e-5))
    assert not seen.is_extrapolated(seen.threshold_for(0.1))
    assert not seen.is_extrapolated(seen.evidence.max())


def test_everybody_reaches_the_lowest_threshold_and_nobody_the_highest():
    seen = gumbel(300)
    assert seen.rate_at(-np.inf) == 1
    assert seen.rate_at(np.inf) == 0
    assert seen.interval(-np.inf, 100) == (pytest.approx(100, abs=25), pytest.approx(100, abs=25))
    assert seen.interval(np.inf, 1_000_000) == (0, 0)
    assert seen.interval(seen.threshold_for(0.01), 0) == (0, 0)


def test_where_all_score_alike_no_threshold_keeps_some_of_them_out():
    seen = impostors([0.4] * 60)
    assert seen.tail == Tail(0.4, 0.0)
    assert seen.threshold_for(0.01) == seen.threshold_for(0.5) == 0.4
    assert (seen.rate_at(0.4), seen.rate_at(0.41), seen.rate_at(0.39)) == (1, 0, 1)
    assert not seen.holds(0.4, 0.01)
    assert not seen.holds(0.4, 0.5)
    assert seen.holds(0.41, 0.01)
    assert seen.interval(0.41, 100) == (0, 0)


def test_where_a_third_shares_the_highest_evidence_rarer_rates_do_not_hold():
    seen = impostors([20.0] * 30 + list(np.linspace(-5, 5, 70)))
    assert seen.threshold_for(0.01) == 20
    assert seen.rate_at(20) == 0.3
    assert not seen.holds(20, 0.01)
    assert seen.holds(seen.threshold_for(0.5), 0.5)


def test_few_strangers_have_a_tail_and_intervals_too():
    seen = gumbel(FEWEST)
    low, high = seen.interval(seen.threshold_for(0.01), 1000)
    assert low <= 10 <= high
    assert seen.rate_at(seen.threshold_for(0.01)) == pytest.approx(0.01)
    alone = impostors([0.3])
    assert len(alone) == 1
    assert alone.rate_at(0.3) == 1
    assert alone.interval(0.5, 100) == (0, 0)


def test_shares_sum_to_one_and_nobody_is_held_to_be_safe():
    scores = [0.1] * 16 + [0.9, 0.8, 0.7, 0.6]
    people = [3] * 16 + [1, 1, 1, 0]
    shares = impostors(scores, people).shares(4)
    assert shares.sum() == pytest.approx(1)
    assert np.allclose(shares, np.array([1.5, 3.5, 0.5, 0.5]) / 6)


def test_strangers_who_are_all_different_do_not_clump():
    assert gumbel(500).clumping == 1


def test_clumping_is_how_many_faces_come_together_in_the_tail():
    groups = [*range(80), *([80] * 10), *range(81, 91)]
    seen = impostors(np.linspace(0, 1, 100), groups=groups)  # in the tail ten of one, ten of one each
    assert seen.clumping == pytest.approx((10**2 + 10) / 20)


def test_the_interval_is_the_same_each_time_and_wider_where_faces_clump():
    scores = np.sort(np.random.default_rng(0).gumbel(0.2, 0.05, 600))
    apart, together = impostors(scores), impostors(scores, groups=np.arange(600) // 6)
    threshold = apart.threshold_for(0.01)
    assert apart.interval(threshold, 2000) == impostors(scores).interval(threshold, 2000)
    low, high = apart.interval(threshold, 2000)
    lower, higher = together.interval(threshold, 2000)
    assert lower <= low
    assert higher > high


def independent(rng, number):
    return START + rng.exponential(EXCESS, number) - 0.1, np.arange(number)


def clumped(rng, number):
    """Faces of strangers, who have one to ten each; how close a stranger comes varies more than their faces do."""
    strangers = rng.integers(1, 11, number)
    groups = np.repeat(np.arange(number), strangers)[:number]
    return START + rng.exponential(EXCESS, number)[groups] + rng.normal(0, 0.005, number), groups


@pytest.mark.parametrize("draw", [independent, clumped])
@pytest.mark.parametrize("expected", [1, 5, 20, 100])
def test_the_interval_holds_the_number_that_further_strangers_turn_out_to_have(draw, expected):
    """Of fitted strangers and of new ones, drawn alike; at a threshold that is itself fitted, as a budget's is."""
    held = 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        scores, groups = draw(rng, 1200)
        seen = impostors(scores, groups=groups)
        others, _ = draw(rng, 1200)
        threshold = seen.threshold_for(expected / 1200)
        low, high = seen.interval(threshold, 1200)
        held += low <= np.sum(others >= threshold) <= high
    assert held >= ENOUGH_OF_20


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_is_no_wider_than_it_must_be(seed):
    """20 expected of 1,200 seen: Poisson's own would be 12 to 29, and the rate is known to a seventh."""
    seen = impostors(independent(np.random.default_rng(seed), 1200)[0])
    low, high = seen.interval(seen.threshold_for(20 / 1200), 1200)
    assert 5 <= low <= 15
    assert 25 <= high <= 40
