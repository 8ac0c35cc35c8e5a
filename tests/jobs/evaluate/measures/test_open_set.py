"""The open set's measures, face by face: examples reckoned by hand, and beside the demo's own of photos."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.jobs.evaluate.measures import collection
from facejoin.jobs.evaluate.measures.open_set import BINS, Trial, det_curve, probe_fnir, probe_rank1, reliability

NO_FACE = -np.inf
FEW = 50  # draws, where the interval is not what is looked at


def trial(known, right, unknown, known_groups=None, unknown_groups=None):
    """Everyone is a person of their own, unless told."""
    return Trial(
        np.array(known, float),
        np.array(right, bool),
        np.arange(len(known)) if known_groups is None else np.array(known_groups),
        np.array(unknown, float),
        np.arange(len(unknown)) if unknown_groups is None else np.array(unknown_groups),
    )


EXAMPLE = trial([0.9, 0.8, 0.5, 0.7, 0.3], [True, False, True, True, True], [0.6, 0.4, 0.1, NO_FACE])


def at(fpir, given=EXAMPLE):
    return probe_fnir([given], fpir, FEW)


@pytest.mark.parametrize(
    ("fpir", "missed"),
    [
        (0.0, 3),  # above 0.6: two, for 0.8 is somebody else's
        (0.24, 3),  # a quarter of four photos would be one
        (0.25, 2),  # above 0.4: 0.5, too
        (0.5, 1),  # above 0.1: 0.3, too
        (0.75, 1),  # above no score at all: the fourth has no face
        (1.0, 1),
    ],
)
def test_what_is_missed_at_a_share_of_false_alarms(fpir, missed):
    assert at(fpir).value == pytest.approx(missed / 5)


def test_rank_one_counts_the_right_ones_whatever_their_score():
    assert probe_rank1(EXAMPLE) == 4 / 5


def test_a_score_that_equals_a_false_alarms_is_missed_with_it():
    tie = trial([0.6], [True], [0.6, 0.6, 0.1, 0.1])
    assert [at(fpir, tie).value for fpir in (0.25, 0.5)] == [1, 0]


def test_photos_without_a_face_are_missed_and_no_false_alarm():
    nothing_found = trial([NO_FACE, 0.9], [False, True], [NO_FACE, NO_FACE, 0.3, 0.2])
    assert probe_rank1(nothing_found) == 0.5
    assert [at(fpir, nothing_found).value for fpir in (0.25, 0.5, 1.0)] == [0.5, 0.5, 0.5]
    assert at(0.5, trial([NO_FACE], [False], [NO_FACE])).value == 1


def test_the_mean_is_over_trials():
    other = trial([0.9, 0.9], [True, True], [0.5, 0.2, 0.2, 0.2])
    assert probe_fnir([EXAMPLE, other], 0.25, FEW).value == pytest.approx((2 / 5 + 0) / 2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fpir", [0.1, 0.01])
def test_the_interval_holds_the_value_and_is_the_same_each_time(seed, fpir):
    rng = np.random.default_rng(seed)
    drawn = trial(rng.normal(0.6, 0.15, 300), rng.random(300) < 0.97, rng.normal(0.2, 0.1, 400))
    estimate = probe_fnir([drawn], fpir)
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.note is None
    assert estimate.low < estimate.high
    assert estimate == probe_fnir([drawn], fpir)


def test_people_and_not_photos_are_drawn():
    """Two hundred photos, but of ten people of whom half are always missed."""
    people = np.repeat(np.arange(10), 20)
    scores = np.where(people % 2, 0.9, 0.1)
    unknown = np.full(100, 0.5)
    apart = probe_fnir([trial(scores, np.ones(200), unknown)], 0.01)
    together = probe_fnir([trial(scores, np.ones(200), unknown, known_groups=people)], 0.01)
    assert apart.value == together.value == 0.5
    assert together.high - together.low > 3 * (apart.high - apart.low)


def test_too_few_strangers_bound_the_misses_from_below_alone():
    estimate = at(0.2)
    assert (estimate.high, estimate.value) == (1, 3 / 5)
    assert estimate.low <= estimate.value
    assert estimate.note == "4 unknown photos are too few for a rate of 0.2: a lower bound"
    assert at(0.25).note is None
    fewest = probe_fnir([trial([0.9], [True], [0.1] * 1000), EXAMPLE], 0.01, FEW)
    assert fewest.note is not None
    assert fewest.note.startswith("4 unknown photos")


def test_the_curve_has_a_point_at_each_strangers_score():
    rate, missed = det_curve(EXAMPLE)
    assert np.allclose(rate, [0, 0.25, 0.5, 0.75])
    assert np.allclose(missed, [3 / 5, 2 / 5, 1 / 5, 1 / 5])


SCORES = st.sampled_from([NO_FACE, 0.0, 0.1, 0.2, 0.3, 0.5, 0.8]) | st.floats(-1, 1)


@st.composite
def trials(draw):
    known, unknown = draw(st.lists(SCORES, min_size=1, max_size=12)), draw(st.lists(SCORES, min_size=1, max_size=12))
    right = [draw(st.booleans()) and score > NO_FACE for score in known]
    return trial(known, right, unknown)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(trials(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(0, 1))
def test_the_demos_measure_of_photos_says_the_same(drawn, fpir):
    truth = {photo: ["ann"] for photo in range(len(drawn.known))}
    unknown = range(100, 100 + len(drawn.unknown))
    candidates = [
        collection.Candidate(photo, "ann" if right else "bob", score)
        for photo, (score, right) in enumerate(zip(drawn.known, drawn.right, strict=True))
        if score > NO_FACE
    ]
    candidates += [
        collection.Candidate(photo, "ann", s) for photo, s in zip(unknown, drawn.unknown, strict=True) if s > NO_FACE
    ]
    assert probe_fnir([drawn], fpir, 1).value == pytest.approx(collection.photo_fnir(truth, unknown, candidates, fpir))
    assert probe_rank1(drawn) == pytest.approx(collection.photo_rank1(truth, candidates))


@settings(deadline=None, derandomize=True)
@given(trials())
def test_the_curve_and_the_measure_agree_at_every_rate(drawn):
    for rate, missed in zip(*det_curve(drawn), strict=True):
        assert probe_fnir([drawn], rate, 1).value == pytest.approx(missed)


def test_the_calibration_error_is_the_mean_distance_of_confidence_and_truth_by_bins():
    """Two bins: 0.9 twice, one right; 0.1 twice, none right. As many known as unknown."""
    known = np.array([True, True, False, False])
    found = reliability(np.array([0.9, 0.1, 0.9, 0.1]), np.array([True, False, False, False]), known, share=0.5)
    assert found.confidence == pytest.approx([0.1, 0.9])
    assert found.right == pytest.approx([0, 0.5])
    assert found.weight == pytest.approx([0.5, 0.5])
    assert found.error == pytest.approx((0.1 + 0.4) / 2)


def test_faces_count_so_that_the_known_ones_make_up_their_share():
    """As above, but one face in ten is of the gallery: of 0.9s a tenth is right."""
    known = np.array([True, True, False, False])
    found = reliability(np.array([0.9, 0.1, 0.9, 0.1]), np.array([True, False, False, False]), known, share=0.1)
    assert found.right == pytest.approx([0, 0.1])
    assert found.weight == pytest.approx([0.5, 0.5])
    assert found.error == pytest.approx((0.1 + 0.8) / 2)


def test_a_confidence_of_one_lies_in_the_last_bin_and_bins_without_faces_are_left_out():
    known = np.array([True, False])
    found = reliability(np.array([1.0, 0.0]), known, known, share=0.5)
    assert (found.confidence, found.right, found.error) == ([0, 1], [0, 1], 0)
    assert len(found.weight) == 2 < BINS
    alone = reliability(np.array([0.5, 0.5]), np.array([True, True]), np.array([True, True]), share=0.3)
    assert alone.error == pytest.approx(0.5)
    assert alone.weight == pytest.approx([1])
