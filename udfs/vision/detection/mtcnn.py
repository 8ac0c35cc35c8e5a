"""Photos → boxes, five landmarks and scores of their faces: MTCNN's cascade over many photos at once.

Method: Zhang et al. 2016, doi:10.1109/LSP.2016.2603342. The pyramid and the arithmetic of boxes are those of the
authors' code, networks and weights those of facenet-pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from facejoin.conf.settings import MtcnnSettings
from facejoin.udfs.vision.detection import boxes as box
from facejoin.udfs.vision.detection.area import Areas, areas
from facejoin.udfs.vision.detection.detector import DetectedFaces
from facejoin.udfs.vision.detection.mtcnn_crops import OUTPUT_BATCH, OUTPUT_SIDE, CropNetwork, landmarks
from facejoin.udfs.vision.detection.mtcnn_networks import output_network, refinement_network
from facejoin.udfs.vision.detection.proposal import Proposer
from facejoin.udfs.vision.engines.runtime import Runtime
from facejoin.udfs.vision.engines.weights import PACKAGED

NAME = f"mtcnn-{PACKAGED['onet'][:4]}"  # in model_version: the cascade, and the weights of its last network
REFINEMENT_SIDE = 24  # pixels a side of the crops that the refinement network sees
REFINEMENT_BATCH = {"cpu": 32, "cuda": 256}  # of them, at a time
SAME_FACE = 0.7  # overlap from which two boxes are one


class Mtcnn:
    """A `Detector`: the proposal network (P-Net) searches, the refinement network (R-Net) sifts what it proposes, the
    output network (O-Net) decides and gives the landmarks.

    >>> runtime = choose_runtime(ComputeSettings(device="cpu"))
    >>> grey = np.full((60, 80, 3), 128, np.uint8)
    >>> [len(faces) for faces in Mtcnn(MtcnnSettings(), runtime).detect([grey, portrait])]
    [0, 1]
    """

    def __init__(self, settings: MtcnnSettings, runtime: Runtime):
        self.settings = settings
        self.device = runtime.device
        self.proposer = Proposer(settings, runtime)
        kind = runtime.device.type
        self.refinement = CropNetwork(refinement_network(), REFINEMENT_SIDE, REFINEMENT_BATCH[kind], runtime)
        self.output = CropNetwork(output_network(), OUTPUT_SIDE, OUTPUT_BATCH[kind], runtime)

    @torch.inference_mode()
    def detect(self, photos: Sequence[np.ndarray]) -> list[DetectedFaces]:
        """As `Detector.detect`; a score is the output network's probability."""
        sources = [areas(photo, self.device) for photo in photos]
        proposed = self.proposer.propose(sources)
        refined = [self._refined(*seen) for seen in self.refinement.seen(sources, proposed)]
        found = self.output.seen(sources, refined)
        return [self._faces(*seen, source) for seen, source in zip(found, sources, strict=True)]

    def _refined(self, boxes: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """The refinement network's outputs (n, 5) → the windows for the output network."""
        scores = outputs[:, 0]
        faces = (scores > box.logit(self.settings.thresholds[1])).nonzero()[:, 0]
        kept = faces[box.best(boxes[faces], scores[faces], SAME_FACE)]
        return box.squared(box.shifted(boxes[kept], outputs[kept, 1:5]))

    def _faces(self, windows: torch.Tensor, outputs: torch.Tensor, source: Areas) -> DetectedFaces:
        """The output network's outputs (n, 15) → faces."""
        scores = torch.sigmoid(outputs[:, 0])
        likely = (scores > self.settings.thresholds[2]).nonzero()[:, 0]
        boxes = box.shifted(windows, outputs[:, 1:5])
        kept = likely[box.outermost(boxes[likely], scores[likely], SAME_FACE)]
        boxes = box.clipped(boxes[kept], source.width, source.height)
        sure = box.solid(boxes) & (scores[kept] >= self.settings.min_score)
        kept = kept[sure]
        points = landmarks(windows[kept], outputs[kept])
        return DetectedFaces(boxes[sure].cpu().numpy(), points.cpu().numpy(), scores[kept].cpu().numpy())
