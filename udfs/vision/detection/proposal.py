"""MTCNN's first stage: the proposal network (P-Net) over every level of many photos, on canvases of one size → windows
that may be faces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from facejoin.conf.settings import MtcnnSettings
from facejoin.udfs.vision.detection import boxes as box
from facejoin.udfs.vision.detection.area import Areas
from facejoin.udfs.vision.detection.canvas import MARGIN, Placed, cut, place
from facejoin.udfs.vision.detection.mtcnn_networks import proposal_network
from facejoin.udfs.vision.engines.runtime import Network, Runtime

CANVAS = 192  # pixels a side: what the network makes of it stays in a processor's cache
CANVAS_CELLS = CANVAS // box.STRIDE - MARGIN
SAME_IN_LEVEL, SAME_IN_PHOTO = 0.5, 0.7  # overlap from which two cells show one face
MOST_CELLS = 4_000  # of a photo that are compared with one another, best first
LARGEST_LEVEL = 2**20  # cells a side
NOBODY = -1


@dataclass(frozen=True)
class _Level:
    """A photo at one size."""

    photo: int
    scale: float
    height: int  # pixels
    width: int


@dataclass(frozen=True)
class _Cells:
    """The proposal network's cells with a score above the threshold."""

    level: torch.Tensor  # (n,) int64
    row: torch.Tensor  # (n,) int64, in the level
    column: torch.Tensor  # (n,) int64
    values: torch.Tensor  # (n, 5): logit, offsets of the four edges

    def __getitem__(self, rows: torch.Tensor) -> _Cells:
        return _Cells(self.level[rows], self.row[rows], self.column[rows], self.values[rows])


class Proposer:
    def __init__(self, settings: MtcnnSettings, runtime: Runtime):
        self.settings = settings
        self.device = runtime.device
        self.canvases = 1 if runtime.device.type == "cpu" else 32  # searched at once
        self.network: Network = runtime.load(proposal_network(), (self.canvases, CANVAS, CANVAS, 3))

    def propose(self, photos: Sequence[Areas]) -> list[torch.Tensor]:
        """The windows of each photo: (n, 4) square boxes, n ≤ max_candidates, best first."""
        levels = [level for number, photo in enumerate(photos) for level in self._levels(number, photo)]
        if not levels:
            return [torch.zeros((0, 4), device=self.device) for _ in photos]
        cells = self._search(photos, levels)
        scales = torch.tensor([level.scale for level in levels], device=self.device)[cells.level]
        owners = torch.tensor([level.photo for level in levels], device=self.device)[cells.level]
        boxes = box.of_cells(cells.row, cells.column, scales)
        counts = torch.bincount(owners, minlength=len(photos)).tolist()
        parts = (torch.split(part, counts) for part in (boxes, cells.values, cells.level))
        return [self._windows(*one) for one in zip(*parts, strict=True)]

    def _levels(self, number: int, photo: Areas) -> Iterator[_Level]:
        scale = box.CELL / self.settings.min_face
        while min(photo.height, photo.width) * scale >= box.CELL:
            yield _Level(number, scale, int(photo.height * scale + 1), int(photo.width * scale + 1))
            scale *= self.settings.scale_factor

    def _search(self, photos: Sequence[Areas], levels: Sequence[_Level]) -> _Cells:
        """Sorted by level, row and column, so that nothing depends on where a level came to lie."""
        tiles = [
            tile
            for number, level in enumerate(levels)
            for tile in cut(number, _cells(level.height), _cells(level.width), CANVAS_CELLS)
        ]
        canvases = place(tiles, CANVAS_CELLS)
        found = [
            self._found(canvases[start : start + self.canvases], photos, levels)
            for start in range(0, len(canvases), self.canvases)
        ]
        cells = _Cells(*(torch.cat(parts) for parts in zip(*found, strict=True)))
        return cells[torch.argsort((cells.level * LARGEST_LEVEL + cells.row) * LARGEST_LEVEL + cells.column)]

    def _found(
        self, canvases: Sequence[Sequence[Placed]], photos: Sequence[Areas], levels: Sequence[_Level]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """level, row, column and values of the cells on these canvases."""
        pixels = torch.zeros((len(canvases), CANVAS, CANVAS, 3), device=self.device)
        owners = torch.full((len(canvases), CANVAS_CELLS, CANVAS_CELLS), NOBODY, device=self.device)
        origins: list[tuple[int, int, int]] = []  # of each tile: level, and its rows and columns from canvas to level
        for canvas, placed in enumerate(canvases):
            for one in placed:
                _draw(pixels[canvas], one, photos, levels)
                rows, columns = _span(one.top, one.tile.height), _span(one.left, one.tile.width)
                owners[canvas, rows, columns] = len(origins)
                origins.append((one.tile.picture, one.tile.top - one.top, one.tile.left - one.left))
        maps = self.network(pixels)  # (n, CANVAS_CELLS, CANVAS_CELLS, 5)
        hits = (maps[..., 0] >= box.logit(self.settings.thresholds[0])) & (owners != NOBODY)
        number, row, column = hits.nonzero(as_tuple=True)
        origin = torch.tensor(origins, device=self.device)[owners[number, row, column]]
        return origin[:, 0], row + origin[:, 1], column + origin[:, 2], maps[number, row, column]

    def _windows(self, boxes: torch.Tensor, values: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        scores = values[:, 0]
        kept = torch.sort(scores, descending=True, stable=True).indices[:MOST_CELLS]
        kept = kept[box.best(boxes[kept], scores[kept], SAME_IN_LEVEL, levels[kept])]
        kept = kept[box.best(boxes[kept], scores[kept], SAME_IN_PHOTO)][: self.settings.max_candidates]
        return box.squared(box.shifted(boxes[kept], values[kept, 1:], ends=0))


def _draw(canvas: torch.Tensor, place: Placed, photos: Sequence[Areas], levels: Sequence[_Level]) -> None:
    """The pixels under a tile's cells, and under the margin that its last ones reach."""
    tile, level = place.tile, levels[place.tile.picture]
    rows = _span(place.top * box.STRIDE, (tile.height + MARGIN) * box.STRIDE)
    columns = _span(place.left * box.STRIDE, (tile.width + MARGIN) * box.STRIDE)
    top, left = tile.top * box.STRIDE, tile.left * box.STRIDE
    photos[level.photo].draw((level.height, level.width), top, left, canvas[rows, columns])


def _span(start: int, length: int) -> slice:
    return slice(start, start + length)


def _cells(pixels: int) -> int:
    """Along a side of so many pixels; the last of an odd number is taken twice."""
    return math.ceil(pixels / box.STRIDE) - MARGIN
