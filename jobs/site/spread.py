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
FINE = 200  # places in each bin; the median is the least value at its place


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
    counts = {of: np.zeros(BINS * FINE) for of in columns}
    lowest = {of: np.full(BINS * FINE, np.nan) for of in columns}
    if drawn:
        places = F.array(*(_at(of, own) for of, own in drawn))
        counted = rows.select(F.explode(places).alias("at")).select("at.*").where(F.col("place").isNotNull())
        found = counted.groupBy("of", "place").agg(F.count(F.lit(1)), F.min("value"))
        for of, place, count, least in found.collect():
            counts[of][place], lowest[of][place] = count, least
    return [_spread(own, at, counts[of], lowest[of]) for of, own, at in zip(columns, moments, edges, strict=True)]


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


def _at(of: str, edges: np.ndarray) -> Column:
    """of, value, and the place that it is at among BINS · FINE; the highest value is in the last one."""
    low, width, places = float(edges[0]), float(edges[-1] - edges[0]), BINS * FINE
    place = F.floor((F.col(of) - low) / width * places)
    own = F.when(place < places, place).when(place >= places, places - 1)  # null stays null
    return F.struct(F.lit(of).alias("of"), F.col(of).alias("value"), own.cast("int").alias("place"))


def _spread(moments: dict[str, Any], edges: np.ndarray, fine: np.ndarray, lowest: np.ndarray) -> Spread:
    """edges: (bins + 1,) of the values; fine: (bins · FINE,) how many of them are at each place; lowest: (bins · FINE,)
    of these, the least one."""
    count = moments["count"]
    least, most = (float("nan") if count == 0 else moments[name] for name in ("least", "most"))
    middle = float(lowest[np.searchsorted(np.cumsum(fine), count / 2)]) if count else float("nan")
    fit = log_normal(moments["log_mean"], moments["log_deviation"], moments["width"])
    certain = moments["certain"] / count if count else 0.0
    counts = fine.reshape(BINS, FINE).sum(axis=1)
    return Spread(count, least, middle, most, certain, edges, counts, fit)
