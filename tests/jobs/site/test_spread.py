"""Numbers of many rows, counted by Spark, as NumPy counts a few."""

import numpy as np
import pytest
from tallies import spread_of

from facejoin.jobs.site.spread import BINS, FINE, LogNormal, log_normal, spreads


def spread_by_spark(spark, *columns):
    names = [f"c{number}" for number in range(len(columns))]
    rows = [tuple(map(float, row)) for row in zip(*columns, strict=True)]
    schema = ", ".join(f"{name} double" for name in names)
    return spreads(spark.createDataFrame(rows, schema).repartition(2), names)


def assert_alike(one, other):
    assert one.counts.tolist() == other.counts.tolist()
    assert one.edges.tolist() == other.edges.tolist()
    numbers, others = ([s.count, s.least, s.most, s.certain] for s in (one, other))
    np.testing.assert_array_equal(numbers, others)
    if other.count:
        assert one.median == pytest.approx(other.median, abs=(other.edges[-1] - other.edges[0]) / (BINS * FINE))
    if other.fit is None:
        assert one.fit is None
    else:
        assert (one.fit.shape, one.fit.scale) == pytest.approx((other.fit.shape, other.fit.scale))


def test_columns_are_counted_as_numpy_counts_them(spark):
    rng = np.random.default_rng(0)
    columns = rng.lognormal(-2.6, 0.55, 999), rng.normal(size=999), rng.integers(0, 2, 999) * 0.995
    for counted, column in zip(spread_by_spark(spark, *columns), columns, strict=True):
        assert_alike(counted, spread_of(column))


@pytest.mark.parametrize("values", [[], [0.7], [0.7, 0.7, 0.7], [0.0, 0.0, 0.7], [1.0, np.nextafter(1.0, 0)], [0, 1]])
def test_few_values_or_such_without_a_width_have_no_fit(spark, values):
    [counted] = spread_by_spark(spark, values)
    assert_alike(counted, spread_of(values))
    assert counted.fit is None


def test_the_fit_is_the_likeliest_by_the_logarithms_mean_and_deviation():
    logs = np.log([0.1, 0.2, 0.4, 0.9])
    fit = log_normal(logs.mean(), logs.std(), 0.8)
    assert fit is not None
    assert fit == LogNormal(logs.std(), fit.scale)
    assert fit.scale == pytest.approx(np.exp(logs.mean()))


def test_a_fits_density_is_one_in_all():
    x = np.linspace(1e-6, 5, 200_000)
    assert np.trapezoid(LogNormal(0.5, 0.2).density(x), x) == pytest.approx(1, abs=1e-3)
