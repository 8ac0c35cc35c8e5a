"""Photos → boxes, five landmarks and scores of their faces: MTCNN's cascade over many photos at once.

Method: Zhang et al. 2016, doi:10.1109/LSP.2016.2603342. The pyramid and the arithmetic of boxes are those of the
authors' code, networks and weights those of facenet-pytorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from facejoin.conf.settings import DetectSettings
from facejoin.udfs.vision import boxes as box
from facejoin.udfs.vision.area import Areas, areas
from facejoin.udfs.vision.networks import onet, rnet
from facejoin.udfs.vision.propose import Proposer
from facejoin.udfs.vision.runtime import Network, Runtime

R_SIDE, O_SIDE = 24, 48  # pixels a side of the crops that R-Net and O-Net see
BATCHES = {"cpu": (32, 8), "cuda": (256, 256)}  # crops that R-Net and O-Net see at a time
SAME_FACE = 0.7  # overlap from which two boxes are one


@dataclass(frozen=True)
class Faces:
    """The faces of one photo, best score first."""

    boxes: np.ndarray  # (n, 4) float32: x1, y1, x2, y2 in pixels of the photo, within it
    landmarks: np.ndarray  # (n, 5, 2) float32: x, y of left eye, right eye, nose, mouth corners, as seen in the photo
    scores: np.ndarray  # (n,) float32: O-Net's probability

    def __len__(self) -> int:
        return len(self.scores)


class Detector:
    def __init__(self, settings: DetectSettings, runtime: Runtime):
        self.settings = settings
        self.device = runtime.device
        self.proposer = Proposer(settings, runtime)
        r_batch, o_batch = BATCHES[runtime.device.type]
        self.rnet = runtime.load(rnet(), (r_batch, R_SIDE, R_SIDE, 3))
        self.onet = runtime.load(onet(), (o_batch, O_SIDE, O_SIDE, 3))

    @torch.inference_mode()
    def detect(self, photos: Sequence[np.ndarray]) -> list[Faces]:
        """photos: uint8 (height, width, 3) RGB, each of any size → the faces of each, the same whatever the others are.

        A photo smaller than a face holds none.
        """
        sources = [areas(photo, self.device) for photo in photos]
        windows = self.proposer.propose(sources)
        windows = [self._refined(*seen) for seen in self._seen(self.rnet, R_SIDE, sources, windows)]
        found = self._seen(self.onet, O_SIDE, sources, windows)
        return [self._faces(*seen, source) for seen, source in zip(found, sources, strict=True)]

    def _seen(
        self, network: Network, side: int, sources: Sequence[Areas], windows: Sequence[torch.Tensor]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The windows of each photo that show some of it, with the network's outputs for them."""
        inside, crops = [], []
        for source, boxes in zip(sources, windows, strict=True):
            rectangles = box.rectangles(boxes, source.width, source.height)
            solid = box.solid(rectangles)
            inside.append(boxes[solid])
            crops.append(source.crops(rectangles[solid], side))
        counts = [len(boxes) for boxes in inside]
        outputs = network(torch.cat(crops)) if any(counts) else torch.zeros((0, 15), device=self.device)
        return zip(inside, torch.split(outputs, counts), strict=True)

    def _refined(self, boxes: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """R-Net's outputs (n, 5) → the windows for O-Net."""
        scores = outputs[:, 0]
        faces = (scores > box.logit(self.settings.thresholds[1])).nonzero()[:, 0]
        kept = faces[box.best(boxes[faces], scores[faces], SAME_FACE)]
        return box.squared(box.shifted(boxes[kept], outputs[kept, 1:5]))

    def _faces(self, windows: torch.Tensor, outputs: torch.Tensor, source: Areas) -> Faces:
        """O-Net's outputs (n, 15) → faces."""
        scores = torch.sigmoid(outputs[:, 0])
        likely = (scores > self.settings.thresholds[2]).nonzero()[:, 0]
        boxes = box.shifted(windows, outputs[:, 1:5])
        kept = likely[box.outermost(boxes[likely], scores[likely], SAME_FACE)]
        boxes = box.clipped(boxes[kept], source.width, source.height)
        sure = box.solid(boxes) & (scores[kept] >= self.settings.min_score)
        kept = kept[sure]
        landmarks = _landmarks(windows[kept], outputs[kept, 5:])
        return Faces(boxes[sure].cpu().numpy(), landmarks.cpu().numpy(), scores[kept].cpu().numpy())


def _landmarks(windows: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """shares (n, 10) of the window's sides, first five x, then five y → (n, 5, 2) pixels, counted from 0."""
    sides = windows[:, None, 2:] - windows[:, None, :2] + 1
    return windows[:, None, :2] - 1 + shares.view(-1, 2, 5).transpose(1, 2) * sides
