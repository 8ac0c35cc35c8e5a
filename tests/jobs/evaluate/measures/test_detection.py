"""Matching detections with true faces: examples reckoned by hand, and rules that hold for any boxes."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.jobs.evaluate.measures.detection import SAME, Counts, counts, matches, overlaps, shorter_sides

SIDES = st.integers(0, 12)
BOX = st.tuples(SIDES, SIDES, SIDES, SIDES).map(
    lambda sides: (sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3])
)
FEW = st.lists(BOX, max_size=4).map(lambda rows: boxes(*rows))


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def test_an_overlap_is_the_common_part_of_the_union() -> None:
    found = overlaps(boxes((0, 0, 10, 10)), boxes((0, 0, 10, 10), (0, 0, 10, 5), (5, 0, 15, 10), (20, 20, 30, 30)))
    assert found.tolist() == [[1, 1 / 2, 1 / 3, 0]]


def test_boxes_without_area_overlap_nothing_not_even_themselves() -> None:
    empty = boxes((3, 3, 3, 3))
    assert overlaps(empty, empty).tolist() == [[0]]
    assert counts(empty, empty, min_size=1) == Counts()


def test_a_box_is_as_large_as_its_shorter_side() -> None:
    assert shorter_sides(boxes((0, 0, 30, 40), (0, 0, 40, 30))).tolist() == [30, 30]


def test_half_of_the_union_in_common_is_a_face_found_and_less_is_not() -> None:
    face = boxes((0, 0, 10, 10))
    assert counts(face, boxes((0, 0, 10, 5)), min_size=1).found == 1
    assert counts(face, boxes((0, 0, 10, 4.9)), min_size=1) == Counts(faces=1, detections=1)


def test_a_second_detection_of_a_face_is_a_mistake() -> None:
    twice = boxes((0, 0, 40, 40), (1, 0, 41, 40))
    assert counts(twice[:1], twice, min_size=20) == Counts(faces=1, found=1, detections=2, right=1)


def test_a_detection_finds_one_of_two_faces_that_it_covers() -> None:
    faces = boxes((0, 0, 40, 40), (0, 8, 40, 48))
    assert counts(faces, boxes((0, 4, 40, 44)), min_size=20) == Counts(faces=2, found=1, detections=1, right=1)


def test_as_many_faces_as_possible_are_found_even_at_the_cost_of_the_best_overlap() -> None:
    """The first detection covers the first face best, but only it covers the second one too."""
    faces, detected = boxes((0, 0, 10, 10), (4, 0, 14, 10)), boxes((1, 0, 11, 10), (-2, 0, 8, 10))
    assert overlaps(faces, detected)[0].argmax() == 0
    assert overlaps(faces, detected)[1, 1] < SAME
    assert [pair.tolist() for pair in matches(faces, detected)] == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("face", "detection", "expected"),
    [
        (24, 23, Counts(faces=1, found=1)),  # found by a box that is too small to count itself
        (23, 24, Counts(detections=1, right=1)),  # no mistake, though the face does not count
        (23, 23, Counts()),
        (24, 24, Counts(faces=1, found=1, detections=1, right=1)),
    ],
)
def test_boxes_are_matched_before_the_small_ones_are_left_out(face: int, detection: int, expected: Counts) -> None:
    assert counts(boxes((0, 0, face, face)), boxes((0, 0, detection, detection)), min_size=24) == expected


def test_a_detection_of_any_size_where_no_face_is_at_all_is_a_false_alarm() -> None:
    small = boxes((0, 0, 5, 5))
    assert counts(boxes(), small, min_size=24) == Counts(false_alarms=1)
    assert counts(boxes(), boxes(), min_size=24) == Counts()
    assert counts(small + 100, small, min_size=24) == Counts()  # somebody is in the photo


def test_the_counts_of_photos_add_up() -> None:
    assert sum([Counts(1, 2, 3, 4, 5), Counts(10, 20, 30, 40, 50)], Counts()) == Counts(11, 22, 33, 44, 55)


@settings(deadline=None, derandomize=True)
@given(truth=FEW, detected=FEW)
def test_no_other_way_to_match_finds_more(truth: np.ndarray, detected: np.ndarray) -> None:
    faces, found = matches(truth, detected)
    overlap = overlaps(truth, detected)
    assert len({*faces}) == len(faces) == len({*found})
    assert (overlap[faces, found] >= SAME).all()
    few, many = sorted((len(truth), len(detected)))
    ways = permutations(range(many), few)
    table = overlap if len(truth) == few else overlap.T
    assert len(faces) == max(sum(table[row, column] >= SAME for row, column in enumerate(way)) for way in ways)


@settings(deadline=None, derandomize=True)
@given(truth=FEW, detected=FEW, min_size=st.integers(1, 12))
def test_shares_are_between_none_and_all(truth: np.ndarray, detected: np.ndarray, min_size: int) -> None:
    found = counts(truth, detected, min_size)
    assert 0 <= found.found <= found.faces <= len(truth)
    assert 0 <= found.right <= found.detections <= len(detected)
