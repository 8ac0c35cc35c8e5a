"""The weights of an ONNX file, brought back to float32 where they are stored as int8 in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper


class OnnxWeights:
    """Of a file whose hash the caller has checked.

    >>> weights = OnnxWeights(sface_file)
    >>> weights["pre_fc1_weight_dequantized"].shape
    torch.Size([128, 50176])
    """

    def __init__(self, path: Path):
        graph = onnx.load(str(path)).graph
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        self.steps = {step.output[0]: step for step in graph.node}

    def __getitem__(self, name: str) -> torch.Tensor:
        """float32, by the name that the graph has for it where a layer takes it, dequantised and reshaped if need be.

        Raises KeyError where it is no weight.
        """
        return torch.from_numpy(self._array(name).astype(np.float32))

    def convolutions(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Weight and bias of each convolution, in the graph's order. Every one must have a bias."""
        for step in self.steps.values():
            if step.op_type == "Conv":
                _, weight, bias = step.input
                yield self[weight], self[bias]

    def _array(self, name: str) -> np.ndarray:
        if name in self.stored:
            return numpy_helper.to_array(self.stored[name])
        step = self.steps[name]
        if step.op_type == "Reshape":
            values, shape = (self._array(part) for part in step.input)
            return values.reshape(shape)
        if step.op_type != "DequantizeLinear":
            raise KeyError(f"{name} is no weight: {step.op_type} makes it")
        quantized, scales, zeros = (self._array(part) for part in step.input)
        return _dequantized(quantized, scales, zeros, **{option.name: option.i for option in step.attribute})


def _dequantized(
    quantized: np.ndarray, scales: np.ndarray, zeros: np.ndarray, axis: int, block_size: int
) -> np.ndarray:
    """(q - zero point) · scale, where each scale serves `block_size` values along the axis."""
    length = quantized.shape[axis]
    scales, zeros = (np.repeat(part, block_size, axis=axis).take(range(length), axis) for part in (scales, zeros))
    weights = np.subtract(quantized, zeros, dtype=np.float32)
    weights *= scales
    return weights
