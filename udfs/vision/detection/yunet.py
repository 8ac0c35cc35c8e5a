"""Photos → boxes, five landmarks and scores of their faces: YuNet over views of each photo, then, if so set, MTCNN's
output network once more over each face.

Method: Wu et al. 2023, doi:10.1007/s11633-023-1423-y; decoding and suppression as in OpenCV's FaceDetectorYN.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
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
from facejoin.udfs.vision.detection.views import MARGIN, SIDE, WHOLE, View, views
from facejoin.udfs.vision.detection.yunet_network import CLASS, OBJECT, POINTS, STRIDES, load_yunet
from facejoin.udfs.vision.engines.runtime import Network, Runtime
from facejoin.udfs.vision.engines.weights import WEIGHTS

NAME = f"yunet-{str(WEIGHTS['yunet'].sha256)[:4]}"  # in model_version
SMALLEST = 17  # pixels a side of the smallest face in a view
STEP = 64  # pixels: sides of a canvas are multiples of it, so that there are few sizes to compile for
SAME_FACE = 0.3  # overlap from which two boxes are one
SAME_VIEW = 0.6  # overlap from which a cell's landmarks count for a better cell's face
CANVASES = {"cpu": 1, "cuda": 32}  # searched at a time


@dataclass(frozen=True)
class _Cells:
    """Cells with a face, in pixels of their photo."""

    boxes: torch.Tensor  # (n, 4)
    points: torch.Tensor  # (n, 5, 2)
    scores: torch.Tensor  # (n,)

    def __getitem__(self, rows: torch.Tensor) -> _Cells:
        return _Cells(self.boxes[rows], self.points[rows], self.scores[rows])


class Yunet:
    """A `Detector`: one network finds the faces and their landmarks.

    >>> runtime = choose_runtime(ComputeSettings(device="cpu"))
    >>> grey = np.full((60, 80, 3), 128, np.uint8)
    >>> [len(faces) for faces in Yunet(YunetSettings(), yunet_weights, runtime).detect([grey, portrait])]
    [0, 1]
    """

    def __init__(self, settings: YunetSettings, weights: Path, runtime: Runtime):
        self.settings = settings
        self.runtime = runtime
        self.canvases = CANVASES[runtime.device.type]
        self.load = runtime.load_each_shape(load_yunet(weights), (self.canvases, SIDE, SIDE, 3))
        self.networks: dict[tuple[int, int], Network] = {}  # by height and width of a canvas
        self.output: CropNetwork | None = None
        if settings.landmarks == "output_network" or settings.second_opinion:
            self.output = CropNetwork(output_network(), OUTPUT_SIDE, OUTPUT_BATCH[runtime.device.type], runtime)

    @torch.inference_mode()
    def detect(self, photos: Sequence[np.ndarray]) -> list[DetectedFaces]:
        """As `Detector.detect`; a score is the geometric mean of YuNet's probabilities of a face and of an object."""
        sources = [areas(photo, self.runtime.device) for photo in photos]
        cells = self._cells(sources)
        faces = [self._faces(cells[number], source) for number, source in enumerate(sources)]
        if self.output is not None:
            seen = self.output.seen(sources, [_windows(found.boxes) for found in faces])
            faces = [self._refined(*pair) for pair in zip(faces, seen, strict=True)]
        return [DetectedFaces(*(part.cpu().numpy() for part in (f.boxes, f.points, f.scores))) for f in faces]

    def _cells(self, sources: Sequence[Areas]) -> list[_Cells]:
        """The cells of each photo that hold a face."""
        scale = SMALLEST / self.settings.min_face
        by_size: dict[tuple[int, int], list[View]] = defaultdict(list)
        for number, source in enumerate(sources):
            if min(source.height, source.width) >= self.settings.min_face:
                for view in views(number, source.height, source.width, scale):
                    by_size[_canvas(view)].append(view)
        found: list[list[_Cells]] = [[_no_cells(self.runtime.device)] for _ in sources]
        for size, alike in by_size.items():
            for start in range(0, len(alike), self.canvases):
                for view, cells in self._searched(alike[start : start + self.canvases], size, sources):
                    found[view.photo].append(cells)
        return [_joined(parts) for parts in found]

    def _searched(
        self, alike: Sequence[View], size: tuple[int, int], sources: Sequence[Areas]
    ) -> Iterator[tuple[View, _Cells]]:
        """The views that show a face, on canvases of that size, with the cells that have one."""
        pixels = torch.zeros((len(alike), *size, 3), device=self.runtime.device)
        for canvas, view in zip(pixels, alike, strict=True):
            sources[view.photo].draw(view.level, view.top, view.left, canvas[: view.height, : view.width])
        outputs = self._network(size)(pixels)  # (n, c, 16)
        scores = torch.sigmoid(outputs[..., [CLASS, OBJECT]]).prod(-1).sqrt()
        owners, rows = (scores >= self.settings.min_score).nonzero(as_tuple=True)
        grid = _grid(*size, self.runtime.device)[rows]
        found = _decoded(outputs[owners, rows], grid, scores[owners, rows])
        for number in sorted({*owners.tolist()}):
            view, source = alike[number], sources[alike[number].photo]
            yield view, _placed(found[owners == number], view, source)

    def _network(self, size: tuple[int, int]) -> Network:
        if size not in self.networks:
            self.networks[size] = self.load((self.canvases, *size, 3))
        return self.networks[size]

    def _faces(self, cells: _Cells, source: Areas) -> _Cells:
        """One for each face in the photo, best score first, its landmarks the mean over the cells that see it."""
        if not len(cells.scores):
            return cells
        kept = box.best(cells.boxes, cells.scores, SAME_FACE)
        weights = cells.scores**4 * (box_iou(cells.boxes[kept], cells.boxes) > SAME_VIEW)  # (faces, cells)
        points = torch.einsum("fc,cpx->fpx", weights / weights.sum(1, keepdim=True), cells.points)
        boxes = box.clipped(cells.boxes[kept], source.width, source.height)
        inside = (boxes[:, 2:] - boxes[:, :2] >= 1).all(1)
        return _Cells(boxes, points, cells.scores[kept])[inside]

    def _refined(self, faces: _Cells, seen: tuple[torch.Tensor, torch.Tensor]) -> _Cells:
        """What the output network says of them."""
        windows, outputs = seen
        believed = torch.sigmoid(outputs[:, 0]) >= self.settings.second_opinion
        points = faces.points if self.settings.landmarks == "own" else landmarks(windows, outputs)
        return _Cells(faces.boxes, points, faces.scores)[believed]


def _canvas(view: View) -> tuple[int, int]:
    """Height and width of the canvas that a view is searched on."""
    return math.ceil(view.height / STEP) * STEP, math.ceil(view.width / STEP) * STEP


@cache
def _grid(height: int, width: int, device: torch.device) -> torch.Tensor:
    """(c, 3): column, row and stride of the cells of a canvas, in the network's order."""
    parts = []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        parts.append(torch.stack([columns, rows, torch.full_like(rows, stride)], dim=-1).view(-1, 3))
    return torch.cat(parts).float().to(device)


def _decoded(values: torch.Tensor, grid: torch.Tensor, scores: torch.Tensor) -> _Cells:
    """values (n, 16) of cells, grid (n, 3) → boxes and landmarks in pixels of the canvas."""
    corners, strides = grid[:, :2], grid[:, 2:]
    middles, sizes = (corners + values[:, 1:3]) * strides, values[:, 3:5].exp() * strides
    points = (corners[:, None] + values[:, POINTS:].view(-1, 5, 2)) * strides[:, None]
    return _Cells(torch.cat([middles - sizes / 2, middles + sizes / 2], dim=1), points, scores)


def _placed(cells: _Cells, view: View, source: Areas) -> _Cells:
    """Those of a view in pixels of its photo, but for what may be a part of a face: another view shows that whole."""
    tall, wide = view.level
    ends = torch.tensor(
        [view.left, view.top, view.left + view.width, view.top + view.height], device=cells.boxes.device
    )
    borders = torch.tensor([0, 0, wide, tall], device=ends.device)
    boxes = cells.boxes + ends[:2].repeat(2)
    to_ends = torch.cat([boxes[:, :2] - ends[:2], ends[2:] - boxes[:, 2:]], dim=1)
    is_cut = ends != borders
    is_part = (is_cut & (to_ends < MARGIN)).any(1) | (is_cut.any() & (boxes[:, 2:] - boxes[:, :2] > WHOLE).any(1))
    scale = torch.tensor([source.width / wide, source.height / tall], device=ends.device)
    placed = _Cells(boxes * scale.repeat(2), (cells.points + ends[:2]) * scale, cells.scores)
    return placed[~is_part]


def _no_cells(device: torch.device) -> _Cells:
    return _Cells(*(torch.zeros((0, *shape), device=device) for shape in ((4,), (5, 2), ())))


def _joined(parts: Sequence[_Cells]) -> _Cells:
    return _Cells(
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.points for part in parts]),
        torch.cat([part.scores for part in parts]),
    )


def _windows(boxes: torch.Tensor) -> torch.Tensor:
    """What the output network looks at: the square around each box, counted from 1 as its own code does."""
    squares = box.squared(boxes)
    return torch.cat([squares[:, :2] + 1, squares[:, 2:]], dim=1)
