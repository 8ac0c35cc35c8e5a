"""Photos → boxes, five landmarks and scores of their faces: YuNet over views of each photo, then, if so set, MTCNN's
output network once more over each face.

Method: Wu et al. 2023, doi:10.1007/s11633-023-1423-y; decoding and suppression as in OpenCV's FaceDetectorYN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torchvision.ops import box_iou

from facejoin.conf.settings import YunetSettings
from facejoin.udfs.vision.detection import boxes as box
from facejoin.udfs.vision.detection.area import Areas, areas
from facejoin.udfs.vision.detection.detector import DetectedFaces
from facejoin.udfs.vision.detection.mtcnn_crops import OUTPUT_BATCH, OUTPUT_SIDE, CropNetwork, landmarks
from facejoin.udfs.vision.detection.mtcnn_networks import output_network
from facejoin.udfs.vision.detection.views import SIDE, View, views
from facejoin.udfs.vision.detection.yunet_cells import Cells, Frames, decoded, grid, placed
from facejoin.udfs.vision.detection.yunet_network import CLASS, OBJECT, OUTPUTS, load_yunet
from facejoin.udfs.vision.engines.runtime import Runtime
from facejoin.udfs.vision.engines.weights import WEIGHTS

NAME = f"yunet-{str(WEIGHTS['yunet'].sha256)[:4]}"  # in model_version
SMALLEST = 15  # pixels a side of the smallest face in a view
SAME_FACE = 0.3  # overlap from which two boxes are one
SAME_VIEW = 0.6  # overlap from which a cell's landmarks count for a better cell's face
CANVASES = {"cpu": 1, "cuda": 32}  # searched at a time


class Yunet:
    """A `Detector`: one network finds the faces and their landmarks.

    >>> runtime = choose_runtime(ComputeSettings(device="cpu"))
    >>> grey = np.full((60, 80, 3), 128, np.uint8)
    >>> [len(faces) for faces in Yunet(YunetSettings(), yunet_weights, runtime).detect([grey, portrait])]
    [0, 1]
    """

    def __init__(self, settings: YunetSettings, weights: Path, runtime: Runtime):
        self.settings = settings
        self.device = runtime.device
        self.batch = CANVASES[self.device.type]
        self.pixels = torch.zeros(self.batch * SIDE * SIDE * 3, device=self.device)  # of the canvases, again and again
        self.network_for = runtime.load_any_size(load_yunet(weights), (self.batch, -1, -1, 3))
        self.output: CropNetwork | None = None
        if settings.landmarks == "output_network" or settings.second_opinion:
            self.output = CropNetwork(output_network(), OUTPUT_SIDE, OUTPUT_BATCH[self.device.type], runtime)

    @torch.inference_mode()
    def detect(self, photos: Sequence[np.ndarray]) -> list[DetectedFaces]:
        """As `Detector.detect`; a score is the geometric mean of YuNet's probabilities of a face and of an object."""
        sources = [areas(photo, self.device) for photo in photos]
        faces = [self._faces(*pair) for pair in zip(self._cells(sources), sources, strict=True)]
        if self.output is not None:
            seen = self.output.seen(sources, [_windows(found.boxes) for found in faces])
            faces = [self._refined(*pair) for pair in zip(faces, seen, strict=True)]
        return [DetectedFaces(*(part.cpu().numpy() for part in (f.boxes, f.points, f.scores))) for f in faces]

    def _cells(self, sources: Sequence[Areas]) -> list[Cells]:
        """The cells of each photo that hold a face, in the same order whatever else is in the batch."""
        scale = SMALLEST / self.settings.min_face
        plan = [
            view
            for number, source in enumerate(sources)
            if min(source.height, source.width) >= self.settings.min_face
            for view in views(number, source.height, source.width, scale)
        ]
        if not plan:
            return Cells.none(self.device).split([0] * len(sources))
        numbers, values, places = self._search(plan, sources)
        cells, is_whole = placed(decoded(values, places), Frames.of(plan, sources, self.device)[numbers])
        kept = is_whole & (cells.scores >= self.settings.min_score)
        owners = torch.tensor([view.photo for view in plan], device=self.device)[numbers][kept]
        return cells[kept].split(torch.bincount(owners, minlength=len(sources)).tolist())

    def _search(
        self, plan: Sequence[View], sources: Sequence[Areas]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The cells that may hold a face, by view: the view's number in the plan (n,), the network's outputs (n, 16),
        the place on the canvas (n, 3)."""
        least = box.logit(self.settings.min_score**2)  # of both logits: a probability is 1 at most
        nothing = torch.zeros(0, device=self.device)
        found = [(nothing.long(), nothing.view(0, OUTPUTS), nothing.view(0, 3))]
        order = sorted(range(len(plan)), key=lambda number: plan[number].canvas)  # a change of size takes time
        for size, group in groupby(order, key=lambda number: plan[number].canvas):
            alike = [*group]
            for part in (alike[start : start + self.batch] for start in range(0, len(alike), self.batch)):
                outputs = self.network_for(size)(self._drawn([plan[number] for number in part], size, sources))
                canvas, cell = (torch.minimum(outputs[..., CLASS], outputs[..., OBJECT]) >= least).nonzero(
                    as_tuple=True
                )
                found.append(
                    (
                        torch.tensor(part, device=self.device)[canvas],
                        outputs[canvas, cell],
                        grid(*size, self.device)[cell],
                    )
                )
        numbers, values, places = (torch.cat(parts) for parts in zip(*found, strict=True))
        by_view = torch.argsort(numbers, stable=True)
        return numbers[by_view], values[by_view], places[by_view]

    def _drawn(self, alike: Sequence[View], size: tuple[int, int], sources: Sequence[Areas]) -> torch.Tensor:
        """Views on canvases of that size: (n, height, width, 3), black where a view ends."""
        shape = (len(alike), *size, 3)
        pixels = self.pixels[: math.prod(shape)].view(shape)
        for canvas, view in zip(pixels, alike, strict=True):
            sources[view.photo].draw(view.level, view.top, view.left, canvas[: view.height, : view.width])
            canvas[view.height :] = 0
            canvas[:, view.width :] = 0
        return pixels

    def _faces(self, cells: Cells, source: Areas) -> Cells:
        """One for each face in the photo, best score first; own landmarks are the mean over the cells that see it."""
        if not len(cells.scores):
            return cells
        faces = cells[box.best(cells.boxes, cells.scores, SAME_FACE)]
        points = faces.points
        if self.settings.landmarks == "own":
            weights = cells.scores**4 * (box_iou(faces.boxes, cells.boxes) > SAME_VIEW)  # (faces, cells)
            points = torch.einsum("fc,cpx->fpx", weights / weights.sum(1, keepdim=True), cells.points)
        boxes = box.clipped(faces.boxes, source.width, source.height)
        inside = (boxes[:, 2:] - boxes[:, :2] >= 1).all(1)
        return Cells(boxes, points, faces.scores)[inside]

    def _refined(self, faces: Cells, seen: tuple[torch.Tensor, torch.Tensor]) -> Cells:
        """What the output network says of them."""
        windows, outputs = seen
        believed = torch.sigmoid(outputs[:, 0]) >= self.settings.second_opinion
        points = faces.points if self.settings.landmarks == "own" else landmarks(windows, outputs)
        return Cells(faces.boxes, points, faces.scores)[believed]


def _windows(boxes: torch.Tensor) -> torch.Tensor:
    """What the output network looks at: the square around each box, counted from 1 as its own code does."""
    squares = box.squared(boxes)
    return torch.cat([squares[:, :2] + 1, squares[:, 2:]], dim=1)
