"""Arithmetic of boxes: (n, 4) x1, y1, x2, y2 of first and last pixel, counted from 1 as in MTCNN's original code."""

from __future__ import annotations

import math

import torch
from torchvision.ops import nms

CELL, STRIDE = 12, 2  # pixels that the proposal network sees at once, and from one of its cells to the next


def of_cells(rows: torch.Tensor, columns: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Boxes in the photo of the proposal network's cells (n,) in levels of that scale (n,)."""
    corners = torch.stack([columns, rows], dim=1) * STRIDE
    return (torch.cat([corners + 1, corners + CELL], dim=1) / scale[:, None]).floor()


def shifted(boxes: torch.Tensor, offsets: torch.Tensor, ends: int = 1) -> torch.Tensor:
    """Each edge moved by its offset (n, 4), in shares of the box's width or height.

    These count the last pixel; only after its first stage the authors' code leaves it out, with `ends` 0.
    """
    return boxes + offsets * (boxes[:, 2:] - boxes[:, :2] + ends).repeat(1, 2)


def squared(boxes: torch.Tensor) -> torch.Tensor:
    """The square around each box's middle with its longer side."""
    size = boxes[:, 2:] - boxes[:, :2]
    longer = size.amax(1, keepdim=True)
    corner = boxes[:, :2] + (size - longer) / 2
    return torch.cat([corner, corner + longer], dim=1)


def rectangles(boxes: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """(n, 4) int64: the part of each box within the photo as left, top, right, bottom from 0; right and bottom are one
    past the end. May be empty."""
    whole = boxes.trunc()
    first = whole[:, :2].clamp(min=1) - 1
    end = torch.minimum(whole[:, 2:], torch.tensor([width, height], device=boxes.device))
    return torch.cat([first, end], dim=1).long()


def clipped(boxes: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """What of each box lies within the photo."""
    return torch.minimum(boxes.clamp(min=0), torch.tensor([width, height] * 2, device=boxes.device))


def solid(boxes: torch.Tensor) -> torch.Tensor:
    """(n,) bool: whether something is between its edges."""
    return (boxes[:, 2:] > boxes[:, :2]).all(1)


def best(boxes: torch.Tensor, scores: torch.Tensor, overlap: float, groups: torch.Tensor | None = None) -> torch.Tensor:
    """Indices left by non-maximum suppression, best first: no box overlaps a better one of its group by more than
    `overlap` of their union. Equal scores keep their order.
    """
    order = torch.sort(scores, descending=True, stable=True).indices
    boxes = boxes[order]
    if groups is not None and len(boxes):
        apart = (groups - groups.min())[order]  # from 0: high numbers would cost the boxes their last digits
        boxes = boxes + (apart * (boxes.max() - boxes.min() + 1))[:, None]
    ranks = torch.arange(len(order), 0, -1, device=boxes.device, dtype=boxes.dtype)
    return order[nms(boxes, ranks, overlap)]


def outermost(boxes: torch.Tensor, scores: torch.Tensor, overlap: float) -> torch.Tensor:
    """As `best`, but by the share of the smaller box, so that a box within a better one goes."""
    order = torch.sort(scores, descending=True, stable=True).indices
    boxes = boxes[order]
    low, high = boxes[:, :2], boxes[:, 2:]
    common = (torch.minimum(high[:, None], high) - torch.maximum(low[:, None], low)).clamp(min=0).prod(2)
    area = (high - low).prod(1)
    covers = (common > overlap * torch.minimum(area[:, None], area)).cpu().numpy()  # (n, n)
    kept: list[int] = []
    for candidate in range(len(order)):
        if not covers[candidate, kept].any():
            kept.append(candidate)
    return order[kept]


def logit(probability: float) -> float:
    """What the logistic function makes `probability` of."""
    return math.log(probability / (1 - probability))
