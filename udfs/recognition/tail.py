"""How scores fall off at their highest, so that a threshold can lie beyond the largest one seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TAIL = 0.2  # share of the highest scores that the tail is fitted to
FEWEST = 50  # scores from which a tail is fitted at all: ten of them lie in it


@dataclass(frozen=True)
class Tail:
    """The highest fifth falls off exponentially (peaks over threshold, Pickands 1975, doi:10.1214/aos/1176343003, with
    a shape of zero)."""

    start: float  # the score from which on it holds
    mean_excess: float

    def threshold_for(self, rate: float) -> float:
        """The score that a share `rate`, TAIL at most, reaches."""
        return self.start + self.mean_excess * float(np.log(TAIL / rate))

    def rate_at(self, threshold: float) -> float:
        """The share that reaches `threshold`, which is no lower than the start."""
        if self.mean_excess == 0:  # scores that are all alike
            return TAIL if threshold <= self.start else 0.0
        return TAIL * float(np.exp(-(threshold - self.start) / self.mean_excess))


def fit_tail(scores: np.ndarray) -> Tail:
    """scores (n,), FEWEST or more."""
    start = float(np.quantile(scores, 1 - TAIL))
    return Tail(start, float(np.mean(scores[scores >= start] - start)))
