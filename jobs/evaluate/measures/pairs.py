"""How well scores tell pairs of photos of one person from pairs of two: the protocol of LFW.

Throughout, scores (n,) are higher the more alike the photos are, same (n,) says whether they show one person, and a
pair is taken for one person's where its score exceeds a threshold.
"""

from __future__ import annotations

import numpy as np

LOWEST = -1.0  # the least that a cosine can be: of a pair with a photo in which no face was found


def fold_accuracies(scores: np.ndarray, same: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Share of each fold's pairs that are judged rightly by the threshold that is best on all other folds.

    folds (n,): the number of each pair's fold → (k,) by number. A single fold is judged by its own best threshold,
    for want of another.
    """
    numbers = np.unique(folds)
    rates = []
    for number in numbers:
        own = folds == number
        others = own if len(numbers) == 1 else ~own
        rates.append(np.mean((scores[own] > best_threshold(scores[others], same[others])) == same[own]))
    return np.array(rates)


def cross_validation_folds(same: np.ndarray, most: int = 10) -> np.ndarray:
    """A fold (n,) for each pair of one split, same and different pairs dealt out in turn: as many folds as there can
    be with a pair of either kind in each, `most` at most."""
    count = min(most, int(same.sum()), int((~same).sum()))
    rank = np.where(same, np.cumsum(same), np.cumsum(~same)) - 1  # of each pair among those of its kind
    return rank % max(count, 1)


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """The one that judges most pairs rightly; of equally good ones the middle one. Those tried lie half-way between
    neighbouring scores, and below all and above all of them."""
    distinct = np.unique(scores)
    tried = np.concatenate([distinct[:1] - 1, (distinct[1:] + distinct[:-1]) / 2, distinct[-1:] + 1])
    missed = np.searchsorted(np.sort(scores[same]), tried, side="right")
    rejected = np.searchsorted(np.sort(scores[~same]), tried, side="right")
    best = np.flatnonzero(rejected - missed == (rejected - missed).max())
    return float(tried[best[len(best) // 2]])


def true_accepts(scores: np.ndarray, same: np.ndarray, false_accept_rate: float) -> int:
    """Pairs of one person accepted at the threshold that at most that share of the pairs of two people exceeds; a
    score that equals the first of them too many is not accepted."""
    different = np.sort(scores[~same])[::-1]
    threshold = [*different, -np.inf][int(false_accept_rate * len(different) + 1e-9)]
    return int(np.sum(scores[same] > threshold))
