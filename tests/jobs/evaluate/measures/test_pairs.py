"""LFW's protocol: examples reckoned by hand, and beside the plainest code that does the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.jobs.evaluate.measures.pairs import (
    LOWEST,
    best_threshold,
    cross_validation_folds,
    fold_accuracies,
    true_accepts,
)

LEVELS = st.sampled_from([LOWEST, -0.5, 0.0, 0.1, 0.2, 0.3, 0.9])
PAIRS = st.lists(st.tuples(LEVELS, st.booleans()), min_size=1, max_size=30)


def labelled(same: list[float], different: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) of such pairs, and which are one person's (n,)."""
    return np.array([*same, *different]), np.array([True] * len(same) + [False] * len(different))


def test_the_best_threshold_lies_half_way_between_the_two_kinds() -> None:
    assert best_threshold(*labelled([0.6, 0.8], [0.1, 0.2])) == pytest.approx(0.4)


def test_the_best_threshold_makes_the_fewest_mistakes() -> None:
    scores, same = labelled([0.9, 0.8, 0.74, 0.7, 0.1], [0.75, 0.3, 0.2])
    assert best_threshold(scores, same) == pytest.approx(0.5)


def test_of_equally_good_thresholds_the_middle_one_is_taken() -> None:
    scores, same = labelled([0.3, 0.5], [0.2, 0.4])  # below 0.2, 0.3 and above 0.4 make one mistake, or two
    assert best_threshold(scores, same) == pytest.approx(0.45)


def test_with_pairs_of_one_kind_everything_is_accepted_or_nothing() -> None:
    assert best_threshold(*labelled([0.3], [])) < 0.3
    assert best_threshold(*labelled([], [0.3])) > 0.3


@settings(deadline=None, derandomize=True)
@given(pairs=PAIRS)
def test_no_threshold_at_all_judges_more_pairs_rightly(pairs: list[tuple[float, bool]]) -> None:
    scores, same = (np.array(column) for column in zip(*pairs, strict=True))
    right = np.sum((scores > best_threshold(scores, same)) == same)
    assert right == max(np.sum((scores > level) == same) for level in [LOWEST - 1, *scores])


def test_a_folds_threshold_is_that_of_the_others() -> None:
    scores, same = labelled([0.8, 0.3], [0.1, 0.5])
    folds = np.array([0, 1, 0, 1])
    # 0.45 parts the first fold; taken for the second it is wrong of both its pairs. No threshold parts the second.
    assert fold_accuracies(scores, same, folds).tolist() == [0.5, 0]


def test_a_single_fold_is_judged_by_its_own_threshold() -> None:
    assert fold_accuracies(*labelled([0.8], [0.1]), np.zeros(2, int)).tolist() == [1]


def test_folds_that_agree_deviate_by_nothing() -> None:
    scores, same = labelled([0.8] * 10, [0.1] * 10)
    rates = fold_accuracies(scores, same, cross_validation_folds(same))
    assert rates.tolist() == [1] * 10
    assert rates.std() == 0


@settings(deadline=None, derandomize=True)
@given(kinds=st.lists(st.booleans(), min_size=2, max_size=60))
def test_each_fold_of_a_split_has_its_share_of_both_kinds(kinds: list[bool]) -> None:
    same = np.array(kinds)
    folds = cross_validation_folds(same)
    count = max(1, min(10, same.sum(), (~same).sum()))
    assert {*folds} == {*range(count)}
    for kind in (same, ~same):
        sizes = np.bincount(folds[kind], minlength=count)
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize(
    ("rate", "accepted"),
    [
        (0.0, 1),  # above 0.7
        (0.24, 1),  # a quarter of four pairs would be one
        (0.25, 2),  # above 0.4
        (0.5, 3),  # above 0.2
        (0.99, 4),
    ],
)
def test_what_is_accepted_at_a_share_of_false_accepts(rate: float, accepted: int) -> None:
    assert true_accepts(*labelled([0.9, 0.6, 0.3, 0.15], [0.7, 0.4, 0.2, 0.1]), rate) == accepted


def test_a_score_that_equals_a_false_accepts_is_not_accepted() -> None:
    assert true_accepts(*labelled([0.7, 0.8], [0.7, 0.1]), 0.0) == 1


def test_pairs_without_a_face_are_never_accepted_before_all_others_are() -> None:
    assert true_accepts(*labelled([LOWEST, 0.5], [LOWEST, LOWEST]), 0.5) == 1


@settings(deadline=None, derandomize=True)
@given(pairs=PAIRS, rates=st.lists(st.floats(0, 0.99), min_size=2, max_size=5))
def test_more_false_accepts_never_accept_less(pairs: list[tuple[float, bool]], rates: list[float]) -> None:
    scores, same = (np.array(column) for column in zip(*pairs, strict=True))
    accepted = [true_accepts(scores, same, rate) for rate in sorted(rates)]
    assert accepted == sorted(accepted)
