"""How good a view of a face is: what a later stage needs to say why it did not use one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# An average face from the front: left eye, right eye, nose, mouth corners, from the middle of the eyes, in distances
# between them; x to the right, y down (both as in SFace's alignment template), z away from the viewer.
MODEL = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.57, -0.5], [-0.41, 1.15, -0.1], [0.41, 1.15, -0.1]])
GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


@dataclass(frozen=True)
class Quality:
    """Of one face; its detector score and its size stand beside it."""

    sharpness: float  # variance of the aligned crop's Laplacian, in grey levels²: low where it is blurred or was small
    yaw: float  # degrees, estimated: positive when the face looks to the right side of the photo
    pitch: float  # degrees, positive when it looks up
    roll: float  # degrees, positive when it is turned clockwise in the photo


def quality(crop: np.ndarray, landmarks: np.ndarray) -> Quality:
    """crop uint8 (size, size, 3), aligned; landmarks (5, 2) in pixels of the photo."""
    return Quality(sharpness(crop), *pose(landmarks))


def sharpness(crop: np.ndarray) -> float:
    """Variance of the Laplacian in grey levels² (Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548)."""
    grey = crop @ GREY
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var())


def pose(landmarks: np.ndarray) -> tuple[float, float, float]:
    """yaw, pitch and roll in degrees of five landmarks (5, 2): MODEL fitted under weak perspective, by least squares.

    Landmarks that all coincide have no pose: all three are 0.

    >>> from_the_front = 100 * MODEL[:, :2] + 300
    >>> [round(abs(angle)) for angle in pose(from_the_front)]
    [0, 0, 0]
    """
    model = MODEL - MODEL.mean(axis=0)
    points = landmarks - landmarks.mean(axis=0)
    axes = np.linalg.lstsq(model, points, rcond=None)[0].T  # (2, 3): images of the model's axes, as rows x and y
    if np.linalg.norm(axes) < 1e-9:
        return 0.0, 0.0, 0.0
    left, _, right = np.linalg.svd(axes, full_matrices=False)
    across, down = left @ right  # the nearest two orthonormal rows
    away = np.cross(across, down)
    yaw = np.arctan2(away[0], np.hypot(across[0], down[0]))
    pitch = np.arctan2(-away[1], away[2])
    roll = np.arctan2(down[0], across[0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))
