"""Faces → unit vectors: the embedders, by the names that the settings know them by, behind one interface.

To add one: a file beside this one that ends in its EmbedderKind, its line in EMBEDDERS, its name in EmbedSettings and
its weights' pin in engines.weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import normalize

from facejoin.conf.settings import EmbedSettings
from facejoin.udfs.vision.embedding.align import align
from facejoin.udfs.vision.embedding.inception_resnet_v1 import INCEPTION_RESNET_V1
from facejoin.udfs.vision.embedding.kind import EmbedderKind
from facejoin.udfs.vision.embedding.sface import SFACE
from facejoin.udfs.vision.engines.runtime import Runtime

PROCESSOR_BATCH = 4  # faces: more at a time are no faster on a processor

EMBEDDERS: dict[str, EmbedderKind] = {
    "sface": SFACE,
    "inception_resnet_v1": INCEPTION_RESNET_V1,
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
    """One network with its weights on one device.

    >>> embedder = Embedder(EmbedSettings(model="sface"), weights, choose_runtime(ComputeSettings(device="cpu")))
    >>> crops = embedder.crops(portrait, detector.detect([portrait])[0].landmarks)
    >>> [crop.shape for crop in crops], embedder.embed(crops).shape
    ([(112, 112, 3)], (1, 128))
    """

    def __init__(self, settings: EmbedSettings, weights: Path, runtime: Runtime):
        self.kind = EMBEDDERS[settings.model]
        self.mirror = settings.mirror
        self.device = runtime.device
        self.batch = settings.batch if runtime.device.type == "cuda" else min(settings.batch, PROCESSOR_BATCH)
        self.network = runtime.load(_OnPixels(self.kind.load(weights)), (self.batch, self.kind.size, self.kind.size, 3))

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
        parts = (crops[start : start + self.batch] for start in range(0, len(crops), self.batch))
        return np.concatenate([self._vectors(part) for part in parts])

    def _vectors(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Of one batch: as floats, a crowd's crops would take more memory than all its networks."""
        faces = torch.from_numpy(np.stack(crops)).to(self.device).float()
        vectors = normalize(self.network(faces))
        if self.mirror:
            vectors = normalize(vectors + normalize(self.network(faces.flip(2).contiguous())))
        return vectors.cpu().numpy()
