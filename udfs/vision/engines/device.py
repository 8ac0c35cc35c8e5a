"""Which device a task's networks run on."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from facejoin.udfs.vision.engines.errors import DeviceError


def choose_device(requested: str, gpu_addresses: Sequence[str] = ()) -> torch.device:
    """`requested` is auto, cpu, cuda or cuda:n; `gpu_addresses` are the GPUs that the scheduler gave this task.

    auto and cuda take the task's own GPU, else the first one; auto falls back to the processor.
    Raises DeviceError where CUDA is asked for and is not there.
    """
    if requested == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if requested == "auto":
            return torch.device("cpu")
        raise DeviceError(f"device {requested!r} was asked for, but torch finds no CUDA device in this process")
    if requested.startswith("cuda:"):
        return _numbered(requested)
    return torch.device("cuda", int(gpu_addresses[0]) if gpu_addresses else 0)


def _numbered(requested: str) -> torch.device:
    device, count = torch.device(requested), torch.cuda.device_count()
    if device.index >= count:
        raise DeviceError(f"device {requested!r} was asked for, but torch finds {count} CUDA devices in this process")
    return device
