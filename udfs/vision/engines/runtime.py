"""What runs a network: torch on a GPU, OpenVINO on a processor. The networks are the same torch modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import torch
from torch import nn

from facejoin.conf.settings import ComputeSettings
from facejoin.udfs.vision.engines.device import choose_device
from facejoin.udfs.vision.engines.errors import DeviceError

Network = Callable[[torch.Tensor], torch.Tensor]
Engine = Literal["torch", "openvino"]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Runtime:
    device: torch.device
    engine: Engine
    precision: torch.dtype

    def load(self, module: nn.Module, shape: tuple[int, ...]) -> Network:
        """A function of float32 rows (n, *shape[1:]) on the device → the module's outputs for them, as float32.

        It runs shape[0] rows at a time: a row has the same outputs alone and among any others.
        """
        if self.engine == "openvino":
            from facejoin.udfs.vision.engines.openvino_network import OpenVinoModel, OpenVinoNetwork

            return OpenVinoNetwork(OpenVinoModel(module, shape), shape, self.precision)
        return self._torch_network(module, shape[0])

    def load_any_size(self, module: nn.Module, shape: tuple[int, ...]) -> Callable[[tuple[int, ...]], Network]:
        """As `load`, for a module that takes rows of any size: sides of `shape` that vary are -1. They → the network
        for them, to be asked for each time that it is used.

        >>> runtime = choose_runtime(ComputeSettings(device="cpu"))
        >>> network_for = runtime.load_any_size(nn.MaxPool2d(2), (1, 3, -1, -1))
        >>> network_for((4, 6))(torch.zeros(5, 3, 4, 6)).shape
        torch.Size([5, 3, 2, 3])
        """
        if self.engine == "openvino":
            from facejoin.udfs.vision.engines.openvino_network import OpenVinoNetworks

            return OpenVinoNetworks(module, shape, self.precision)
        network = self._torch_network(module, shape[0])
        return lambda _: network

    def _torch_network(self, module: nn.Module, batch: int) -> TorchNetwork:
        return TorchNetwork(module.to(self.device, self.precision).to(memory_format=torch.channels_last), batch)


@dataclass(frozen=True)
class Runtimes:
    """Of each network its own."""

    detect: Runtime
    embed: Runtime


def choose_runtimes(settings: ComputeSettings, gpu_addresses: Sequence[str] = ()) -> Runtimes:
    """As `choose_runtime`, of each network.

    >>> both = choose_runtimes(ComputeSettings(device="cpu", embed=OwnComputeSettings(runtime="torch")))
    >>> both.embed
    Runtime(device=device(type='cpu'), engine='torch', precision=torch.float32)
    """
    detect, embed = (choose_runtime(settings.of(network), gpu_addresses) for network in ("detect", "embed"))
    return Runtimes(detect, embed)


def choose_runtime(settings: ComputeSettings, gpu_addresses: Sequence[str] = ()) -> Runtime:
    """What `device`, `runtime` and `precision` say, whatever one network's own settings are.

    `gpu_addresses` are the GPUs that the scheduler gave this task. Raises DeviceError where one is not to be had.

    >>> choose_runtime(ComputeSettings(device="cpu", runtime="torch"))
    Runtime(device=device(type='cpu'), engine='torch', precision=torch.float32)
    """
    device = choose_device(settings.device, gpu_addresses)
    engine = _choose_engine(settings.runtime, device)
    return Runtime(device, engine, _choose_precision(settings.precision, device, engine))


def _choose_engine(requested: str, device: torch.device) -> Engine:
    if requested == "torch" or device.type != "cpu":
        if requested == "openvino":
            raise DeviceError(f"runtime 'openvino' was asked for, but it runs on a processor, not on {device}")
        return "torch"
    if find_spec("openvino") is not None:
        return "openvino"
    if requested == "openvino":
        raise DeviceError("runtime 'openvino' was asked for, but it is not installed: pip install openvino")
    return "torch"


def _choose_precision(requested: str, device: torch.device, engine: Engine) -> torch.dtype:
    """auto: half precision on a GPU; on a processor bfloat16 where OpenVINO is faster in it, else float32."""
    if requested == "float16" and device.type == "cpu":
        raise DeviceError("precision 'float16' was asked for, but it is for GPUs: take 'bfloat16' on a processor")
    if requested != "auto":
        return PRECISIONS[requested]
    if device.type != "cpu":
        return torch.float16
    if engine == "openvino":
        from facejoin.udfs.vision.engines.openvino_network import gains_from_bfloat16

        return torch.bfloat16 if gains_from_bfloat16() else torch.float32
    return torch.float32


class TorchNetwork:
    """A module on its device, some rows at a time."""

    def __init__(self, module: nn.Module, batch: int):
        self.module = module.eval()
        self.batch = batch

    @torch.inference_mode()
    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.module(part).float() for part in torch.split(rows, self.batch)])
