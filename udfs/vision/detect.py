"""Photo → boxes, five landmarks and scores of its faces: MTCNN on facenet-pytorch's networks and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from facenet_pytorch.models.utils.detect_face import detect_face

from facejoin.conf.settings import DetectSettings
from facejoin.udfs.vision.errors import DecodeError
from facejoin.udfs.vision.states import packaged_state

CELL = 12  # pixels: what P-Net sees at once


@dataclass(frozen=True)
class Faces:
    """The faces of one photo, best score first."""

    boxes: np.ndarray  # (n, 4) float32: x1, y1, x2, y2 in pixels of the photo, within it
    landmarks: np.ndarray  # (n, 5, 2) float32: x, y of left eye, right eye, nose, mouth corners, as seen in the photo
    scores: np.ndarray  # (n,) float32: O-Net's probability

    def __len__(self) -> int:
        return len(self.scores)


NO_FACES = Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


class Detector:
    """MTCNN (Zhang et al. 2016, doi:10.1109/LSP.2016.2603342) on one device."""

    def __init__(self, settings: DetectSettings, device: torch.device):
        self.settings = settings
        self.device = device
        self.pnet, self.rnet, self.onet = (
            _network(network, name, device) for network, name in ((PNet, "pnet"), (RNet, "rnet"), (ONet, "onet"))
        )

    @torch.inference_mode()
    def detect(self, photo: np.ndarray) -> Faces:
        """photo: uint8 (height, width, 3) RGB. A photo smaller than a face holds none. Raises DecodeError."""
        height, width = photo.shape[:2]
        if min(height, width) * CELL / self.settings.min_face < CELL:
            return NO_FACES
        boxes, points = self._cascade(photo)
        return self._faces(np.asarray(boxes[0]), np.asarray(points[0]), width, height)

    def _cascade(self, photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        networks = (self.pnet, self.rnet, self.onet)
        thresholds = list(self.settings.thresholds)
        try:
            return detect_face(
                photo, self.settings.min_face, *networks, thresholds, self.settings.scale_factor, self.device
            )
        except IndexError as error:  # it loses count where a candidate lies outside the photo as a whole
            raise DecodeError("corrupt", f"the detector failed: {error}") from error

    def _faces(self, boxes: np.ndarray, points: np.ndarray, width: int, height: int) -> Faces:
        """boxes (n, 5) with the score last, points (n, 5, 2) → Faces above the least score."""
        if len(boxes) == 0:
            return NO_FACES
        corners = np.clip(boxes[:, :4], 0, [width, height, width, height])
        solid = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
        order = [i for i in np.argsort(-boxes[:, 4], kind="stable") if solid[i] and self._certain(boxes[i, 4])]
        return Faces(
            corners[order].astype(np.float32), points[order].astype(np.float32), boxes[order, 4].astype(np.float32)
        )

    def _certain(self, score: float) -> bool:
        return bool(score >= self.settings.min_score)


def _network(network: type[torch.nn.Module], name: str, device: torch.device) -> torch.nn.Module:
    module = network(pretrained=False)
    module.load_state_dict(packaged_state(name))
    return module.eval().to(memory_format=torch.channels_last).to(device)
