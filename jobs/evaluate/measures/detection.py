"""How well a detector's boxes fit the true ones; boxes are (n, 4): x1, y1, x2, y2 in pixels of one photo."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

SAME = 0.5  # of the union of two boxes that is common to both, from which they show one face (WIDER FACE, PASCAL VOC)


@dataclass(frozen=True)
class Counts:
    """Of a photo, or of several when added."""

    faces: int = 0  # true ones of at min_size the size asked for
    found: int = 0  # of these, with a detection of their own, of any size
    detections: int = 0  # of at min_size the size asked for
    right: int = 0  # of these, with a true face of their own, of any size
    false_alarms: int = 0  # photos without any true face in which something was detected, of any size

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def counts(truth: np.ndarray, detected: np.ndarray, min_size: float) -> Counts:
    """Of one photo: truth (t, 4), detected (d, 4); `min_size` is the shorter side in pixels from which a box counts.

    Every true face is matched with one detection at most and the other way round, whatever their sizes; only then
    are those below `min_size` left out. So a face just above it may be found by a box just below it, and a detection of
    a face that is too small to count is no mistake.
    """
    faces, boxes = matches(truth, detected)
    true_sizes, sizes = shorter_sides(truth), shorter_sides(detected)
    return Counts(
        faces=int((true_sizes >= min_size).sum()),
        found=int((true_sizes[faces] >= min_size).sum()),
        detections=int((sizes >= min_size).sum()),
        right=int((sizes[boxes] >= min_size).sum()),
        false_alarms=int(len(truth) == 0 and len(detected) > 0),
    )


def matches(truth: np.ndarray, detected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices (m,) of true faces (t, 4) and of the detections (d, 4) that found them, one each: as many pairs as can
    be made that overlap by SAME, and of the ways to make them the one with the greatest overlap in all."""
    overlap = overlaps(truth, detected)  # (t, d)
    gain = np.where(overlap >= SAME, min(overlap.shape) + overlap, 0)  # a pair more outweighs any overlap
    faces, boxes = linear_sum_assignment(gain, maximize=True)
    same = gain[faces, boxes] > 0
    return faces[same], boxes[same]


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union (n, m) of each of n boxes with each of m; 0 where both are empty."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(2)
    union = _areas(one)[:, None] + _areas(other) - common
    return np.divide(common, union, out=np.zeros_like(union), where=union > 0)


def shorter_sides(boxes: np.ndarray) -> np.ndarray:
    """(n,) in pixels."""
    return (boxes[:, 2:] - boxes[:, :2]).min(1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)
