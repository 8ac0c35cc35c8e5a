"""One of MTCNN's two networks that look at crops, over the windows of many photos at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from facejoin.udfs.vision.detection import boxes as box
from facejoin.udfs.vision.detection.area import Areas
from facejoin.udfs.vision.engines.runtime import Network, Runtime

OUTPUT_SIDE = 48  # pixels a side of the crops that the output network sees
OUTPUT_BATCH = {"cpu": 8, "cuda": 256}  # of them, at a time


class CropNetwork:
    """The refinement or the output network with the side of the crops that it sees, in pixels."""

    def __init__(self, module: nn.Module, side: int, batch: int, runtime: Runtime):
        self.side = side
        self.device = runtime.device
        self.network: Network = runtime.load(module, (batch, side, side, 3))

    def seen(
        self, sources: Sequence[Areas], windows: Sequence[torch.Tensor]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """windows (n, 4) of each photo → those that show some of it, with the network's outputs for them."""
        inside, crops = [], []
        for source, boxes in zip(sources, windows, strict=True):
            rectangles = box.rectangles(boxes, source.width, source.height)
            solid = box.solid(rectangles)
            inside.append(boxes[solid])
            crops.append(source.crops(rectangles[solid], self.side))
        counts = [len(boxes) for boxes in inside]
        outputs = self.network(torch.cat(crops)) if any(counts) else torch.zeros((0, 15), device=self.device)
        return zip(inside, torch.split(outputs, counts), strict=True)


def landmarks(windows: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """The output network's outputs (n, 15) for the windows → (n, 5, 2) pixels, counted from 0."""
    shares = outputs[:, 5:].view(-1, 2, 5).transpose(1, 2)  # of the window's sides
    sides = windows[:, None, 2:] - windows[:, None, :2] + 1
    return windows[:, None, :2] - 1 + shares * sides
