"""What the figures show, from rows made by hand."""

import numpy as np
import pytest
from pyspark.sql import Row

from facejoin.jobs.site.pictures import Found, found_of_people
from facejoin.jobs.site.tally import percentile_ranks, person_tallies, rank_correlation


def test_the_person_with_the_most_training_images_has_rank_1_and_the_least_0():
    assert percentile_ranks([14, 530, 100, 20, 60]).tolist() == [0, 1, 0.75, 0.25, 0.5]


def test_equal_numbers_share_the_mean_of_their_ranks():
    assert percentile_ranks([5, 7, 7, 9]).tolist() == [0, 0.5, 0.5, 1]
    assert percentile_ranks([3, 3, 3]).tolist() == [0.5, 0.5, 0.5]


def test_one_person_has_the_most_and_nobody_no_rank():
    assert percentile_ranks([14]).tolist() == [1]
    assert percentile_ranks([]).tolist() == []


def test_a_correlation_needs_three_points_that_differ():
    one, two, three, four = (np.arange(n, dtype=float) for n in (1, 2, 3, 4))
    assert rank_correlation(three, three**3) == pytest.approx(1)
    assert rank_correlation(four, -four) == pytest.approx(-1)
    assert rank_correlation(one, one) is None
    assert rank_correlation(two, two) is None
    assert rank_correlation(three, np.ones(3)) is None


def test_people_are_counted_those_with_the_most_matches_first():
    people = [Row(person=name, references=n) for name, n in (("Ann", 10), ("Bob", 20), ("Cem", 30), ("Dee", 20))]
    found = {"Cem": Found(2, 0.7, 0, None), "Bob": Found(1, 0.4, 0, None), "Ann": Found(1, 0.8, 0, None)}
    counted = person_tallies(people, found, {"Ann": 0.1, "Bob": 0.2, "Cem": 0.3, "Gone": 9.0})
    assert [(p.person, p.matches, p.expected_false) for p in counted] == [
        ("Cem", 2, 0.3), ("Ann", 1, 0.1), ("Bob", 1, 0.2), ("Dee", 0, None),
    ]  # fmt: skip
    assert [p.rank for p in counted] == [1, 0, 0.5, 0.5]
    assert [p.confidence for p in counted] == [0.7, 0.8, 0.4, None]


def test_without_strangers_nobodys_false_matches_are_known():
    [ann] = person_tallies([Row(person="Ann", references=1)], {"Ann": Found(1, 0.5, 0, None)}, None)
    assert ann.expected_false is None


def test_a_gallery_of_nobody_has_no_tallies():
    assert person_tallies([], {}, None) == []


def test_what_was_found_of_a_person_is_put_together_from_all_parts():
    part = Row("part", "person", "matches", "confidence", "placed", "best")
    parts = [part(0, "Ann", 2, 1.25, 1, "first"), part(1, "Ann", 2, 0.75, 1, "third"), part(1, "Bob", 1, 0.9, 0, None)]
    assert found_of_people(parts) == {"Ann": Found(4, 0.5, 2, "first"), "Bob": Found(1, 0.9, 0, None)}
