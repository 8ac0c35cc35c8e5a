"""SFace (Zhong et al. 2021, doi:10.1109/TIP.2020.3048632) as a torch module, filled from its packaged ONNX file.

The network is MobileNetV1's layout with PReLU: one full convolution, thirteen depthwise/pointwise pairs, one linear
layer.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from facejoin.udfs.vision.embedding.kind import EmbedderKind
from facejoin.udfs.vision.engines.onnx_weights import OnnxWeights

# Of the thirteen pairs: channels out of the pointwise convolution, stride of the depthwise one.
PAIRS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1),
    (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class SFace(nn.Module):
    """(n, 3, 112, 112) RGB of 0 … 255 → (n, 128), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        blocks: OrderedDict[str, nn.Module] = OrderedDict(conv_1=_block(3, 32, kernel=3))
        channels = 32
        for number, (out, stride) in enumerate(PAIRS, start=2):
            blocks[f"conv_{number}_dw"] = _block(channels, channels, kernel=3, stride=stride, groups=channels)
            blocks[f"conv_{number}"] = _block(channels, out, kernel=1)
            channels = out
        self.blocks = nn.Sequential(blocks)
        self.bn1 = nn.BatchNorm2d(channels, eps=2e-5)
        self.pre_fc1 = nn.Linear(channels * 7 * 7, 128)
        self.fc1 = nn.BatchNorm1d(128, eps=2e-5)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        maps = self.bn1(self.blocks((faces - 127.5) / 128))  # (n, 1024, 7, 7)
        return self.fc1(self.pre_fc1(maps.flatten(1)))


def load_sface(path: Path) -> SFace:
    """The network with the weights of the ONNX file at `path` (whose hash the caller has checked)."""
    weights = OnnxWeights(path)
    network = SFace()
    with torch.no_grad():
        for name, block in network.blocks.named_children():
            parts: list[Any] = list(block.children())
            conv, norm, relu = parts
            conv.weight.copy_(weights[f"{name}_conv2d_weight_dequantized"].view_as(conv.weight))
            _fill_norm(norm, weights, f"{name}_batchnorm")
            relu.weight.copy_(weights[f"{name}_relu_gamma"].flatten())
        _fill_norm(network.bn1, weights, "bn1")
        network.pre_fc1.weight.copy_(weights["pre_fc1_weight_dequantized"])
        network.pre_fc1.bias.copy_(weights["pre_fc1_bias_dequantized"])
        _fill_norm(network.fc1, weights, "fc1")
    return network.eval()


def _block(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(out, eps=1e-3), relu=nn.PReLU(out)))


def _fill_norm(norm: Any, weights: OnnxWeights, name: str) -> None:
    norm.weight.copy_(weights[f"{name}_gamma"])
    norm.bias.copy_(weights[f"{name}_beta"])
    norm.running_mean.copy_(weights[f"{name}_moving_mean"])
    norm.running_var.copy_(weights[f"{name}_moving_var"])


SFACE = EmbedderKind(
    size=112,
    dimensions=128,
    template=np.array(  # OpenCV's FaceRecognizerSF::alignCrop
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
    ),
    default_weights="sface",
    same_person=0.363,  # OpenCV's documentation of FaceRecognizerSF, for the cosine
    load=load_sface,
)
