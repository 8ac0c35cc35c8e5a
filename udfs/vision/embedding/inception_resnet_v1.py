"""InceptionResnetV1 (Schroff et al. 2015, doi:10.1109/CVPR.2015.7298682), facenet-pytorch's module and weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from facenet_pytorch import InceptionResnetV1
from torch import nn

from facejoin.udfs.vision.embedding.kind import EmbedderKind
from facejoin.udfs.vision.engines.state_dicts import torch_state_dict


class _Standardised(nn.Module):
    """The network with its fixed standardisation of pixels in front."""

    def __init__(self, network: InceptionResnetV1):
        super().__init__()
        self.network = network

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.network((faces - 127.5) / 128)


def load_inception_resnet_v1(path: Path) -> nn.Module:
    """The network with the weights of the file at `path` (whose hash the caller has checked), but for the classifier's
    layer that the published files have."""
    network = InceptionResnetV1(pretrained=None)
    state = {name: value for name, value in torch_state_dict(path).items() if not name.startswith("logits.")}
    network.load_state_dict(state)
    return _Standardised(network.eval())


INCEPTION_RESNET_V1 = EmbedderKind(
    size=160,
    dimensions=512,
    template=np.array(  # mean landmarks of MTCNN's boxes on LFW, in facenet-pytorch's crop with a margin of 14
        [[47.0, 63.6], [113.0, 63.6], [80.0, 92.4], [51.3, 118.0], [108.7, 118.0]]
    ),
    default_weights="vggface2",
    same_person=0.395,  # 1 - 1.1²/2: a distance of 1.1, where FaceNet's paper draws the line (arXiv:1503.03832)
    load=load_inception_resnet_v1,
)
