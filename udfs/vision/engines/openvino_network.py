"""A torch module compiled by OpenVINO for this processor. Imported only where OpenVINO is installed."""

from __future__ import annotations

import itertools
import math
import warnings
from collections import Counter
from collections.abc import Iterable

import numpy as np
import openvino as ov
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import nn

EXAMPLE_SIDE = 64  # of the rows that a module for any size is traced with
OFTEN = 4  # times that a size comes before it gets a network of its own: compiling takes as long as some 60 runs save
IDLE = 300  # calls after which one may go to make room for another
STEPS_KEPT = 500  # prepared for sizes that a network for any size has had: some 10 sizes; all would take 100 MB
MOST_COMPILED = 4_000_000  # numbers in the inputs of these networks; one takes some 30 bytes for each
HINTS = {torch.float32: "f32", torch.bfloat16: "bf16"}


class OpenVinoModel:
    """A torch module as OpenVINO has it, to be compiled for any shapes that it takes, one of which is given."""

    def __init__(self, module: nn.Module, shape: tuple[int, ...]):
        """The steps of openvino.convert_model, which would report its use over the network as well."""
        frontend = FrontEndManager().load_by_framework("pytorch")
        with warnings.catch_warnings(), torch.no_grad():  # the trace would keep every layer's output
            warnings.simplefilter("ignore", FutureWarning)  # that the decoder's torch.jit.trace is out of date
            unchecked = {"check_trace": False}  # a second run of the module, and its memory
            # Kept, since the model refers to its arrays without holding them.
            self.decoder = TorchScriptPythonDecoder(module, example_input=torch.zeros(shape), trace_kwargs=unchecked)
        self.model = frontend.convert(frontend.load(self.decoder))

    def compiled(self, shape: tuple[int, ...], precision: torch.dtype) -> ov.CompiledModel:
        model = self.model.clone()
        model.reshape(list(shape))
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "CPU_RUNTIME_CACHE_CAPACITY": STEPS_KEPT,
            "ENABLE_CPU_PINNING": False,  # several of Spark's workers share a machine
        }
        return ov.Core().compile_model(model, "CPU", options)


class OpenVinoNetwork:
    """float32 rows on the processor → float32 outputs, shape[0] rows at a time, computed in `precision`."""

    def __init__(self, model: OpenVinoModel, shape: tuple[int, ...], precision: torch.dtype):
        self.batch = shape[0]
        self.request = model.compiled(shape, precision).create_infer_request()

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """rows (n, …), n > 0 → (n, …)."""
        outputs = [self._run(part.numpy()) for part in torch.split(rows, self.batch)]
        return torch.from_numpy(outputs[0] if len(outputs) == 1 else np.concatenate(outputs))

    def _run(self, rows: np.ndarray) -> np.ndarray:
        """At most as many rows as were compiled for; fewer are filled up."""
        count = len(rows)
        if count < self.batch:
            rows = np.concatenate([rows, np.zeros((self.batch - count, *rows.shape[1:]), np.float32)])
        outputs: np.ndarray = self.request.infer([rows], share_inputs=True)[0]  # a copy: the request's own is reused
        return outputs[:count]


class OpenVinoNetworks:
    """The networks of a module for rows of any size: sides of `shape` that vary are -1.

    A size that comes often gets one compiled for it, which takes time and memory. All others share one for any size,
    which is slower, most of all where the size changes.
    """

    def __init__(self, module: nn.Module, shape: tuple[int, ...], precision: torch.dtype):
        self.shape = shape
        self.precision = precision
        self.model = OpenVinoModel(module, _filled(shape, itertools.repeat(EXAMPLE_SIDE)))
        self.shared = OpenVinoNetwork(self.model, shape, precision)
        self.own: dict[tuple[int, ...], OpenVinoNetwork] = {}
        self.times: Counter[tuple[int, ...]] = Counter()  # that a size came
        self.last: dict[tuple[int, ...], int] = {}  # call in which one's own was used
        self.calls = 0

    def __call__(self, sides: tuple[int, ...]) -> OpenVinoNetwork:
        self.calls += 1
        self.times[sides] += 1
        if sides not in self.own:
            if self.times[sides] < OFTEN or not self._makes_room(sides):
                return self.shared
            self.own[sides] = OpenVinoNetwork(self.model, _filled(self.shape, sides), self.precision)
        self.last[sides] = self.calls
        return self.own[sides]

    def _makes_room(self, sides: tuple[int, ...]) -> bool:
        """Whether a network of this size may be compiled; those that have been idle for long go for it."""
        while sum(math.prod(_filled(self.shape, own)) for own in [*self.own, sides]) > MOST_COMPILED:
            oldest = min(self.own, key=lambda own: self.last[own], default=None)
            if oldest is None or self.calls - self.last[oldest] < IDLE:
                return False
            del self.own[oldest], self.times[oldest]
        return True


def _filled(shape: tuple[int, ...], sides: Iterable[int]) -> tuple[int, ...]:
    left = iter(sides)
    return tuple(next(left) if side == -1 else side for side in shape)


def gains_from_bfloat16() -> bool:
    """Whether this processor is faster in it than in float32.

    An Intel with instructions for it is so by AMX alone: by those of AVX-512 a product of matrices takes twice as long.
    """
    processor = torch.cpu.get_capabilities()
    is_intel = "Intel" in processor.get("cpu_name", "")
    can = "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return can and (not is_intel or bool(processor.get("amx_bf16")))
