"""Pictures of any size on canvases: every cell once, no pixel twice, little left empty."""

from collections import Counter
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.udfs.vision.detection.canvas import MARGIN, Placed, Tile, cut, place

CELLS = st.integers(1, 40)
PICTURES = st.lists(st.tuples(CELLS, CELLS), max_size=8)  # height and width of each
SIDES = st.integers(4, 30)
ANYHOW = settings(deadline=None, derandomize=True)


def tiles_of(pictures: list[tuple[int, int]], side: int) -> list[Tile]:
    return [tile for number, size in enumerate(pictures) for tile in cut(number, *size, side)]


def cells_of(tile: Tile) -> set[tuple[int, int, int]]:
    """Picture, row and column of each."""
    rows, columns = range(tile.top, tile.top + tile.height), range(tile.left, tile.left + tile.width)
    return set(product([tile.picture], rows, columns))


def overlap(one: Placed, other: Placed) -> bool:
    """Whether they share a pixel, margins included."""
    beside = one.left + one.tile.width + MARGIN <= other.left or other.left + other.tile.width + MARGIN <= one.left
    below = one.top + one.tile.height + MARGIN <= other.top or other.top + other.tile.height + MARGIN <= one.top
    return not (beside or below)


@ANYHOW
@given(pictures=PICTURES, side=SIDES)
def test_every_cell_of_every_picture_is_in_one_tile(pictures: list[tuple[int, int]], side: int) -> None:
    times = Counter(cell for tile in tiles_of(pictures, side) for cell in cells_of(tile))
    expected = {
        (n, row, col) for n, (tall, wide) in enumerate(pictures) for row, col in product(range(tall), range(wide))
    }
    assert set(times) == expected
    assert set(times.values()) <= {1}


@ANYHOW
@given(pictures=PICTURES, side=SIDES)
def test_every_tile_is_placed_once(pictures: list[tuple[int, int]], side: int) -> None:
    tiles = tiles_of(pictures, side)
    placed = [one.tile for canvas in place(tiles, side) for one in canvas]
    assert Counter(placed) == Counter(tiles)


@ANYHOW
@given(pictures=PICTURES, side=SIDES)
def test_every_tile_lies_within_its_canvas(pictures: list[tuple[int, int]], side: int) -> None:
    for one in (one for canvas in place(tiles_of(pictures, side), side) for one in canvas):
        assert one.top >= 0
        assert one.top + one.tile.height <= side
        assert one.left >= 0
        assert one.left + one.tile.width <= side


@ANYHOW
@given(pictures=PICTURES, side=SIDES)
def test_no_two_tiles_share_a_pixel(pictures: list[tuple[int, int]], side: int) -> None:
    for canvas in place(tiles_of(pictures, side), side):
        assert not any(overlap(one, other) for one, other in combinations(canvas, 2))


@ANYHOW
@given(pictures=PICTURES, side=SIDES)
def test_no_canvas_is_empty_and_all_together_are_at_most_four_times_as_large_as_what_is_on_them(
    pictures: list[tuple[int, int]], side: int
) -> None:
    """Shelves of falling height are all but one at least half as long as a canvas, or as high as the next is; of
    canvases with shelves all but one are at least half full: 4 · area + 3 is the bound that follows from both.
    """
    tiles = tiles_of(pictures, side)
    canvases = place(tiles, side)
    area = sum((tile.height + MARGIN) * (tile.width + MARGIN) for tile in tiles) / (side + MARGIN) ** 2
    assert all(canvases)
    assert len(canvases) <= min(len(tiles), 4 * area + 3)


@pytest.mark.parametrize("across", [1, 2, 5])
def test_a_picture_of_full_tiles_fills_every_canvas(across: int) -> None:
    canvases = place(tiles_of([(2 * 30, across * 30)], 30), 30)
    assert len(canvases) == 2 * across
    assert all(len(canvas) == 1 for canvas in canvases)


def test_small_pictures_share_a_canvas() -> None:
    """Nine of ten cells with margins between them, on forty: three a shelf, three shelves."""
    (canvas,) = place(tiles_of([(10, 10)] * 9, 40), 40)
    places = {(one.top, one.left) for one in canvas}
    assert places == set(product([0, 15, 30], [0, 15, 30]))


def test_a_gap_beside_a_high_picture_is_used() -> None:
    assert len(place(tiles_of([(40, 20), (10, 15), (10, 5)], 40), 40)) == 2
    assert len(place(tiles_of([(40, 20), (10, 15)], 40), 40)) == 1


def test_no_pictures_need_no_canvas() -> None:
    assert place([], 40) == []
