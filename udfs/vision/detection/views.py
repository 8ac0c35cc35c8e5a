"""Parts of a photo at sizes at which a network of limited reach sees its faces: small ones in overlapping parts of the
photo at a large size, large ones in the whole photo at smaller sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SIDE = 448  # pixels of a view at most: what the network makes of it stays in a processor's cache
OVERLAP = 96  # of neighbouring views: a face that is WHOLE pixels long at most is well within one of them
MARGIN = 8  # pixels: what ends nearer than that to where a view is cut may be a part of a face
WHOLE = OVERLAP - 2 * MARGIN
COARSER = 3  # times smaller is the next level, on which a longer face is still large enough


@dataclass(frozen=True)
class View:
    """A rectangle of a photo at one size."""

    photo: int
    level: tuple[int, int]  # height and width in pixels of the whole photo at that size
    top: int  # of the rectangle, in pixels of the level, like what follows
    left: int
    height: int
    width: int


def views(photo: int, height: int, width: int, scale: float) -> Iterator[View]:
    """Those of a photo of height × width pixels, first at `scale`, then smaller and smaller until one view shows all.

    >>> [(view.level, view.left, view.width) for view in views(0, 300, 800, scale=1)]
    [((300, 800), 0, 448), ((300, 800), 352, 448), ((100, 267), 0, 267)]
    """
    while True:
        level = max(1, round(height * scale)), max(1, round(width * scale))
        for top, tall in _spans(level[0]):
            for left, wide in _spans(level[1]):
                yield View(photo, level, top, left, tall, wide)
        if max(level) <= SIDE:
            return
        scale /= COARSER


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """(start, length) of the fewest equal parts that overlap enough, evenly spread."""
    count = max(1, -(-(length - OVERLAP) // (SIDE - OVERLAP)))
    part = -(-(length + (count - 1) * OVERLAP) // count)
    for number in range(count):
        yield (length - part) * number // max(1, count - 1), part
