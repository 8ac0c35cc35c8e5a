"""Five landmarks → the crop that an embedder expects, by a similarity transform to its template."""

from __future__ import annotations

import numpy as np
from PIL import Image

LEAST_SCALE = 1e-6  # of a crop to its photo: a face of a million times the crop's size is no face


def similarity_transform(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift that brings `points` nearest to `template`, both (n, 2) → (2, 3).

    Least squares after Umeyama 1991 (doi:10.1109/34.88573), written for the plane: with z = x + iy it is
    template ≈ a·z + b for complex a, b. Points that all coincide, or are nothing like the template, are only shifted.

    >>> corners = np.array([[0, 0], [1, 0], [0, 1]])
    >>> np.allclose(similarity_transform(4 * corners + 8, corners), [[0.25, 0, -2], [0, 0.25, -2]])
    True
    """
    source = points[:, 0] + 1j * points[:, 1]
    target = template[:, 0] + 1j * template[:, 1]
    centred = source - source.mean()
    spread = np.sum(np.abs(centred) ** 2)
    a = np.sum((target - target.mean()) * centred.conj()) / spread if spread > 1e-9 else 0j
    if abs(a) < LEAST_SCALE:
        a = 1.0 + 0j
    b = target.mean() - a * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(photo: Image.Image, landmarks: np.ndarray, template: np.ndarray, size: int) -> np.ndarray:
    """landmarks (5, 2) in pixels of the photo, template (5, 2) in pixels of the crop → uint8 (size, size, 3).

    What lies outside the photo is black. A face larger than the crop is first shrunk by averaging, so that
    sampling does not alias.

    >>> template = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]])
    >>> white = Image.new("RGB", (640, 480), "white")
    >>> align(white, landmarks=2 * template + 100, template=template, size=112).shape
    (112, 112, 3)
    """
    forward = similarity_transform(landmarks, template)  # photo → crop
    inverse = np.linalg.inv(np.vstack([forward, [0, 0, 1]]))  # crop → photo
    shrink = max(1, int(np.hypot(inverse[0, 0], inverse[1, 0])))
    left, top, right, bottom = _source_box(inverse, size, photo.size, margin=2 * shrink)
    if right <= left or bottom <= top:
        return np.zeros((size, size, 3), np.uint8)
    patch = photo.crop((left, top, right, bottom)).reduce(shrink)
    to_patch = np.array([[1 / shrink, 0, -left / shrink], [0, 1 / shrink, -top / shrink], [0, 0, 1]]) @ inverse
    crop = patch.transform((size, size), Image.Transform.AFFINE, tuple(to_patch[:2].ravel()), Image.Resampling.BILINEAR)
    return np.asarray(crop)


def _source_box(inverse: np.ndarray, size: int, photo_size: tuple[int, int], margin: int) -> tuple[int, int, int, int]:
    """The part of the photo that the crop is sampled from: left, top, right, bottom in pixels."""
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]]) @ inverse[:2].T  # (4, 2)
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + margin, photo_size)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
