"""Files of weights → state dicts, without running any code of theirs."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import torch

from facejoin.udfs.vision.engines.weights import PACKAGED, verified

StateDict = dict[str, torch.Tensor]


def torch_state_dict(path: Path) -> StateDict:
    """What torch.save wrote of a module; the caller has checked the file's hash."""
    state: StateDict = torch.load(path, map_location="cpu", weights_only=True)
    return state


def packaged_state_dict(name: str) -> StateDict:
    """Of one of MTCNN's networks (a key of PACKAGED), from facejoin's dependency facenet-pytorch. Raises WeightsError.

    >>> packaged_state_dict("pnet")["conv1.weight"].shape
    torch.Size([10, 3, 3, 3])
    """
    with as_file(files("facenet_pytorch") / "data" / f"{name}.pt") as path:
        return torch_state_dict(verified(path, PACKAGED[name]))
