"""Tallies of a few matches, by NumPy: what Spark counts of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pyspark.sql import Row

from facejoin.jobs.site.pictures import Found
from facejoin.jobs.site.spread import ALIKE, BINS, NEARLY_CERTAIN, ROOM, Spread, log_normal
from facejoin.jobs.site.tally import Tally, person_tallies
from facejoin.jobs.store.distribution import Distribution

Match = tuple[str, float, float]  # person, confidence, similarity


def tally_of(
    references: Mapping[str, int],
    matches: Sequence[Match],
    expected_false: Mapping[str, float] | None = None,
    faces: Distribution | None = None,
) -> Tally:
    """references: of each person, how many."""
    own = {name: [confidence for person, confidence, _ in matches if person == name] for name in references}
    found = {name: Found(len(c), float(np.mean(c)), 0, None) for name, c in own.items() if c}
    people = [Row(person=name, references=number) for name, number in references.items()]
    confidences = spread_of([confidence for _, confidence, _ in matches])
    similarities = spread_of([similarity for _, _, similarity in matches])
    return Tally(confidences, similarities, person_tallies(people, found, expected_false), faces, faces)


def spread_of(numbers: Sequence[float] | np.ndarray) -> Spread:
    values = np.array(numbers, float)
    if len(values) == 0:
        nan = float("nan")
        return Spread(0, nan, nan, nan, 0.0, np.zeros(0), np.zeros(BINS), None)
    room = ROOM if np.ptp(values) < ALIKE else 0.0
    counts, edges = np.histogram(values, BINS, range=(values.min() - room, values.max() + room))
    logs = np.log(values[values > 0])
    fit = log_normal(logs.mean(), logs.std(), np.ptp(values[values > 0])) if len(logs) else None
    least, median, most = np.quantile(values, [0, 0.5, 1], method="lower")
    certain = float(np.mean(values >= NEARLY_CERTAIN))
    return Spread(len(values), least, median, most, certain, edges, counts, fit)
