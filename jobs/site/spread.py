"""How values are spread, as counts and moments, and the log-normal of the study's Figure 6: what is kept is as small
however many values there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy import stats

BINS = 50
ALIKE = 1e-6  # values that differ by less tell nothing apart, and divide by nearly nothing
ROOM = 0.05  # on both sides of values that are all alike
NEARLY_CERTAIN = 0.99
ACCURACY = 10_000  # of the median: its rank is off by less than one in so many


@dataclass(frozen=True)
class LogNormal:
    """Of x, whose logarithm is normal with the mean ln `scale` and the standard deviation `shape`."""

    shape: float
    scale: float

    def density(self, x: np.ndarray) -> np.ndarray:
        """x (n,) > 0 → (n,), per unit of x."""
        return stats.lognorm.pdf(x, self.shape, scale=self.scale)


@dataclass(frozen=True)
class Spread:
    """Of `count` values; of none, numbers are NaN, and there are no bins."""

    count: int
    least: float
    median: float
    most: float
    certain: float  # share of values that are NEARLY_CERTAIN or more
    edges: np.ndarray  # (bins + 1,)
    counts: np.ndarray  # (bins,)
    fit: LogNormal | None  # the likeliest one for the values above 0; null where they do not tell its width


def spreads(rows: DataFrame, columns: Sequence[str]) -> list[Spread]:
    """One of each column of numbers, in two passes over the rows."""
    [seen] = rows.agg(
        *(value.alias(f"{of}_{name}") for of in columns for name, value in _moments(of).items())
    ).collect()
    moments = [{name: seen[f"{of}_{name}"] for name in _moments(of)} for of in columns]
    edges = [_edges(own) for own in moments]
    drawn = [(of, own) for of, own in zip(columns, edges, strict=True) if len(own)]
    counts = {of: np.zeros(BINS) for of in columns}
    if drawn:
        [binned] = rows.agg(
            *(F.histogram_numeric(_place(of, own), F.lit(2 * BINS)).alias(of) for of, own in drawn)
        ).collect()
        for of, _ in drawn:
            for place in binned[of]:  # exact: there are fewer places than it may keep apart; one may come in parts
                counts[of][int(place["x"])] += place["y"]
    return [_spread(own, at, counts[of]) for of, own, at in zip(columns, moments, edges, strict=True)]


def log_normal(mean: float | None, deviation: float | None, width: float | None) -> LogNormal | None:
    """The likeliest for values above 0, by the mean and deviation of their logarithms; `width`: from the least of them
    to the most. Null where they are all alike, or none."""
    if mean is None or deviation is None or width is None or width < ALIKE:
        return None
    return LogNormal(deviation, math.exp(mean))


def _moments(of: str) -> dict[str, Column]:
    value, positive = F.col(of), F.when(F.col(of) > 0, F.col(of))
    return {
        "count": F.count(value),
        "least": F.min(value),
        "median": F.percentile_approx(value, 0.5, ACCURACY),
        "most": F.max(value),
        "certain": F.count_if(value >= NEARLY_CERTAIN),
        "log_mean": F.avg(F.ln(positive)),
        "log_deviation": F.stddev_pop(F.ln(positive)),
        "width": F.max(positive) - F.min(positive),
    }


def _edges(moments: dict[str, Any]) -> np.ndarray:
    """From the lowest to the highest value, so that a narrow pile keeps its shape."""
    if moments["count"] == 0:
        return np.zeros(0)
    least, most = moments["least"], moments["most"]
    room = ROOM if most - least < ALIKE else 0.0
    return np.linspace(least - room, most + room, BINS + 1)


def _place(of: str, edges: np.ndarray) -> Column:
    """Number of the value's bin; the highest value is in the last one."""
    low, width = float(edges[0]), float(edges[-1] - edges[0])
    return F.least(F.floor((F.col(of) - low) / width * BINS), F.lit(BINS - 1))


def _spread(moments: dict[str, Any], edges: np.ndarray, counts: np.ndarray) -> Spread:
    count = moments["count"]
    least, median, most = (float("nan") if count == 0 else moments[name] for name in ("least", "median", "most"))
    fit = log_normal(moments["log_mean"], moments["log_deviation"], moments["width"])
    certain = moments["certain"] / count if count else 0.0
    return Spread(count, least, median, most, certain, edges, counts, fit)
