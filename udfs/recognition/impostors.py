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
    """Faces that show nobody of the gallery, one entry each. Scores are on the scale of Gallery.evidence."""

    scores: np.ndarray  # (n,) with the person each is most like
    people: np.ndarray  # (n,) that person, as a row of the gallery's means
    groups: np.ndarray  # (n,) 0, 1, …: faces of one stranger share a number

    def __len__(self) -> int:
        return len(self.scores)

    @cached_property
    def tail(self) -> Tail:
        return fit_tail(self.scores)

    def level(self, rate: float) -> float:
        """The score that a share `rate` of strangers reaches: of those seen, or by the tail where it is rare."""
        return float(np.quantile(self.scores, 1 - rate)) if rate >= TAIL else self.tail.level(rate)

    def rate(self, level: float) -> float:
        """The share of strangers that reaches `level`."""
        return float(np.mean(self.scores >= level)) if level <= self.tail.start else self.tail.rate(level)

    def holds(self, level: float, rate: float) -> bool:
        """Whether `level`, which was set for `rate`, keeps it: not where too many strangers share the highest score."""
        slack = 0.01 * rate if rate < TAIL else 1 / len(self)  # of rounding; of a quantile between two scores
        return bool(self.rate(level) <= rate + slack)

    def is_extrapolated(self, level: float) -> bool:
        """Whether no stranger was seen to score as high."""
        return bool(level > self.scores.max())

    def shares(self, people: int) -> np.ndarray:
        """(people,) sum 1: whom a stranger in the tail is taken for. Everyone is given half a stranger beforehand, so
        that nobody is held to be safe for having met few (Jeffreys' prior)."""
        met = np.bincount(self.people[self.scores >= self.tail.start], minlength=people) + 0.5
        return np.asarray(met / met.sum())

    def interval(self, level: float, faces: int) -> tuple[int, int]:
        """95 % interval of how many of `faces` further strangers reach `level`.

        The rate is drawn by resampling the strangers with all their faces, the number by Poisson's law in units of
        `clumping`: a stranger who comes close to somebody does so on every photo.
        """
        rng = np.random.default_rng(0)
        expected = np.array([rate * faces for rate in self._resampled_rates(level, rng)])
        numbers = self.clumping * rng.poisson(expected / self.clumping)
        low, high = np.quantile(numbers, INTERVAL)
        return int(np.floor(low)), int(np.ceil(high))

    @cached_property
    def clumping(self) -> float:
        """Of how many faces the group of a face in the tail consists there, on average: 1 if all are strangers to one
        another (Kish's design effect)."""
        sizes = np.bincount(self.groups[self.scores >= self.tail.start]).astype(float)
        return float(np.sum(sizes**2) / np.sum(sizes))

    def _resampled_rates(self, level: float, rng: np.random.Generator) -> list[float]:
        order = np.argsort(self.scores)[::-1]
        scores, groups = self.scores[order], self.groups[order]
        number = int(groups.max()) + 1
        draws = rng.multinomial(number, np.full(number, 1 / number), size=DRAWS)  # (draws, groups): how often each
        return [_weighted_rate(scores, weights[groups], level) for weights in draws]


def _weighted_rate(scores: np.ndarray, weights: np.ndarray, level: float) -> float:
    """`Impostors.rate` of scores, the highest first, that count `weights` times."""
    total = weights.sum()
    seen = np.cumsum(weights)
    start = scores[np.searchsorted(seen, TAIL * total)]
    if level <= start:
        return float(weights[scores >= level].sum() / total)
    above = scores >= start
    return Tail(float(start), float(np.average(scores[above] - start, weights=weights[above]))).rate(level)
