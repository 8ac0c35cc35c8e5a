"""YuNet (Wu et al. 2023, doi:10.1007/s11633-023-1423-y) as a torch module, filled from its packaged ONNX file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import interpolate, max_pool2d

from facejoin.udfs.vision.engines.onnx_weights import OnnxWeights

STRIDES = (8, 16, 32)  # pixels from one cell to the next
HEADS = (1, 4, 1, 10)  # outputs of the class, box, object and landmark heads, in the file's order
OUTPUTS = sum(HEADS)
CLASS, BOX, OBJECT, POINTS = 0, 1, 5, 6  # where each begins


class YuNet(nn.Module):
    """Pixels (n, height, width, 3), RGB of 0 … 255, sides multiples of 32 → cells (n, c, 16).

    The cells of the first stride come first, each stride's row by row. A cell holds the logit of a face; the box's
    middle, from the cell's upper left corner in strides, and the logarithms of its width and height in strides; the
    logit of an object; then x and y of the five landmarks, like the middle.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), _pair(16, 16))
        self.quarter = nn.Sequential(_pair(16, 16), _pair(16, 32), _pair(32, 32), _pair(32, 64))
        self.backbone = nn.ModuleList(nn.Sequential(_pair(64, 64), _pair(64, 64)) for _ in STRIDES)
        self.necks = nn.ModuleList(_pair(64, 64) for _ in STRIDES)  # the coarsest first, as the file has them
        self.heads = nn.ModuleList(_separable(64, OUTPUTS) for _ in STRIDES)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        planes = pixels.permute(0, 3, 1, 2).to(next(self.parameters()).dtype)
        maps = self.quarter(max_pool2d(self.stem(planes), 2))
        lateral = []
        for stage in self.backbone:
            maps = stage(max_pool2d(maps, 2))
            lateral.append(maps)
        cells: list[torch.Tensor] = []
        above: torch.Tensor | None = None
        for neck, head, maps in zip(self.necks, reversed(self.heads), reversed(lateral), strict=True):
            above = neck(maps if above is None else maps + interpolate(above, scale_factor=2.0))
            cells.insert(0, head(above).flatten(2).transpose(1, 2))
        return torch.cat(cells, dim=1)


def load_yunet(path: Path) -> YuNet:
    """The network with the weights of the ONNX file at `path` (whose hash the caller has checked)."""
    network = YuNet()
    found = OnnxWeights(path).convolutions()
    with torch.no_grad():
        for part in (network.stem, network.quarter, network.backbone, network.necks):
            for layer in _convolutions(part):
                _fill(layer, *next(found))
        first = next(_convolutions(network.stem))
        first.weight.copy_(first.weight.flip(1))  # the file's takes blue first
        # The file has two convolutions for each head and stride; here a stride's heads are one pair.
        heads = [[(next(found), next(found)) for _ in STRIDES] for _ in HEADS]
        for pair, parts in zip(network.heads, zip(*heads, strict=True), strict=True):
            for layer, layers in zip(_convolutions(pair), zip(*parts, strict=True), strict=True):
                weights, biases = zip(*layers, strict=True)
                _fill(layer, torch.cat(weights), torch.cat(biases))
    return network.eval()


def _separable(channels: int, out: int) -> nn.Sequential:
    pointwise = nn.Conv2d(channels, out, 1)
    return nn.Sequential(pointwise, nn.Conv2d(out, out, 3, padding=1, groups=out))


def _pair(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(*_separable(channels, out), nn.ReLU())


def _convolutions(part: nn.Module) -> Iterator[nn.Conv2d]:
    return (layer for layer in part.modules() if isinstance(layer, nn.Conv2d))


def _fill(layer: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor) -> None:
    assert layer.bias is not None  # every one has it
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
