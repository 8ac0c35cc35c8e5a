"""Scores of all faces of a run, counted while its rows pass by."""

import numpy as np
import pytest
from pyspark.sql import Observation
from pyspark.sql import functions as F

from facejoin.jobs.store.distribution import BINS, Score

CONFIDENCE, SIMILARITY = Score("confidence", 0.0, 1.0, (0.2, 0.448)), Score("similarity", -1.0, 1.0)


@pytest.fixture
def observed(spark):
    def observed(scores, values, partitions=3):
        """Values of the first score, and beside them one that is no face's → distributions."""
        rows = [(float(value), float(value), True) for value in values] + [(0.5, 0.5, False)]
        frame = spark.createDataFrame(rows, "confidence double, similarity double, face boolean")
        seen = Observation()
        columns = [column for score in scores for column in score.observed(F.col("face"))]
        frame.repartition(partitions).observe(seen, *columns).write.format("noop").mode("overwrite").save()
        return [score.distribution(seen.get) for score in scores]

    return observed


def test_every_face_is_counted_in_its_bin_however_many_tasks_count(observed):
    values = np.random.default_rng(0).uniform(size=2_000)
    confidences, similarities = observed([CONFIDENCE, SIMILARITY], values, partitions=7)
    assert confidences.counts == np.histogram(values, BINS, (0, 1))[0].tolist()
    assert similarities.counts == np.histogram(values, BINS, (-1, 1))[0].tolist()
    assert (similarities.lowest, similarities.width) == (-1, 2 / BINS)


def test_moments_and_shares_are_those_of_the_faces_alone(observed):
    values = np.array([0.05, 0.1, 0.2, 0.448, 1.0])
    [counted] = observed([CONFIDENCE], values)
    assert (counted.mean, counted.deviation) == pytest.approx((values.mean(), values.std()))
    logs = np.log(values)
    assert (counted.log_mean, counted.log_deviation) == pytest.approx((logs.mean(), logs.std()))
    assert counted.above == {"0.2": 0.6, "0.448": 0.4}


def test_the_ends_and_a_rounding_beyond_them_are_in_the_outer_bins(observed):
    [counted] = observed([SIMILARITY], [-1.0, np.nextafter(-1, -2), 1.0, np.nextafter(1, 2)])
    assert (counted.counts[0], counted.counts[-1], sum(counted.counts)) == (2, 2, 4)


def test_scores_of_which_none_is_positive_have_no_logarithms(observed):
    [counted] = observed([SIMILARITY], [-0.5, 0.0])
    assert (counted.log_mean, counted.log_deviation) == (None, None)


def test_without_faces_there_is_nothing_to_tell(observed):
    assert observed([CONFIDENCE, SIMILARITY], []) == [None, None]
