"""What strangers score: the distribution that thresholds, false-match rates and budgets are read from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from facejoin.udfs.recognition.tail import TAIL, Tail, fit_tail

DRAWS = 500  # of the bootstrap
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Impostors:
    """Faces that show nobody of the gallery, one entry each. Thresholds here are of the evidence."""

    evidence: np.ndarray  # (n,) for the person each is most like
    people: np.ndarray  # (n,) that person, as a row of the gallery's means
    groups: np.ndarray  # (n,) 0, 1, …: faces of one stranger share a number

    def __len__(self) -> int:
        return len(self.evidence)

    @cached_property
    def tail(self) -> Tail:
        return fit_tail(self.evidence)

    def threshold_for(self, rate: float) -> float:
        """What a share `rate` of strangers reaches: of those seen, or by the tail where it is rare."""
        return float(np.quantile(self.evidence, 1 - rate)) if rate >= TAIL else self.tail.threshold_for(rate)

    def rate_at(self, threshold: float) -> float:
        """The share of strangers that reaches `threshold`."""
        if threshold > self.tail.start:
            return self.tail.rate_at(threshold)
        return float(np.mean(self.evidence >= threshold))

    def holds(self, threshold: float, rate: float) -> bool:
        """Whether `threshold`, which was set for `rate`, keeps it: not where too many share the highest evidence."""
        slack = 0.01 * rate if rate < TAIL else 1 / len(self)  # of rounding; of a quantile between two values
        return bool(self.rate_at(threshold) <= rate + slack)

    def is_extrapolated(self, threshold: float) -> bool:
        """Whether no stranger was seen to reach it."""
        return bool(threshold > self.evidence.max())

    def shares(self, people: int) -> np.ndarray:
        """(people,) sum 1: whom a stranger in the tail is taken for. Everyone is given half a stranger beforehand, so
        that nobody is held to be safe for having met few (Jeffreys' prior)."""
        met = np.bincount(self.people[self.evidence >= self.tail.start], minlength=people) + 0.5
        return np.asarray(met / met.sum())

    def interval(self, threshold: float, faces: int) -> tuple[int, int]:
        """95 % interval of how many of `faces` further strangers reach `threshold`.

        The rate is drawn by resampling the strangers with all their faces, the number by Poisson's law in units of
        `clumping`: a stranger who comes close to somebody does so on every photo.
        """
        rng = np.random.default_rng(0)
        expected = np.array([rate * faces for rate in self._resampled_rates(threshold, rng)])
        numbers = self.clumping * rng.poisson(expected / self.clumping)
        low, high = np.quantile(numbers, INTERVAL)
        return int(np.floor(low)), int(np.ceil(high))

    @cached_property
    def clumping(self) -> float:
        """Of how many faces the group of a face in the tail consists there, on average: 1 if all are strangers to one
        another (Kish's design effect)."""
        sizes = np.bincount(self.groups[self.evidence >= self.tail.start]).astype(float)
        return float(np.sum(sizes**2) / np.sum(sizes))

    def _resampled_rates(self, threshold: float, rng: np.random.Generator) -> list[float]:
        order = np.argsort(self.evidence)[::-1]
        evidence, groups = self.evidence[order], self.groups[order]
        number = int(groups.max()) + 1
        draws = rng.multinomial(number, np.full(number, 1 / number), size=DRAWS)  # (draws, groups): how often each
        return [_weighted_rate(evidence, weights[groups], threshold) for weights in draws]


def _weighted_rate(evidence: np.ndarray, weights: np.ndarray, threshold: float) -> float:
    """`Impostors.rate_at` of evidence, the highest first, that counts `weights` times."""
    total = weights.sum()
    seen = np.cumsum(weights)
    start = evidence[np.searchsorted(seen, TAIL * total)]
    if threshold <= start:
        return float(weights[evidence >= threshold].sum() / total)
    above = evidence >= start
    tail = Tail(float(start), float(np.average(evidence[above] - start, weights=weights[above])))
    return tail.rate_at(threshold)
