"""What the figures of a campaign show: the study's Figures 6 and 7, and each person's matches beside the false ones
that are to be expected. Numbers only; figures.py draws them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import Row
from scipy import stats

ALIKE = 1e-6  # confidences that differ by less tell nothing apart, and divide by nearly nothing
FEWEST_TO_CORRELATE = 3  # of two points the correlation is always ±1


@dataclass(frozen=True)
class LogNormal:
    """Of x, whose logarithm is normal with the mean ln `scale` and the standard deviation `shape`."""

    shape: float
    scale: float

    def density(self, x: np.ndarray) -> np.ndarray:
        """x (n,) > 0 → (n,), per unit of x."""
        return stats.lognorm.pdf(x, self.shape, scale=self.scale)


@dataclass(frozen=True)
class PersonTally:
    person: str
    references: int  # training images
    rank: float  # percentile rank of their number among all people's, 0 … 1
    matches: int
    confidence: float | None  # mean of the matches'; null: there are none
    expected_false: float | None  # of the matches; null: too few strangers are known to tell


@dataclass(frozen=True)
class Tally:
    """Of one gallery."""

    confidences: np.ndarray  # (n,) of its matches, in [0, 1]
    similarities: np.ndarray  # (n,) of the same
    people: list[PersonTally]  # those with the most matches first


def tally(people: Sequence[Row], found: Sequence[Row], expected_false: Mapping[str, float] | None) -> Tally:
    """people: rows with person and references; found: one a match, of these people, with person, confidence and
    similarity; expected_false: of each person, null where it cannot be told."""
    confidences: dict[str, list[float]] = defaultdict(list)
    for row in found:
        confidences[row["person"]].append(row["confidence"])
    ranks = percentile_ranks([row["references"] for row in people])
    counted = [
        PersonTally(
            person=row["person"],
            references=row["references"],
            rank=float(rank),
            matches=len(own := confidences[row["person"]]),
            confidence=float(np.mean(own)) if own else None,
            expected_false=None if expected_false is None else expected_false.get(row["person"]),
        )
        for row, rank in zip(people, ranks, strict=True)
    ]
    return Tally(
        confidences=np.array([row["confidence"] for row in found], dtype=float),
        similarities=np.array([row["similarity"] for row in found], dtype=float),
        people=sorted(counted, key=lambda one: (-one.matches, one.person)),
    )


def percentile_ranks(values: Sequence[float]) -> np.ndarray:
    """(n,) → (n,): 0 for the least and 1 for the most, as the study ranks its people by their training images.

    Equal values share the mean of their ranks. A single one is the most.
    """
    if len(values) < 2:
        return np.ones(len(values))
    return (stats.rankdata(values) - 1) / (len(values) - 1)


def are_alike(values: np.ndarray) -> bool:
    """Whether (n,) values have no width; none and one have not."""
    return len(values) == 0 or float(np.ptp(values)) < ALIKE


def fitted_log_normal(values: np.ndarray) -> LogNormal | None:
    """The likeliest one for (n,) values; null where they do not tell its width: none, one, or all alike.

    Values of 0 are left out: no log-normal has them.
    """
    positive = values[values > 0]
    if are_alike(positive):
        return None
    shape, _, scale = stats.lognorm.fit(positive, floc=0)
    return LogNormal(float(shape), float(scale))


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Spearman's ρ of (n,) and (n,); null for fewer than three points and where all x or all y are alike."""
    if len(x) < FEWEST_TO_CORRELATE or are_alike(x) or are_alike(y):
        return None
    return float(stats.spearmanr(x, y).statistic)
