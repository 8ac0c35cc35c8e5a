from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.udfs.vision.detection.views import COARSER, LONGEST, OVERLAP, SIDE, STEP, View, views

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
def test_the_last_level_shows_the_whole_photo_and_no_face_in_it_is_too_long(
    height: int, width: int, scale: float
) -> None:
    *_, last = views(0, height, width, scale)
    assert (last.height, last.width) == last.level
    assert min(last.level) <= LONGEST


@settings(derandomize=True, deadline=None)
@given(height=SIDES, width=SIDES, scale=SCALES)
def test_each_level_is_as_large_as_asked_for_and_fills_its_canvases_along_the_longer_side(
    height: int, width: int, scale: float
) -> None:
    found = list(views(0, height, width, scale))
    longer = int(width > height)
    for number, level in enumerate(levels(found)):
        wanted = [side * scale / COARSER**number for side in (height, width)]
        assert all(own >= side - 1 for own, side in zip(level, wanted, strict=True))
        own = [view for view in found if view.level == level]
        assert level[longer] < wanted[longer] + STEP * len({(view.top, view.left)[longer] for view in own}) + 1
        lengths = {(view.height, view.width)[longer] for view in own}
        assert lengths == {view.canvas[longer] for view in own}


def test_a_photo_that_fits_is_one_view() -> None:
    assert list(views(5, 480, 640, 0.7)) == [View(5, (336, 448), 0, 0, 336, 448)]


def test_a_photo_in_which_a_face_may_be_too_long_is_looked_at_once_more() -> None:
    assert [view.level for view in views(0, 640, 640, 1.0)] == [(640, 640), (256, 256)]
