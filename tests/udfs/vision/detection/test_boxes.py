"""The arithmetic of boxes, in examples reckoned by hand and beside the plainest code that does the same."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.udfs.vision.detection import boxes as box

Box = tuple[int, int, int, int]
NO_BOXES = torch.zeros((0, 4))


def tensor(*boxes: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(boxes, dtype=torch.float32)


def test_a_cell_shows_twelve_pixels_of_its_level_two_further_on_than_its_neighbour() -> None:
    rows, columns, scale = torch.tensor([0, 0, 3, 3]), torch.tensor([0, 1, 5, 5]), torch.tensor([1, 1, 1, 0.5])
    found = box.of_cells(rows, columns, scale)
    assert found.tolist() == [[1, 1, 12, 12], [3, 1, 14, 12], [11, 7, 22, 18], [22, 14, 44, 36]]


def test_a_square_has_the_longer_side_around_the_same_middle() -> None:
    found = box.squared(tensor((10, 10, 30, 20), (10, 10, 20, 40), (-4, 0, 0, 4)))
    assert found.tolist() == [[10, 5, 30, 25], [0, 10, 30, 40], [-4, 0, 0, 4]]


def test_an_edge_moves_by_its_share_of_the_side_whose_last_pixel_counts() -> None:
    boxes, offsets = tensor((11, 21, 20, 40)), tensor((0.1, 0.5, -0.2, 0.25))
    assert box.shifted(boxes, offsets).tolist() == [[12, 31, 18, 45]]
    assert box.shifted(boxes, offsets, ends=0)[0].tolist() == pytest.approx([11.9, 30.5, 18.2, 44.75])


def test_a_rectangle_counts_from_zero_and_ends_one_past_its_last_pixel_within_the_photo() -> None:
    inside, over, outside = (3.9, 2.2, 7.9, 5.1), (-6.5, -1, 700, 500), (120, 90, 140, 110)
    found = box.rectangles(tensor(inside, over, outside), width=100, height=80)
    assert found.dtype == torch.int64
    assert found.tolist() == [[2, 1, 7, 5], [0, 0, 100, 80], [119, 89, 100, 80]]
    assert box.solid(found).tolist() == [True, True, False]


def test_a_box_is_cut_at_the_edges_of_the_photo() -> None:
    found = box.clipped(tensor((-3, 5, 40.5, 90), (101, 2, 130, 8)), width=100, height=80)
    assert found.tolist() == [[0, 5, 40.5, 80], [100, 2, 100, 8]]
    assert box.solid(found).tolist() == [True, False]


@pytest.mark.parametrize("probability", [0.001, 0.5, 0.6, 0.7, 0.999])
def test_the_logistic_function_undoes_the_logit(probability: float) -> None:
    assert 1 / (1 + math.exp(-box.logit(probability))) == pytest.approx(probability)


@st.composite
def solid_boxes(draw: st.DrawFn) -> Box:
    left, top = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    return left, top, left + draw(st.integers(1, 20)), top + draw(st.integers(1, 20))


SCORED = st.lists(st.tuples(solid_boxes(), st.sampled_from([0.25, 0.5, 0.75, 1.0])), max_size=25)  # many ties
OVERLAPS = st.sampled_from([0.0, 0.25, 0.5, 0.7])


def area(one: Box) -> int:
    return (one[2] - one[0]) * (one[3] - one[1])


def common(one: Box, other: Box) -> int:
    width, height = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1))
    return max(width, 0) * max(height, 0)


def of_union(one: Box, other: Box) -> float:
    both = common(one, other)
    return both / (area(one) + area(other) - both)


def of_smaller(one: Box, other: Box) -> float:
    return common(one, other) / min(area(one), area(other))


def suppressed(
    boxes: list[Box], scores: list[float], groups: list[int], overlap: float, share: Callable[[Box, Box], float]
) -> list[int]:
    """One box after the other, best first and equal ones in order, unless a kept one of its group is too near."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if not any(groups[i] == groups[j] and share(boxes[i], boxes[j]) > overlap for j in kept):
            kept.append(i)
    return kept


@settings(deadline=None, derandomize=True)
@given(scored=SCORED, overlap=OVERLAPS)
def test_the_best_are_left_by_their_overlap_of_the_union(scored: list[tuple[Box, float]], overlap: float) -> None:
    boxes, scores = [one for one, _ in scored], [score for _, score in scored]
    found = box.best(torch.tensor(boxes).view(-1, 4).float(), torch.tensor(scores), overlap)
    assert found.tolist() == suppressed(boxes, scores, [0] * len(boxes), overlap, of_union)


@settings(deadline=None, derandomize=True)
@given(scored=SCORED, overlap=OVERLAPS)
def test_the_outermost_are_left_by_their_overlap_of_the_smaller(
    scored: list[tuple[Box, float]], overlap: float
) -> None:
    boxes, scores = [one for one, _ in scored], [score for _, score in scored]
    found = box.outermost(torch.tensor(boxes).view(-1, 4).float(), torch.tensor(scores), overlap)
    assert found.tolist() == suppressed(boxes, scores, [0] * len(boxes), overlap, of_smaller)


@settings(deadline=None, derandomize=True)
@given(scored=SCORED, overlap=OVERLAPS, data=st.data(), first=st.sampled_from([0, 7, 3_000_000]))
def test_boxes_of_two_groups_do_not_suppress_one_another(
    scored: list[tuple[Box, float]], overlap: float, data: st.DataObject, first: int
) -> None:
    """Whatever the groups' numbers are: in a batch of many photos they are high."""
    boxes, scores = [one for one, _ in scored], [score for _, score in scored]
    groups = [first + data.draw(st.integers(0, 3)) for _ in boxes]
    rows = torch.tensor(boxes).view(-1, 4).float()
    found = box.best(rows, torch.tensor(scores), overlap, torch.tensor(groups, dtype=torch.int64))
    assert found.tolist() == suppressed(boxes, scores, groups, overlap, of_union)


def test_equal_scores_keep_their_order() -> None:
    apart = tensor((0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10), (60, 0, 70, 10))
    scores = torch.tensor([0.5, 0.9, 0.5, 0.9])
    for rule in (box.best, box.outermost):
        assert rule(apart, scores, 0.5).tolist() == [1, 3, 0, 2]


def test_a_box_within_a_better_one_is_kept_by_the_union_and_dropped_by_the_smaller() -> None:
    nested, scores = tensor((0, 0, 100, 100), (10, 10, 30, 30)), torch.tensor([0.9, 0.8])
    assert box.best(nested, scores, 0.7).tolist() == [0, 1]
    assert box.outermost(nested, scores, 0.7).tolist() == [0]


def test_of_no_boxes_none_are_left() -> None:
    none = torch.zeros(0)
    assert box.best(NO_BOXES, none, 0.5).tolist() == []
    assert box.best(NO_BOXES, none, 0.5, none.long()).tolist() == []
    assert box.outermost(NO_BOXES, none, 0.5).tolist() == []
    for change in (box.squared, lambda boxes: box.shifted(boxes, boxes), lambda boxes: box.clipped(boxes, 9, 9)):
        assert change(NO_BOXES).shape == (0, 4)
    assert box.rectangles(NO_BOXES, 9, 9).shape == (0, 4)
