"""Faces → unit vectors: the embedders behind one interface, each with its own alignment template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from facenet_pytorch import InceptionResnetV1
from PIL import Image
from torch.nn.functional import normalize

from facejoin.conf.settings import EmbedSettings
from facejoin.udfs.vision.align import align
from facejoin.udfs.vision.runtime import Runtime
from facejoin.udfs.vision.sface import load_sface
from facejoin.udfs.vision.states import torch_state

PROCESSOR_BATCH = 4  # faces: more at a time are no faster on a processor


@dataclass(frozen=True)
class EmbedderKind:
    size: int  # of the crop's side, in pixels
    dimensions: int
    template: np.ndarray  # (5, 2): where the landmarks lie in the crop, in pixels
    default_weights: str
    same_person: float  # cosine from which its makers take two photos to show one person
    load: Callable[[Path], torch.nn.Module]  # (n, 3, size, size) RGB of 0 … 255 → (n, dimensions)


class _Standardised(torch.nn.Module):
    """InceptionResnetV1 with its fixed standardisation of pixels in front."""

    def __init__(self, network: InceptionResnetV1):
        super().__init__()
        self.network = network

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.network((faces - 127.5) / 128)


def _load_inception(path: Path) -> torch.nn.Module:
    network = InceptionResnetV1(pretrained=None)
    state = {name: value for name, value in torch_state(path).items() if not name.startswith("logits.")}
    network.load_state_dict(state)
    return _Standardised(network.eval())


EMBEDDERS = {
    "sface": EmbedderKind(
        size=112,
        dimensions=128,
        template=np.array(  # OpenCV's FaceRecognizerSF::alignCrop
            [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
        ),
        default_weights="sface",
        same_person=0.363,  # OpenCV's documentation of FaceRecognizerSF, for the cosine
        load=load_sface,
    ),
    "inception_resnet_v1": EmbedderKind(
        size=160,
        dimensions=512,
        template=np.array(  # mean landmarks of MTCNN's boxes on LFW, in facenet-pytorch's crop with a margin of 14
            [[47.0, 63.6], [113.0, 63.6], [80.0, 92.4], [51.3, 118.0], [108.7, 118.0]]
        ),
        default_weights="vggface2",
        same_person=0.395,  # 1 - 1.1²/2: a distance of 1.1, where FaceNet's paper draws the line (arXiv:1503.03832)
        load=_load_inception,
    ),
}


class _OnPixels(torch.nn.Module):
    """A network behind crops (n, size, size, 3) of 0 … 255."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        dtype = next(self.network.parameters()).dtype
        vectors: torch.Tensor = self.network(pixels.permute(0, 3, 1, 2).to(dtype))
        return vectors


class Embedder:
    """One network with its weights on one device."""

    def __init__(self, settings: EmbedSettings, weights: Path, runtime: Runtime):
        self.kind = EMBEDDERS[settings.model]
        self.mirror = settings.mirror
        self.device = runtime.device
        batch = settings.batch if runtime.device.type == "cuda" else min(settings.batch, PROCESSOR_BATCH)
        self.network = runtime.load(_OnPixels(self.kind.load(weights)), (batch, self.kind.size, self.kind.size, 3))

    def crops(self, photo: np.ndarray, landmarks: np.ndarray) -> list[np.ndarray]:
        """photo uint8 (height, width, 3), landmarks (n, 5, 2) → n crops, uint8 (size, size, 3)."""
        if not len(landmarks):
            return []  # without a copy of the photo
        image = Image.fromarray(photo)
        return [align(image, points, self.kind.template, self.kind.size) for points in landmarks]

    @torch.inference_mode()
    def embed(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """n crops of `crops` → (n, dimensions) float32, rows of length 1; with `mirror` the mean of both ways round."""
        if not crops:
            return np.zeros((0, self.kind.dimensions), np.float32)
        faces = torch.from_numpy(np.stack(crops)).to(self.device).float()
        vectors = normalize(self.network(faces))
        if self.mirror:
            vectors = normalize(vectors + normalize(self.network(faces.flip(2).contiguous())))
        return vectors.cpu().numpy()
