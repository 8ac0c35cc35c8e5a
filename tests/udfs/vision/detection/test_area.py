"""Averaging photos, beside torch's own interpolate(mode="area")."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from facejoin.udfs.vision.detection.area import Areas, DirectAreas, SummedAreas, areas

CPU = torch.device("cpu")
KINDS: dict[str, Callable[[np.ndarray], Areas]] = {
    "direct": DirectAreas,
    "summed": lambda photo: SummedAreas(photo, CPU),
}
EXACT = 1e-3  # of 255 grey levels: what rounding in another order makes of float32
BY_KIND = pytest.mark.parametrize("kind", KINDS)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 10_000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def averaged(photo: np.ndarray, height: int, width: int) -> torch.Tensor:
    """By torch: (height, width, 3) float32."""
    planes = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float()
    return interpolate(planes, size=(height, width), mode="area")[0].permute(1, 2, 0)


def drawn(source: Areas, level: tuple[int, int], part: tuple[int, int, int, int]) -> torch.Tensor:
    """part: top, left, height, width of the level."""
    top, left, height, width = part
    out = torch.full((height, width, 3), -1.0)
    source.draw(level, top, left, out)
    return out


def whole(source: Areas, height: int, width: int) -> torch.Tensor:
    return drawn(source, (height, width), (0, 0, height, width))


def off_by(found: torch.Tensor, expected: torch.Tensor) -> float:
    assert found.shape == expected.shape
    assert found.dtype == torch.float32
    return float((found - expected).abs().max())


SIDE = st.integers(1, 70)


@BY_KIND
@settings(deadline=None, derandomize=True)
@given(height=SIDE, width=SIDE, new_height=SIDE, new_width=SIDE)
def test_a_photo_at_any_size_smaller_or_larger_is_what_torch_makes_of_it(
    kind: str, height: int, width: int, new_height: int, new_width: int
) -> None:
    photo = noise(height, width)
    expected = averaged(photo, new_height, new_width)
    assert off_by(whole(KINDS[kind](photo), new_height, new_width), expected) <= EXACT


@BY_KIND
@pytest.mark.parametrize(
    ("size", "new"),
    [
        ((480, 640), (289, 385)),
        ((1, 1), (1, 1)),
        ((1, 1), (7, 5)),
        ((3, 3), (24, 24)),  # a face of three pixels for the refinement network
        ((200, 4000), (1, 13)),
        ((4000, 21), (24, 13)),
        ((97, 101), (97, 101)),
    ],
)
def test_photos_of_odd_shapes_are_too(kind: str, size: tuple[int, int], new: tuple[int, int]) -> None:
    photo = noise(*size)
    assert off_by(whole(KINDS[kind](photo), *new), averaged(photo, *new)) <= EXACT


@BY_KIND
def test_a_bright_photo_of_many_pixels_is_averaged_without_losing_any(kind: str) -> None:
    photo = np.full((3000, 4000, 3), 255, np.uint8)
    assert off_by(whole(KINDS[kind](photo), 13, 17), torch.full((13, 17, 3), 255.0)) <= EXACT


@st.composite
def levels_and_parts(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int, int, int]]:
    """A photo's size, a level's, and a part that begins within the level and may reach beyond it."""
    photo, level = draw(st.tuples(SIDE, SIDE)), draw(st.tuples(SIDE, SIDE))
    top, left = draw(st.integers(0, level[0] - 1)), draw(st.integers(0, level[1] - 1))
    return photo, level, (top, left, draw(SIDE), draw(SIDE))


@BY_KIND
@settings(deadline=None, derandomize=True)
@given(case=levels_and_parts())
def test_a_part_is_that_part_of_the_whole_and_past_its_end_the_last_row_and_column_are_repeated(
    kind: str, case: tuple[tuple[int, int], tuple[int, int], tuple[int, int, int, int]]
) -> None:
    size, level, (top, left, height, width) = case
    source = KINDS[kind](noise(*size))
    rows = torch.arange(top, top + height).clamp(max=level[0] - 1)
    columns = torch.arange(left, left + width).clamp(max=level[1] - 1)
    expected = whole(source, *level)[rows][:, columns]
    assert off_by(drawn(source, level, (top, left, height, width)), expected) <= EXACT


@BY_KIND
def test_a_part_is_drawn_where_it_belongs_on_a_canvas_and_nowhere_else(kind: str) -> None:
    canvas = torch.full((30, 40, 3), -1.0)
    photo = noise(50, 60)
    KINDS[kind](photo).draw((12, 15), 0, 0, canvas[3:15, 5:20])
    assert off_by(canvas[3:15, 5:20], averaged(photo, 12, 15)) <= EXACT
    canvas[3:15, 5:20] = -1
    assert (canvas == -1).all()


@st.composite
def photos_and_rectangles(draw: st.DrawFn) -> tuple[tuple[int, int], list[tuple[int, int, int, int]]]:
    """A photo's height and width, and rectangles within it: left, top, right, bottom."""
    height, width = draw(SIDE), draw(SIDE)

    def span(length: int) -> st.SearchStrategy[tuple[int, int]]:
        ends = st.tuples(st.integers(0, length), st.integers(0, length))
        return ends.filter(lambda pair: pair[0] != pair[1]).map(lambda pair: (min(pair), max(pair)))

    spans = draw(st.lists(st.tuples(span(width), span(height)), min_size=1, max_size=6))
    return (height, width), [(left, top, right, bottom) for (left, right), (top, bottom) in spans]


@BY_KIND
@pytest.mark.parametrize("side", [24, 48])
@settings(deadline=None, derandomize=True)
@given(case=photos_and_rectangles())
def test_crops_are_what_torch_makes_of_each(
    kind: str, side: int, case: tuple[tuple[int, int], list[tuple[int, int, int, int]]]
) -> None:
    size, rectangles = case
    photo = noise(*size)
    expected = [averaged(photo[top:bottom, left:right], side, side) for left, top, right, bottom in rectangles]
    crops = KINDS[kind](photo).crops(torch.tensor(rectangles), side)
    assert off_by(crops, torch.stack(expected)) <= EXACT


@BY_KIND
def test_no_rectangles_give_no_crops(kind: str) -> None:
    crops = KINDS[kind](noise(20, 30)).crops(torch.zeros((0, 4), dtype=torch.int64), 24)
    assert crops.shape == (0, 24, 24, 3)


@settings(deadline=None, derandomize=True)
@given(case=levels_and_parts())
def test_a_gpus_way_and_a_processors_way_agree(
    case: tuple[tuple[int, int], tuple[int, int], tuple[int, int, int, int]],
) -> None:
    size, level, part = case
    photo = noise(*size)
    one, other = (drawn(make(photo), level, part) for make in KINDS.values())
    assert off_by(one, other) <= EXACT


TURNED = {
    "turned": lambda photo: photo.transpose(1, 0, 2),
    "mirrored": lambda photo: photo[:, ::-1],
    "upside down": lambda photo: photo[::-1],
    "every other pixel": lambda photo: photo[::2, ::2],
    "BGR": lambda photo: photo[:, :, ::-1],
}


@BY_KIND
@pytest.mark.parametrize("way", TURNED)
def test_a_view_of_another_photo_is_averaged_as_its_copy(kind: str, way: str) -> None:
    photo = TURNED[way](noise(45, 64))
    assert not photo.flags.c_contiguous
    assert off_by(whole(KINDS[kind](photo), 13, 17), averaged(photo, 13, 17)) <= EXACT


def test_a_processor_averages_directly() -> None:
    assert isinstance(areas(noise(4, 5), CPU), DirectAreas)
