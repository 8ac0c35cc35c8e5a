"""MTCNN's three networks, facenet-pytorch's modules and weights, each as pixels in and one tensor out."""

from __future__ import annotations

from typing import Any

import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from torch import nn

from facejoin.udfs.vision.engines.state_dicts import packaged_state_dict


def proposal_network() -> nn.Module:
    """P-Net: pixels (n, height, width, 3), both even → cells (n, height/2 - 5, width/2 - 5, 5).

    A cell sees 12 × 12 pixels, two to the right of or below its neighbour's; it holds the logit of a face and how far
    the face's left, top, right and bottom edges lie from the cell's own, in shares of its side.
    """
    return _Maps(_with_one_head(_filled(PNet, "pnet"), "conv4_1", "softmax4_1", "conv4_2"))


def refinement_network() -> nn.Module:
    """R-Net: crops (n, 24, 24, 3) → (n, 5), as a cell of the proposal network."""
    return _Crops(_with_one_head(_filled(RNet, "rnet"), "dense5_1", "softmax5_1", "dense5_2"))


def output_network() -> nn.Module:
    """O-Net: crops (n, 48, 48, 3) → (n, 15), as a cell of the proposal network, then x, then y of the five landmarks,
    in shares of the crop."""
    return _Crops(_with_one_head(_filled(ONet, "onet"), "dense6_1", "softmax6_1", "dense6_2", "dense6_3"))


class _Crops(nn.Module):
    """Pixels (n, height, width, 3) of 0 … 255 → the network's last output."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        dtype = next(self.network.parameters()).dtype
        outputs: torch.Tensor = self.network((pixels.permute(0, 3, 1, 2).to(dtype) - 127.5) / 128)[-1]
        return outputs


class _Maps(_Crops):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels).permute(0, 2, 3, 1)


def _filled(network: type[nn.Module], name: str) -> nn.Module:
    module: nn.Module = network(pretrained=False)
    module.load_state_dict(packaged_state_dict(name))
    return module.eval()


def _with_one_head(network: nn.Module, classifier: str, softmax: str, *regressors: str) -> nn.Module:
    """The same arithmetic with all its last layers as one, where the last output is; the score as a logit.

    The probability of the second of two classes is the logistic function of the difference of their outputs.
    """
    heads: list[Any] = [getattr(network, name) for name in (classifier, *regressors)]
    one, rest = heads[0], heads[1:]
    one.weight = nn.Parameter(torch.cat([one.weight[1:] - one.weight[:1], *(head.weight for head in rest)]))
    one.bias = nn.Parameter(torch.cat([one.bias[1:] - one.bias[:1], *(head.bias for head in rest)]))
    for name in (softmax, *regressors):
        setattr(network, name, nn.Identity())
    return network
