"""Parts of a photo at sizes at which a network of limited reach sees its faces: small ones in overlapping parts of the
photo at a large size, large ones in the whole photo at smaller sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

SIDE = 768  # pixels of a view at most: a photo of 1,024 is seen at once; larger views take longer a pixel, and memory
STEP = 64  # pixels: a view is searched on a canvas whose sides are multiples of it, so that there are few sizes
LONGEST = 448  # pixels of a face that the network surely finds
OVERLAP = 128  # of neighbouring views: a face that is WHOLE pixels long at most is well within one of them
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

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of the canvas that it is searched on."""
        return _whole_steps(self.height), _whole_steps(self.width)


def views(photo: int, height: int, width: int, scale: float) -> Iterator[View]:
    """Those of a photo of height × width pixels: first at `scale`, then smaller and smaller until one view shows all
    and no face in it can be too long. A level is as much larger as its views' canvases have room for.

    >>> [(view.level, view.left, view.width) for view in views(0, 300, 900, scale=1)]
    [((341, 1024), 0, 576), ((341, 1024), 448, 576), ((107, 320), 0, 320)]
    """
    while True:
        level = _level(height, width, scale)
        for top, tall in _spans(level[0]):
            for left, wide in _spans(level[1]):
                yield View(photo, level, top, left, tall, wide)
        if max(level) <= SIDE and min(level) <= LONGEST:
            return
        scale /= COARSER


def _level(height: int, width: int, scale: float) -> tuple[int, int]:
    longer = max(height, width)
    count, part = _parts(math.ceil(longer * scale))
    filled = (count * _whole_steps(part) - (count - 1) * OVERLAP) / longer
    return max(1, round(height * filled)), max(1, round(width * filled))


def _parts(length: int) -> tuple[int, int]:
    """The fewest equal parts that overlap enough, and their length."""
    count = max(1, -(-(length - OVERLAP) // (SIDE - OVERLAP)))
    return count, -(-(length + (count - 1) * OVERLAP) // count)


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """(start, length) of these parts, evenly spread."""
    count, part = _parts(length)
    for number in range(count):
        yield (length - part) * number // max(1, count - 1), part


def _whole_steps(length: int) -> int:
    return math.ceil(length / STEP) * STEP
