"""YuNet's outputs → boxes and landmarks in pixels of the photos whose views it saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from facejoin.udfs.vision.detection.area import Areas
from facejoin.udfs.vision.detection.views import MARGIN, WHOLE, View
from facejoin.udfs.vision.detection.yunet_network import BOX, CLASS, OBJECT, POINTS, STRIDES


@dataclass(frozen=True)
class Cells:
    """Cells that hold a face, in pixels of the canvas or of the photo."""

    boxes: torch.Tensor  # (n, 4)
    points: torch.Tensor  # (n, 5, 2)
    scores: torch.Tensor  # (n,)

    def __getitem__(self, rows: torch.Tensor) -> Cells:
        return Cells(self.boxes[rows], self.points[rows], self.scores[rows])

    def split(self, counts: list[int]) -> list[Cells]:
        parts = (torch.split(part, counts) for part in (self.boxes, self.points, self.scores))
        return [Cells(*part) for part in zip(*parts, strict=True)]

    @staticmethod
    def none(device: torch.device) -> Cells:
        return Cells(*(torch.zeros((0, *shape), device=device) for shape in ((4,), (5, 2), ())))


@dataclass(frozen=True)
class Frames:
    """Where views lie in the levels of their photos."""

    ends: torch.Tensor  # (n, 4) float32: left, top, right and bottom, in pixels of the level
    is_cut: torch.Tensor  # (n, 4) bool: at which of these ends the photo goes on
    scale: torch.Tensor  # (n, 2) float32: pixels of the photo for one of the level, across and down

    def __getitem__(self, rows: torch.Tensor) -> Frames:
        return Frames(self.ends[rows], self.is_cut[rows], self.scale[rows])

    @staticmethod
    def of(plan: Sequence[View], sources: Sequence[Areas], device: torch.device) -> Frames:
        ends = [(view.left, view.top, view.left + view.width, view.top + view.height) for view in plan]
        borders = [(0, 0, *view.level[::-1]) for view in plan]
        photos = [(sources[view.photo].width, sources[view.photo].height) for view in plan]
        here, whole, sizes = (
            torch.tensor(part, dtype=torch.float32, device=device) for part in (ends, borders, photos)
        )
        return Frames(here, here != whole, sizes / whole[:, 2:])


@cache
def grid(height: int, width: int, device: torch.device) -> torch.Tensor:
    """(c, 3): column, row and stride of the cells of a canvas, in the network's order."""
    parts = []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        parts.append(torch.stack([columns, rows, torch.full_like(rows, stride)], dim=-1).view(-1, 3))
    return torch.cat(parts).float().to(device)


def decoded(values: torch.Tensor, places: torch.Tensor) -> Cells:
    """The network's outputs (n, 16) and rows of `grid` (n, 3) → boxes and landmarks in pixels of the canvas."""
    corners, strides = places[:, :2], places[:, 2:]
    middles, sizes = (corners + values[:, BOX : BOX + 2]) * strides, values[:, BOX + 2 : OBJECT].exp() * strides
    points = (corners[:, None] + values[:, POINTS:].view(-1, 5, 2)) * strides[:, None]
    scores = torch.sigmoid(values[:, [CLASS, OBJECT]]).prod(1).sqrt()
    return Cells(torch.cat([middles - sizes / 2, middles + sizes / 2], dim=1), points, scores)


def placed(cells: Cells, frames: Frames) -> tuple[Cells, torch.Tensor]:
    """Cells of canvases in pixels of their photos, and which of them (n,) are no part of a face that a view cuts:
    another view shows that whole."""
    corners = frames.ends[:, :2]
    boxes = cells.boxes + corners.repeat(1, 2)
    to_ends = torch.cat([boxes[:, :2] - corners, frames.ends[:, 2:] - boxes[:, 2:]], dim=1)
    is_near_cut = (frames.is_cut & (to_ends < MARGIN)).any(1)
    is_long = (boxes[:, 2:] - boxes[:, :2] > WHOLE).any(1) & frames.is_cut.any(1)
    points = (cells.points + corners[:, None]) * frames.scale[:, None]
    return Cells(boxes * frames.scale.repeat(1, 2), points, cells.scores), ~(is_near_cut | is_long)
