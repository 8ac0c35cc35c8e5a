from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.udfs.vision.detection.views import COARSER, OVERLAP, SIDE, View, views

SIDES = st.integers(1, 6000)
SCALES = st.sampled_from([0.35, 0.7, 1.0])


def levels(found: list[View]) -> list[tuple[int, int]]:
    return list(dict.fromkeys(view.level for view in found))


@settings(derandomize=True, deadline=None)
@given(height=SIDES, width=SIDES, scale=SCALES)
def test_the_views_of_a_level_cover_it_and_none_reaches_over_its_end(height: int, width: int, scale: float) -> None:
    found = list(views(3, height, width, scale))
    for level in levels(found):
        own = [view for view in found if view.level == level]
        for length, spans in zip(
            level,
            ({(view.top, view.height) for view in own}, {(view.left, view.width) for view in own}),
            strict=True,
        ):
            ends = sorted((start, start + part) for start, part in spans)
            assert ends[0][0] == 0
            assert ends[-1][1] == length
            assert all(part <= SIDE for _, part in spans)
            assert all(end - start >= OVERLAP for (_, end), (start, _) in pairwise(ends))
    assert {view.photo for view in found} == {3}


@settings(derandomize=True, deadline=None)
@given(height=SIDES, width=SIDES, scale=SCALES, data=st.data())
def test_a_face_is_whole_in_a_view_in_which_it_is_of_any_size_up_to_the_overlap(
    height: int, width: int, scale: float, data: st.DataObject
) -> None:
    found = list(views(0, height, width, scale))
    level = data.draw(st.sampled_from(levels(found)))
    side = data.draw(st.integers(1, min(OVERLAP, *level)))
    top, left = data.draw(st.integers(0, level[0] - side)), data.draw(st.integers(0, level[1] - side))
    assert any(
        view.level == level
        and view.top <= top <= view.top + view.height - side
        and view.left <= left <= view.left + view.width - side
        for view in found
    )


@settings(derandomize=True, deadline=None)
@given(height=SIDES, width=SIDES, scale=SCALES)
def test_the_last_level_shows_the_whole_photo_and_each_is_a_third_of_the_one_before(
    height: int, width: int, scale: float
) -> None:
    found = list(views(0, height, width, scale))
    last = found[-1]
    assert (last.height, last.width) == last.level
    for number, level in enumerate(levels(found)):
        expected = [max(1, round(side * scale / COARSER**number)) for side in (height, width)]
        assert all(abs(own - wanted) <= 1 for own, wanted in zip(level, expected, strict=True))


def test_a_photo_that_fits_is_one_view() -> None:
    assert list(views(5, 480, 640, 0.7)) == [View(5, (336, 448), 0, 0, 336, 448)]
