"""Files of weights → state dicts, without running any code of theirs."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import torch

from facejoin.udfs.vision.weights import PACKAGED, verified

State = dict[str, torch.Tensor]


def torch_state(path: Path) -> State:
    """A state dict that torch.save wrote, whose hash the caller has checked."""
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return state


def packaged_state(name: str) -> State:
    """State dict of one of MTCNN's networks, from facejoin's dependency facenet-pytorch. Raises WeightsError."""
    with as_file(files("facenet_pytorch") / "data" / f"{name}.pt") as path:
        return torch_state(verified(path, PACKAGED[name]))
