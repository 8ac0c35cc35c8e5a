"""What the figures show, from rows made by hand."""

import numpy as np
import pytest
from pyspark.sql import Row

from facejoin.jobs.site.tally import are_alike, fitted_log_normal, percentile_ranks, rank_correlation, tally


def person(name, references):
    return Row(person=name, references=references)


def match(name, confidence, similarity=0.5):
    return Row(person=name, confidence=confidence, similarity=similarity)


def test_the_person_with_the_most_training_images_has_rank_1_and_the_least_0():
    assert percentile_ranks([14, 530, 100, 20, 60]).tolist() == [0, 1, 0.75, 0.25, 0.5]


def test_equal_numbers_share_the_mean_of_their_ranks():
    assert percentile_ranks([5, 7, 7, 9]).tolist() == [0, 0.5, 0.5, 1]
    assert percentile_ranks([3, 3, 3]).tolist() == [0.5, 0.5, 0.5]


def test_one_person_has_the_most_and_nobody_no_rank():
    assert percentile_ranks([14]).tolist() == [1]
    assert percentile_ranks([]).tolist() == []


def test_the_fit_finds_the_log_normal_that_values_were_drawn_from():
    drawn = np.random.default_rng(0).lognormal(mean=-2.6, sigma=0.55, size=20_000)
    fit = fitted_log_normal(drawn)
    assert fit is not None
    assert (np.log(fit.scale), fit.shape) == pytest.approx((-2.6, 0.55), abs=0.02)


def test_the_fit_is_the_likeliest_by_the_logarithms_mean_and_deviation():
    values = np.array([0.1, 0.2, 0.4, 0.9])
    fit = fitted_log_normal(values)
    assert fit is not None
    assert fit.scale == pytest.approx(np.exp(np.log(values).mean()))
    assert fit.shape == pytest.approx(np.log(values).std())


def test_a_fits_density_is_one_in_all():
    x = np.linspace(1e-6, 5, 200_000)
    fit = fitted_log_normal(np.array([0.1, 0.2, 0.4]))
    assert fit is not None
    assert np.trapezoid(fit.density(x), x) == pytest.approx(1, abs=1e-3)


def test_a_confidence_of_0_is_left_out_of_the_fit():
    assert fitted_log_normal(np.array([0, 0.2, 0.4])) == fitted_log_normal(np.array([0.2, 0.4]))


@pytest.mark.parametrize("values", [[], [0.7], [0.7, 0.7, 0.7], [0.0, 0.0, 0.7], [1.0, np.nextafter(1.0, 0)]])
def test_values_without_a_width_have_no_fit(values):
    assert fitted_log_normal(np.array(values)) is None


def test_values_are_alike_where_nothing_tells_them_apart():
    assert are_alike(np.array([]))
    assert are_alike(np.array([0.3, 0.3]))
    assert not are_alike(np.array([0.3, 0.4]))


def test_a_correlation_needs_three_points_that_differ():
    one, two, three, four = (np.arange(n, dtype=float) for n in (1, 2, 3, 4))
    assert rank_correlation(three, three**3) == pytest.approx(1)
    assert rank_correlation(four, -four) == pytest.approx(-1)
    assert rank_correlation(one, one) is None
    assert rank_correlation(two, two) is None
    assert rank_correlation(three, np.ones(3)) is None


def test_people_are_counted_those_with_the_most_matches_first():
    people = [person("Ann", 10), person("Bob", 20), person("Cem", 30), person("Dee", 20)]
    found = [match("Cem", 0.9), match("Bob", 0.4), match("Cem", 0.5), match("Ann", 0.8, similarity=0.6)]
    counted = tally(people, found, {"Ann": 0.1, "Bob": 0.2, "Cem": 0.3, "Gone": 9.0})
    assert [(p.person, p.matches, p.expected_false) for p in counted.people] == [
        ("Cem", 2, 0.3), ("Ann", 1, 0.1), ("Bob", 1, 0.2), ("Dee", 0, None),
    ]  # fmt: skip
    assert [p.rank for p in counted.people] == [1, 0, 0.5, 0.5]
    assert [p.confidence for p in counted.people] == [pytest.approx(0.7), 0.8, 0.4, None]
    assert counted.confidences.tolist() == [0.9, 0.4, 0.5, 0.8]
    assert counted.similarities.tolist() == [0.5, 0.5, 0.5, 0.6]


def test_without_strangers_nobodys_false_matches_are_known():
    assert tally([person("Ann", 1)], [match("Ann", 0.5)], None).people[0].expected_false is None


def test_a_gallery_of_nobody_is_an_empty_tally():
    counted = tally([], [], None)
    assert (counted.confidences.size, counted.similarities.size, counted.people) == (0, 0, [])
