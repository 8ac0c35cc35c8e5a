"""How a score is spread over all faces of a run, as counts: neither scores nor vectors are kept for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

BINS = 128  # a power of two, so that a bin's edge is exactly what it says
ABOVE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)


@dataclass
class Distribution:
    lowest: float  # edge of the first bin
    width: float  # of a bin
    counts: list[int]  # faces in each bin
    mean: float
    deviation: float
    log_mean: float | None  # of the logarithms of those above 0, as a log-normal has them; null: there are none
    log_deviation: float | None
    above: dict[str, float]  # threshold → share of the faces that reach it


@dataclass(frozen=True)
class Score:
    """A column of scores whose distribution is observed while the rows pass by."""

    name: str
    lowest: float
    highest: float
    thresholds: Sequence[float] = ABOVE

    def observed(self, counts: Column) -> list[Column]:
        """counts: whether a row is one of the faces."""
        score = F.when(counts, F.col(self.name))
        logarithm = F.ln(F.when(score > 0, score))
        place = F.floor((score - self.lowest) / self._width)
        # A cosine may be a rounding beyond 1. (Of null, the greatest and the least are numbers.)
        within = F.when(score.isNotNull(), F.least(F.greatest(place, F.lit(0)), F.lit(BINS - 1)))
        columns = {
            # Exact, since there are no more different values than it may keep apart. They come in the type that they
            # went in, cut off to whole numbers where that is one: 6 for a mean of sevens that is a rounding below 7
            "counts": F.to_json(F.histogram_numeric(within.cast("double"), F.lit(2 * BINS))),
            "mean": F.avg(score),
            "deviation": F.stddev_pop(score),
            "log_mean": F.avg(logarithm),
            "log_deviation": F.stddev_pop(logarithm),
        }
        columns |= {f"above_{number}": F.count_if(score >= at) for number, at in enumerate(self.thresholds)}
        return [column.alias(f"{self.name}_{name}") for name, column in columns.items()]

    def distribution(self, seen: Mapping[str, Any]) -> Distribution | None:
        """Of what was observed; null where there was no face."""
        values = {name.removeprefix(f"{self.name}_"): value for name, value in seen.items()}
        counts = [0] * BINS
        for place in json.loads(values["counts"] or "[]"):  # a bin may come in parts
            counts[round(place["x"])] += round(place["y"])  # a mean of equal numbers, within rounding
        faces = sum(counts)
        if faces == 0:
            return None
        above = {f"{at:g}": values[f"above_{number}"] / faces for number, at in enumerate(self.thresholds)}
        moments = {name: values[name] for name in ("mean", "deviation", "log_mean", "log_deviation")}
        return Distribution(lowest=self.lowest, width=self._width, counts=counts, above=above, **moments)

    @property
    def _width(self) -> float:
        return (self.highest - self.lowest) / BINS
