"""What the house asks of a face detector, whichever it is: photos in, the faces of each out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class DetectedFaces:
    """The faces of one photo, best score first."""

    boxes: np.ndarray  # (n, 4) float32: x1, y1, x2, y2 in pixels of the photo, within it
    landmarks: np.ndarray  # (n, 5, 2) float32: x, y of left eye, right eye, nose, mouth corners, as seen in the photo
    scores: np.ndarray  # (n,) float32: the detector's probability

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """One detector with its settings, loaded on one device."""

    def detect(self, photos: Sequence[np.ndarray]) -> list[DetectedFaces]:
        """photos: uint8 (height, width, 3) RGB, each of any size → the faces of each, the same whatever the others are.

        A photo smaller than a face holds none; no photos are no error.
        """
