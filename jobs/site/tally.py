"""What the figures of a campaign show: the study's Figures 6 and 7, and each person's matches beside the false ones
that are to be expected. Numbers only; figures.py draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame, Row
from scipy import stats

from facejoin.jobs.site.pictures import Found
from facejoin.jobs.site.spread import ALIKE, Spread, spreads
from facejoin.jobs.store.distribution import Distribution
from facejoin.jobs.store.match_report import MatchReport

FEWEST_TO_CORRELATE = 3  # of two points the correlation is always ±1


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

    confidences: Spread  # of its matches
    similarities: Spread
    people: list[PersonTally]  # those with the most matches first
    all_confidences: Distribution | None = None  # of all faces compared; null: the last matching did not count them
    all_similarities: Distribution | None = None


def tally(pictures: DataFrame, found: Mapping[str, Found], people: Sequence[Row], matched: MatchReport | None) -> Tally:
    """pictures: with confidence and similarity; found: what they are of each person; people: rows with person and
    references; matched: what the last matching told, if anything."""
    confidences, similarities = spreads(pictures, ("confidence", "similarity"))
    if matched is None:
        return Tally(confidences, similarities, person_tallies(people, found, None))
    expected = None if matched.false_matches is None else matched.false_matches.people
    counted = person_tallies(people, found, expected)
    return Tally(confidences, similarities, counted, matched.confidences, matched.similarities)


def person_tallies(
    people: Sequence[Row], found: Mapping[str, Found], expected_false: Mapping[str, float] | None
) -> list[PersonTally]:
    """people: rows with person and references; found: of those who were; expected_false: of each person, null where it
    cannot be told. Those with the most matches first."""
    ranks = percentile_ranks([row["references"] for row in people])
    counted = [
        PersonTally(
            person=row["person"],
            references=row["references"],
            rank=float(rank),
            matches=own.matches if (own := found.get(row["person"])) else 0,
            confidence=own.confidence if own else None,
            expected_false=None if expected_false is None else expected_false.get(row["person"]),
        )
        for row, rank in zip(people, ranks, strict=True)
    ]
    return sorted(counted, key=lambda one: (-one.matches, one.person))


def percentile_ranks(values: Sequence[float]) -> np.ndarray:
    """(n,) → (n,): 0 for the least and 1 for the most, as the study ranks its people by their training images.

    Equal values share the mean of their ranks. A single one is the most.
    """
    if len(values) < 2:
        return np.ones(len(values))
    return (stats.rankdata(values) - 1) / (len(values) - 1)


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Spearman's ρ of (n,) and (n,); null for fewer than three points and where all x or all y are alike."""
    if len(x) < FEWEST_TO_CORRELATE or np.ptp(x) < ALIKE or np.ptp(y) < ALIKE:
        return None
    return float(stats.spearmanr(x, y).statistic)
