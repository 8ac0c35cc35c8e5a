"""A torch module compiled by OpenVINO for this processor. Imported only where OpenVINO is installed."""

from __future__ import annotations

import warnings

import numpy as np
import openvino as ov
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import nn

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
            "ENABLE_CPU_PINNING": False,  # several of Spark's workers share a machine
        }
        return ov.Core().compile_model(model, "CPU", options)


class OpenVinoNetwork:
    """float32 rows on the processor → float32 outputs, shape[0] rows at a time, computed in `precision`."""

    def __init__(self, model: OpenVinoModel, shape: tuple[int, ...], precision: torch.dtype):
        self.padded = np.zeros(shape, np.float32)
        self.request = model.compiled(shape, precision).create_infer_request()

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """rows (n, …), n > 0 → (n, …)."""
        outputs = [self._run(part.numpy()) for part in torch.split(rows, len(self.padded))]
        return torch.from_numpy(np.concatenate(outputs))

    def _run(self, rows: np.ndarray) -> np.ndarray:
        """At most as many rows as were compiled for; fewer are filled up."""
        count = len(rows)
        if count < len(self.padded):
            self.padded[:count] = rows
            rows = self.padded
        outputs: np.ndarray = self.request.infer([rows], share_inputs=True)[0]  # a copy: the request's own is reused
        return outputs[:count]


def gains_from_bfloat16() -> bool:
    """Whether this processor is faster in it than in float32.

    An Intel with instructions for it is so by AMX alone: by those of AVX-512 a product of matrices takes twice as long.
    """
    processor = torch.cpu.get_capabilities()
    is_intel = "Intel" in processor.get("cpu_name", "")
    can = "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return can and (not is_intel or bool(processor.get("amx_bf16")))
