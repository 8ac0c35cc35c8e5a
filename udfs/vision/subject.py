"""Whom a photo shows, if it was taken of one person."""

from __future__ import annotations

import numpy as np


def subject(boxes: np.ndarray, width: int, height: int) -> int:
    """The face whose box's centre is nearest to the photo's middle; of equally near ones the first.

    boxes (n, 4): x1, y1, x2, y2 in pixels of a photo of `width` by `height`. A labelled portrait is centred on the
    person it is named after (LFW's photos were cut that way); the largest face is often a bystander's. Raises
    ValueError where n is 0.

    >>> subject(np.array([[0, 0, 120, 200], [120, 90, 150, 130]]), width=250, height=250)
    1
    """
    if not len(boxes):
        raise ValueError("a photo without faces has no subject")
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2  # (n, 2)
    return int(np.hypot(*(centres - (width / 2, height / 2)).T).argmin())
