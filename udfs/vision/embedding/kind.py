"""What the house has to know of an embedder. Each has a file of its own beside this one and a line in `embed`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn


@dataclass(frozen=True)
class EmbedderKind:
    size: int  # of the crop's side, in pixels
    dimensions: int
    template: np.ndarray  # (5, 2): where the landmarks lie in the crop, in pixels
    default_weights: str  # a key of engines.weights.WEIGHTS
    same_person: float  # cosine from which its makers take two photos to show one person
    load: Callable[[Path], nn.Module]  # of a verified file: (n, 3, size, size) RGB of 0 … 255 → (n, dimensions)
