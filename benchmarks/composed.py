"""Photos whose faces are known to the pixel: heads and shoulders, at a size that is asked for, blended into photos
without faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from facejoin.jobs.evaluate.measures.detection import SAME, overlaps, shorter_sides
from facejoin.udfs.vision.detection.detector import Detector

ROOM = 1.0  # longer sides of the face's box from its middle to the ends of the cut-out
FADE = 0.12  # of the cut-out's sides, at each end: there it fades into the photo, so that no seam gives it away
TRIES = 50  # places at which room for a head is looked for


@dataclass(frozen=True)
class Head:
    """A face with what is around it, cut out of a picture."""

    picture: Image.Image
    mask: Image.Image  # as large; 0 … 255: how much of the picture there is to be seen
    box: np.ndarray  # (4,) of the face, in pixels of the cut-out


def heads_in(pictures: Iterable[np.ndarray], detectors: Sequence[Detector]) -> Iterator[Head]:
    """Of each picture, uint8 (height, width, 3), in which every detector finds one face, and all of them the same.

    Its box is the mean of theirs, so that none of them is measured by the habits of another.
    """
    for picture in pictures:
        boxes = [detector.detect([picture])[0].boxes for detector in detectors]
        if all(len(own) == 1 for own in boxes):
            each = np.concatenate(boxes)
            if (overlaps(each, each) >= SAME).all():
                yield cut_out(picture, each.mean(axis=0))


def cut_out(picture: np.ndarray, box: np.ndarray) -> Head:
    height, width = picture.shape[:2]
    middle, reach = (box[:2] + box[2:]) / 2, ROOM * (box[2:] - box[:2]).max()
    left, top = np.floor(np.maximum(middle - reach, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(middle + reach, (width, height))).astype(int)
    seen = 255 * np.outer(_fading(bottom - top), _fading(right - left))
    mask = Image.fromarray(seen.round().astype(np.uint8))
    return Head(Image.fromarray(picture[top:bottom, left:right]), mask, box - [left, top, left, top])


def _fading(length: int) -> np.ndarray:
    """(length,) from 0 smoothly up to 1 and down to 0 again."""
    to_end = np.minimum(np.arange(length), np.arange(length)[::-1])
    return np.sin(np.pi / 2 * np.minimum(to_end / (FADE * length), 1)) ** 2


def composed(
    background: Image.Image, heads: Sequence[Head], size: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The background, RGB, with the first of the heads, at least one and as many as find room at random places →
    uint8 (height, width, 3), and the boxes of their faces (n, 4).

    `size` is the shorter side of a face's box in pixels, or the greatest that the photo has room for. The whole face
    is in the photo, what is around it may reach beyond. No head covers another.
    """
    photo = background.copy()
    boxes, taken = np.zeros((0, 4)), np.zeros((0, 4))
    for head in heads:
        scale = min(size / shorter_sides(head.box[None])[0], *(photo.size / (head.box[2:] - head.box[:2])))
        corner, area = _place(head, scale, photo.size, taken, rng)
        if corner is None:
            break
        _paste(photo, head, scale, corner, area)
        boxes = np.vstack([boxes, head.box * scale + np.tile(corner, 2)])
        taken = np.vstack([taken, area])
    return np.asarray(photo), boxes


def _place(
    head: Head, scale: float, photo: tuple[int, int], taken: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray | None, np.ndarray]:
    """The head's upper left corner in the photo, in pixels, and what it covers: (4,) whole pixels. None: no room."""
    least = -head.box[:2] * scale
    most = np.maximum(photo - head.box[2:] * scale, least)
    for _ in range(TRIES):
        corner = rng.uniform(least, most)
        ends = np.minimum(corner + np.multiply(head.picture.size, scale), photo)
        area = np.concatenate([np.ceil(np.maximum(corner, 0)), np.floor(ends)]).astype(int)
        if not overlaps(area[None], taken).any():
            return corner, area
    return None, np.zeros(4, int)


def _paste(photo: Image.Image, head: Head, scale: float, corner: np.ndarray, area: np.ndarray) -> None:
    left, top, right, bottom = area.tolist()
    source = np.clip((area - np.tile(corner, 2)) / scale, 0, np.tile(head.picture.size, 2))  # rounding may reach beyond
    picture, mask = (
        whole.resize((right - left, bottom - top), Image.Resampling.BICUBIC, tuple(source.tolist()))
        for whole in (head.picture, head.mask)
    )
    photo.paste(picture, (left, top), mask)
